"""The measure of predicted signals measures: its list, its scorer, and one small model from end to end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from benchmarks.signals import _measure, _report
from benchmarks.signals._case import Case, case, noise
from benchmarks.signals._measure import Measured, Quantity, build, load, measure, quantity, save
from benchmarks.signals._models import DEVELOPED, LISTS, UNSEEN
from benchmarks.signals._predict import predicted
from benchmarks.signals._score import Predicted, Score, other_seed, score

KEYS = [("layer", "linear", 0, number) for number in range(10)]


def _net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 100)
    )


TINY = case("torch tiny", "kaiming", _net, lambda: noise(16, 3, 8, 8))


def _measured(*moments: Quantity, loss: float = 5.0) -> Measured:
    return Measured("model", "auto", Quantity(loss), dict(zip(KEYS, moments, strict=False)))


def _scored(moments: list[Quantity], predictions: list[float | None], loss: float | None = 5.0) -> Score:
    return score(_measured(*moments), Predicted(dict(zip(KEYS, predictions, strict=False)), loss=loss))


# ------------------------------------------------------------------------------------------------------------ the list


def test_the_list_has_thirty_models_that_nobody_developed_with_and_each_kind_that_is_hard() -> None:
    assert len(UNSEEN) >= 30
    assert len(DEVELOPED) + len(UNSEEN) >= 45
    traits = frozenset().union(*(each.traits for each in (*DEVELOPED, *UNSEEN)))
    assert traits >= {"squeeze-excitation", "QK-norm", "Mamba", "T5", "windows", "class token", "experts", "ALiBi"}
    assert frozenset().union(*(each.traits for each in UNSEEN)) >= {"squeeze-excitation", "QK-norm", "Mamba", "windows"}


def test_all_models_have_names_of_their_own() -> None:
    names = [each.slug for cases in LISTS.values() for each in cases]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("each", [*DEVELOPED, *UNSEEN], ids=lambda each: each.name)
def test_each_model_has_its_measurement(each: Case) -> None:
    measured = load(each)
    assert measured is not None
    assert measured.name == each.name
    assert set(measured.backward) <= set(measured.forward)
    assert measured.weights


# ---------------------------------------------------------------------------------------------------------- the scorer


def test_what_is_predicted_exactly_is_within_every_limit() -> None:
    found = _scored([Quantity(2.0), Quantity(3.0)], [2.0, 3.0])
    assert found.tally("forward").share(1.1) == 1.0
    assert found.loss_is_right is True


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_a_fifth_too_much_or_too_little_is_not_within_ten_percent_but_its_root_is(factor: float) -> None:
    found = _scored([Quantity(2.0), Quantity(3.0)], [2.0, 3.0 * factor]).tally("forward")
    assert found.share(1.1) == 0.5
    assert found.share(1.25) == 1.0
    assert found.share(1.1, root=True) == 1.0


@pytest.mark.parametrize("wrong", [None, math.nan, math.inf, 0.0, -2.0])
def test_what_is_missing_or_no_moment_fails(wrong: float | None) -> None:
    found = _scored([Quantity(2.0), Quantity(3.0)], [2.0, wrong]).tally("forward")
    assert found.share(2.0) == 0.5
    assert found.missing == 1


def test_an_operation_that_is_not_predicted_at_all_fails() -> None:
    assert _scored([Quantity(2.0), Quantity(3.0)], [2.0]).tally("forward").share(2.0) == 0.5


def test_what_spreads_from_seed_to_seed_is_exempt() -> None:
    found = _scored([Quantity(2.0, spread=0.26), Quantity(3.0, spread=0.25)], [None, 3.0]).tally("forward")
    assert (found.exempt, found.share(1.1)) == (1, 1.0)


@pytest.mark.parametrize(("value", "right"), [(0.0, 1), (1e-30, 0), (None, 0), (math.nan, 0)])
def test_zeros_are_predicted_exactly(value: float | None, right: int) -> None:
    found = _scored([Quantity(0.0)], [value]).tally("forward")
    assert (found.zeros, found.right, found.errors) == (1, right, ())


@pytest.mark.parametrize(("value", "right"), [(0.0, 1), (3e-16, 1), (1e-13, 0), (None, 0)])
def test_what_is_zero_but_for_rounding_is_predicted_as_no_more_than_rounding(value: float | None, right: int) -> None:
    found = _scored([Quantity(1e-16, rounding=True)], [value]).tally("forward")
    assert (found.zeros, found.right) == (1, right)


@pytest.mark.parametrize(
    ("value", "loss", "right"),
    [(2.04, 2, True), (2.06, 2, False), (11.1, 11, True), (10.8, 11, False), (None, 2, False)],
)
def test_a_loss_is_right_within_a_twentieth_of_a_nat_or_one_percent(
    value: float | None, loss: float, right: bool
) -> None:
    assert score(_measured(loss=loss), Predicted(loss=value)).loss_is_right is right


@pytest.mark.parametrize(("spread", "uncertain"), [(0.05, True), (0.03, False), (0.3, False)])
def test_a_loss_whose_mean_over_seeds_is_no_more_certain_than_the_limit_is_told(spread: float, uncertain: bool) -> None:
    measured = Measured("model", "auto", Quantity(5.0, spread))
    assert score(measured, Predicted()).loss_is_uncertain is uncertain


def test_totals_count_each_operation_once() -> None:
    one = _scored([Quantity(2.0)], [2.0])
    nine = _scored([Quantity(2.0)] * 9, [9.0] * 9)
    assert _report.summed([one, nine], "forward").share(2.0) == 0.1
    assert "| outputs within 2x | 10 | 99% | **10%** | not met | 10% | 100% |" in list(
        _report.totals([one, nine], [one])
    )


def test_the_mean_over_seeds_is_geometric_and_the_spread_that_of_the_logarithm() -> None:
    found = quantity([1.0, math.e**2])
    assert found.value == pytest.approx(math.e)
    assert found.spread == pytest.approx(math.sqrt(2))
    assert quantity([0.0, 0.0]) == Quantity(0.0)
    assert math.isinf(quantity([0.0, 1.0]).spread)


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measure, "FOLDER", tmp_path)
    key = KEYS[3]
    before = Measured(TINY.name, TINY.recipe, None, {key: Quantity(0.5, 0.125, True, 0.25)}, {}, {"w": Quantity(0.0)})
    save(before, TINY)
    assert load(TINY) == before


# ---------------------------------------------------------------------------------------------------- from end to end


def test_passes_are_measured_as_plain_hooks_see_them() -> None:
    measured = measure(TINY, seeds=1)
    model = build(TINY)
    iw.apply(model, iw.plan(model, TINY.recipe, seed=1, inputs=TINY.inputs()))
    labels = torch.randint(100, (16,), generator=torch.Generator().manual_seed(21))
    outputs: dict[str, Tensor] = {}
    with _kept(model, outputs):
        functional.cross_entropy(model(TINY.inputs()), labels).backward()
    for name, operation in (("0", "conv2d"), ("4", "linear")):
        key = (name, operation, 0, 0)
        assert measured.forward[key].value == pytest.approx(_square(outputs[name]), rel=1e-5)
        assert measured.backward[key].value == pytest.approx(_square(outputs[name].grad), rel=1e-5)
    for name, parameter in model.named_parameters():
        assert measured.weights[name].value == pytest.approx(_square(parameter.grad), rel=1e-5)


@contextmanager
def _kept(model: nn.Module, outputs: dict[str, Tensor]) -> Iterator[None]:
    def keep(name: str, output: Tensor) -> None:
        output.retain_grad()
        outputs[name] = output

    handles = [
        module.register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name, module in model.named_children()
    ]
    yield
    for handle in handles:
        handle.remove()


def _square(tensor: Tensor | None) -> float:
    assert tensor is not None
    return float(tensor.detach().double().square().mean())


class _Twice(nn.Module):
    """Two weights that one module multiplies with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Parameter(torch.empty(64, 64)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(functional.linear(x, self.first).relu(), self.second)


def test_operations_alike_in_one_module_are_numbered_as_in_the_prediction() -> None:
    twice = case("torch twice", "kaiming", _Twice, lambda: noise(32, 64))
    measured, found = measure(twice, seeds=2), predicted(twice)
    assert list(measured.forward) == [("", "linear", 0, 0), ("", "linear", 0, 1)]
    assert all(found.forward[key] for key in measured.forward)


def test_a_bias_before_a_norm_has_a_gradient_of_rounding_errors() -> None:
    net = case("torch biased", "kaiming", lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)), TINY.inputs)
    measured = measure(net, seeds=2)
    assert measured.weights["0.bias"].rounding
    assert not measured.weights["0.weight"].rounding


def test_a_small_model_is_measured_predicted_and_scored() -> None:
    measured = measure(TINY, seeds=4)
    found, other = score(measured, predicted(TINY)), score(measured, other_seed(measured))
    assert [found.tally(kind).share(2.0) for kind in ("forward", "backward", "weights")] == [1.0, 1.0, 1.0]
    assert found.tally("forward").missing == other.tally("forward").missing == 0
    assert found.reason == ""
    assert "torch tiny | kaiming | 2 |" in _report.row(found)
    assert len(list(_report.worst(found, 3))) == 3


def test_a_model_that_cannot_be_predicted_counts_with_all_its_numbers() -> None:
    found = predicted(case("torch refusing", "kaiming", lambda: _Refusing(_net()), TINY.inputs))
    assert "this model runs nowhere" in found.reason
    assert score(_measured(Quantity(2.0), Quantity(3.0)), found).tally("forward").missing == 2


class _Refusing(nn.Module):
    """A model that raises."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError("this model runs nowhere")
