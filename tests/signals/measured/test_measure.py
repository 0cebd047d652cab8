"""`measure`: what it tells is what the tensors hold, and nothing of the pass stays."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import initwise as iw
from initwise.signals import ProbeError


class Net(nn.Module):
    """Two layers, a batch norm and a dropout; what it returns can be wrapped."""

    def __init__(self, wrap: Callable[[Tensor], Any] = lambda out: out) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Dropout(0.5)
        self.last, self.wrap = nn.Linear(32, 4), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.last(self.drop(torch.relu(self.norm(self.first(x))))))


@dataclass
class Output:
    """An output as a dataclass."""

    logits: Tensor


def squared(output: Tensor) -> Tensor:
    return output.square().mean()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_moments_gradients_and_norms_are_those_of_the_tensors() -> None:
    first, last, x = nn.Linear(8, 16), nn.Linear(16, 3), torch.randn(5, 8)
    found = iw.measure(nn.Sequential(first, nn.Tanh(), last), x, squared)
    hidden = first(x)
    hidden.retain_grad()
    loss = squared(last(torch.tanh(hidden)))
    loss.backward()
    row = found.find("0")
    assert row.mean == pytest.approx(float(hidden.detach().mean()), rel=1e-4)
    assert row.second_moment == pytest.approx(float(hidden.detach().square().mean()), rel=1e-5)
    assert hidden.grad is not None
    assert row.grad_second_moment == pytest.approx(float(hidden.grad.square().mean()), rel=1e-5)
    assert found.loss == pytest.approx(float(loss.detach()), rel=1e-5)
    gradient = first.weight.grad
    assert gradient is not None
    weight = found.parameters["0.weight"]
    assert weight.grad_norm == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert weight.grad_second_moment == pytest.approx(float(gradient.square().mean()), rel=1e-5)


def test_update_ratios_are_those_of_a_first_step() -> None:
    net, x = nn.Linear(8, 3), torch.randn(5, 8)
    found = iw.measure(net, x, squared, learning_rate=0.01).parameters["weight"].update_ratios
    for name, kind in (("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)):
        trained = copy.deepcopy(net)
        squared(trained(x)).backward()
        kind(trained.parameters(), lr=0.01).step()
        step = (trained.weight - net.weight).detach().norm() / net.weight.detach().norm()
        assert found[name] == pytest.approx(float(step), rel=1e-3), name


def test_dead_and_saturated_units_are_shares() -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    with torch.no_grad():
        first.bias.copy_(torch.tensor([-100.0, 100.0, 100.0, 100.0]))
        second.weight.zero_()
        second.bias.copy_(torch.tensor([9.0, -9.0, 0.0, 0.0]))
    found = iw.measure(nn.Sequential(first, nn.ReLU(), second, nn.Tanh()), torch.randn(8, 4), squared)
    assert (found.find("1").units, found.find("1").dead) == (4, 0.25)
    assert found.find("3").saturated == pytest.approx(0.5)


def test_histograms_hold_all_finite_values_and_count_the_others_apart() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 8)

        def forward(self, x: Tensor) -> Tensor:
            made = self.layer(x)
            flags = torch.zeros_like(made)
            flags[0, 0], flags[1, 1] = float("nan"), float("inf")
            total: Tensor = made + flags
            return total

    found = iw.measure(Odd(), torch.randn(6, 4), lambda out: out[2:].square().mean(), bins=10)
    row = next(each for each in found if each.operation == "add")
    assert (row.nan, row.infinite) == (1, 1)
    assert row.histogram is not None
    assert (sum(row.histogram.counts), row.histogram.nan, row.histogram.infinite) == (46, 1, 1)
    assert row.second_moment is None
    assert "1 elements are NaN and 1 are infinite" in row.why
    weight = found.parameters["layer.weight"].histogram
    assert weight is not None
    assert (len(weight.counts), sum(weight.counts)) == (10, 32)
    assert all(each.histogram is None for each in iw.measure(Net(), torch.randn(4, 16), histograms=False))


def test_the_effective_rank_of_equal_samples_is_one_and_of_independent_ones_many() -> None:
    net = nn.Linear(64, 64, bias=False)
    same = iw.measure(net, torch.randn(1, 64).expand(16, 64)).find("").effective_rank
    many = iw.measure(net, torch.randn(16, 64)).find("").effective_rank
    assert same == pytest.approx(1.0, abs=1e-3)
    assert many is not None
    assert 12 < many <= 16


def test_seeds_with_a_plan_are_draws_of_it_and_the_models_own_weights_come_back() -> None:
    net, x = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4)), torch.randn(8, 32)
    plan = iw.plan(net, "kaiming", seed=5)
    before = iw.digest(net)
    found = iw.measure(net, x, squared, 3, plan=plan)
    assert iw.digest(net) == before
    moments = []
    for seed in (5, 6, 7):
        drawn = copy.deepcopy(net)
        iw.apply(drawn, replace(plan, seed=seed))
        moments.append(float(drawn[0](x).detach().square().mean()))
    assert found.find("0").second_moment == pytest.approx(math.prod(moments) ** (1 / 3), rel=1e-4)
    logs = torch.tensor(moments).log()
    assert found.find("0").spread == pytest.approx(float(logs.std()), rel=1e-3)
    assert found.seeds == 3


@pytest.mark.parametrize(
    "wrap",
    [lambda out: {"logits": out}, lambda out: (out, None), Output, lambda out: [out]],
    ids=["dict", "tuple", "dataclass", "list"],
)
def test_outputs_of_any_structure_are_measured(wrap: Callable[[Tensor], Any]) -> None:
    found = iw.measure(Net(wrap), torch.randn(6, 16))
    assert found.find("last").second_moment is not None
    assert (found.find("first").grad_second_moment or 0.0) > 0
    assert "random labels" in found.loss_in_words


def test_everything_is_put_back() -> None:
    net, x = Net(), torch.randn(6, 16)
    net.train()
    net.first.weight.grad = torch.ones_like(net.first.weight)
    optimizer = torch.optim.Adam(net.parameters())
    steps: list[int] = []
    net.last.weight.register_post_accumulate_grad_hook(lambda _: steps.append(1))
    weights, buffers = iw.digest(net), copy.deepcopy(dict(net.named_buffers()))
    state, hooks = torch.get_rng_state(), len(net.first._forward_hooks)
    iw.measure(net, x, seeds=2, plan=iw.plan(net, "kaiming"), jacobian="first")
    assert iw.digest(net) == weights
    assert all(torch.equal(value, buffers[name]) for name, value in net.named_buffers())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(net.first.weight.grad, torch.ones_like(net.first.weight))
    assert net.last.weight.grad is None
    assert all(module.training for module in net.modules())
    assert len(net.first._forward_hooks) == hooks
    assert not optimizer.state
    assert not steps


def test_everything_is_put_back_after_a_failure_too() -> None:
    class Failing(Net):
        def forward(self, x: Tensor) -> Any:
            super().forward(x)
            raise ValueError("no")

    net = Failing()
    net.train()
    weights, buffers = iw.digest(net), copy.deepcopy(dict(net.named_buffers()))
    with pytest.raises(ProbeError, match="ValueError"):
        iw.measure(net, torch.randn(6, 16), plan=iw.plan(net, "kaiming"))
    assert iw.digest(net) == weights
    assert all(torch.equal(value, buffers[name]) for name, value in net.named_buffers())
    assert all(module.training for module in net.modules())


def test_a_shared_module_has_a_row_for_each_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.layer(10 * self.layer(x))
            return made

    found = iw.measure(Twice(), torch.randn(4, 8))
    first, second = found.find("layer", "linear", 0), found.find("layer", "linear", 1)
    assert (first.call, second.call) == (0, 1)
    assert (second.second_moment or 0.0) > 5 * (first.second_moment or 0.0)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_models_are_measured(reentrant: bool) -> None:
    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body, self.last = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.last(
                checkpoint(lambda y: torch.relu(self.body(y)), self.first(x), use_reentrant=reentrant)
            )
            return made

    net = Saving()
    found = iw.measure(net, torch.randn(4, 8))
    assert all((each.grad_second_moment or 0.0) > 0 for each in found.parameters.values())
    assert [row.module for row in found if row.operation == "linear"] == ["first", "body", "last"]


def test_autocast_and_in_place_operations_are_measured() -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                made: Tensor = self.last(F.relu(self.first(x), inplace=True))
                return made

    found = iw.measure(Cast(), torch.randn(4, 8))
    assert found.find("first", "linear").second_moment is not None
    assert (found.parameters["first.weight"].grad_second_moment or 0.0) > 0


def test_of_a_compiled_model_the_original_is_measured_and_it_says_so() -> None:
    net = Net()
    compiled: Any = torch.compile(net, backend="eager")
    found = iw.measure(compiled, torch.randn(6, 16))
    assert found.model == "Net"
    assert any("compile" in note for note in found.notes)
    assert [row.module for row in found if row.operation == "linear"] == ["first", "last"]


def test_what_leaves_its_band_is_judged() -> None:
    net = nn.Sequential(*(layer for _ in range(8) for layer in (nn.Linear(64, 64), nn.ReLU())), nn.Linear(64, 10))
    rules = [iw.rule(nn.Linear, weight=iw.KaimingNormal(nonlinearity="relu"), bias=iw.Zeros())]
    plan = iw.plan(net, [*rules, iw.rule("6.weight", iw.Normal(std=3.0))])
    verdicts = iw.measure(net, torch.randn(16, 64), plan=plan).verdicts
    assert [each.culprit.parameter for each in verdicts if each.culprit] == ["6.weight"]
    assert all(each.ok for each in iw.measure(net, torch.randn(16, 64), plan=iw.plan(net, rules)).verdicts)


def test_the_jacobian_of_a_small_block_is_the_exact_one() -> None:
    net = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 5))
    x = torch.randn(1, 6)
    found = iw.measure(net, x, jacobian=("0", "1")).jacobians
    assert found["0"].largest == pytest.approx(torch.linalg.svdvals(net[0].weight)[:5].tolist(), rel=1e-4)
    slopes = (1 - torch.tanh(net[0](x)) ** 2).flatten().sort(descending=True).values
    assert found["1"].largest == pytest.approx(slopes[:5].tolist(), rel=1e-4)


def test_all_singular_values_of_a_deep_orthogonal_net_are_one() -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*(nn.Linear(512, 512, bias=False) for _ in range(12)))

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.body(x)
            return made

    net = Deep()
    iw.apply(net, iw.plan(net, [iw.rule(nn.Linear, weight=iw.Orthogonal())]))
    found = iw.measure(net, torch.randn(4, 512), jacobian="body").jacobians["body"]
    assert found.largest[0] == pytest.approx(1.0, abs=1e-3)
    assert found.quantiles[0.05] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0, and must be positive"),
        ({"bins": 1}, "bins is 1"),
        ({"jacobian": "frist"}, "jacobian names 'frist', and the model has no such module; did you mean 'first'"),
        (
            {"loss": lambda out: torch.zeros((), requires_grad=True)},
            "the loss does not depend on any trained parameter",
        ),
        ({"loss": lambda out: out}, "it must be a scalar"),
        ({"inputs": torch.full((4, 16), float("inf"))}, "infinit"),
        ({"inputs": torch.full((4, 16), float("nan"))}, "NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict[str, Any], said: str) -> None:
    asked: dict[str, Any] = {"inputs": torch.randn(4, 16), **change}
    with pytest.raises(iw.ArgumentError, match=said):
        iw.measure(Net(), **asked)


def test_inputs_that_do_not_fit_are_refused_with_the_models_own_words() -> None:
    with pytest.raises(ProbeError, match=r"linear in 'first' raised RuntimeError with 4x15 float32"):
        iw.measure(Net(), torch.randn(4, 15))


def test_a_model_on_meta_is_to_be_predicted() -> None:
    with pytest.raises(iw.ArgumentError, match=r"on the meta device, .* iw\.predict\(model, plan, inputs\)"):
        iw.measure(Net().to("meta"), torch.randn(4, 16))


def test_inputs_that_are_all_zero_are_told_of() -> None:
    assert any("zero" in note for note in iw.measure(Net(), torch.zeros(4, 16)).notes)


def test_inputs_of_no_kind_are_refused_in_the_name_of_measure() -> None:
    with pytest.raises(iw.errors.ArgumentTypeError, match=r"^measure: inputs for Net are None"):
        iw.measure(Net(), None)
