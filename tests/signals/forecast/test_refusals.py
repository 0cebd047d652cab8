"""What cannot be predicted is named, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.signals.forecast._table import RULES

LIBRARY = torch.library.Library("initwise_tests", "DEF")
LIBRARY.define("odd(Tensor x) -> Tensor")
LIBRARY.impl("odd", lambda x: x.sign() * x.abs().sqrt(), "CompositeImplicitAutograd")


class Odd(nn.Module):
    """A custom operator between two layers, and a branch that goes past it."""

    def __init__(self, *, past: bool = False) -> None:
        super().__init__()
        self.first, self.second, self.side = nn.Linear(32, 64), nn.Linear(64, 8), nn.Linear(64, 8)
        self.past = past

    def forward(self, x: Tensor) -> Any:
        hidden = self.first(x)
        made = self.second(torch.ops.initwise_tests.odd(hidden))
        return self.side(hidden) if self.past else made


@pytest.fixture
def rules() -> Iterator[None]:
    """Put the table of rules back."""
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


def planned(model: nn.Module, inputs: Any) -> iw.Plan:
    return iw.plan(model, [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros())], inputs=inputs)


def test_an_operation_without_a_rule_is_reported_and_what_it_feeds_is_unknown() -> None:
    model, inputs = Odd(), torch.randn(4, 32)
    forecast = iw.predict(model, planned(model, inputs), inputs)
    assert forecast.find("first").second_moment == pytest.approx(2.0, rel=0.4)
    assert [row.operation for row in forecast if row.second_moment is None] == ["odd", "linear"]
    (unknown,) = forecast.unknown
    assert (unknown.operation, unknown.module, unknown.count) == ("odd", "", 1)
    assert "has no rule; add one with @iw.signals.rule(" in unknown.reason
    assert "measure it with iw.measure" in forecast.find("second").why
    assert forecast.loss is None


def test_gradients_that_pass_what_is_unknown_are_unknown_too() -> None:
    model, inputs = Odd(), torch.randn(4, 32)
    forecast = iw.predict(model, planned(model, inputs), inputs)
    assert forecast.find("first").grad_second_moment is None
    assert forecast.parameters["first.weight"].grad_second_moment is None
    assert "has no rule" in forecast.parameters["first.weight"].why


def test_what_does_not_reach_the_loss_hides_nothing() -> None:
    model, inputs = Odd(past=True), torch.randn(4, 32)
    forecast = iw.predict(model, planned(model, inputs), inputs)
    assert forecast.loss is not None
    assert (forecast.parameters["first.weight"].grad_second_moment or 0.0) > 0
    assert "takes no part" in forecast.parameters["second.weight"].why


@pytest.mark.usefixtures("rules")
def test_a_rule_of_the_users_fills_the_gap() -> None:
    @iw.signals.rule(torch.ops.initwise_tests.odd, elementwise=True)
    def odd(call: iw.signals.Call) -> Tensor:
        return call.input.sign() * call.input.abs().sqrt()

    model, inputs = Odd(), torch.randn(4, 32)
    forecast = iw.predict(model, planned(model, inputs), inputs, samples=8)
    assert not forecast.unknown
    row = forecast.find("", "odd")
    assert row.second_moment == pytest.approx((2 * 2.0 / torch.pi) ** 0.5, rel=0.2)  # E|x| for x ~ N(0, 2)
    assert (forecast.parameters["first.weight"].grad_second_moment or 0.0) > 0


@pytest.mark.usefixtures("rules")
def test_a_rule_replaces_the_one_that_there_is() -> None:
    @iw.signals.rule(torch.nn.functional.gelu)
    def gelu(call: iw.signals.Call) -> Tensor:
        made: Tensor = 2.0 * call.run()
        return made

    model, inputs = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 8)), torch.randn(4, 32)
    doubled = iw.predict(model, planned(model, inputs), inputs)
    assert gelu is not None
    RULES.pop("gelu")
    assert [each.operation for each in iw.predict(model, planned(model, inputs), inputs).unknown] == ["gelu"]
    assert doubled.find("1").second_moment is not None


@pytest.mark.parametrize(("given", "said"), [((), "give the functions"), ((3,), "3 of type int is not a function")])
def test_a_rule_for_nothing_is_refused(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(iw.ArgumentError, match=said):
        iw.signals.rule(*given)


def test_inputs_that_do_not_fit_are_refused_with_the_models_own_words() -> None:
    model = nn.Linear(32, 8)
    with pytest.raises(iw.ArgumentError, match=r"predict: the inputs do not fit the model: linear.* 4x31"):
        iw.predict(model, planned(model, torch.randn(4, 32)), torch.randn(4, 31))


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_inputs_that_are_no_numbers_are_refused(wrong: float) -> None:
    model, inputs = nn.Linear(32, 8), torch.randn(4, 32)
    plan = planned(model, inputs)
    inputs[1, 2] = wrong
    with pytest.raises(iw.ArgumentError, match="predict: input '0' holds infinities or NaN; give finite inputs"):
        iw.predict(model, plan, inputs)


def test_inputs_that_are_all_zero_are_told_of() -> None:
    model, inputs = nn.Linear(32, 8), torch.zeros(4, 32)
    forecast = iw.predict(model, planned(model, inputs), inputs)
    assert forecast.find("").second_moment == 0.0
    assert any("all zeros" in note for note in forecast.notes)


def test_inputs_on_meta_are_drawn_and_their_law_can_be_given() -> None:
    model = nn.Linear(256, 512, device="meta")
    inputs = torch.empty(32, 256, device="meta")
    plan = planned(model, inputs)
    assert iw.predict(model, plan, inputs).find("").second_moment == pytest.approx(2.0, rel=0.1)
    wide = iw.predict(model, plan, inputs, statistics={"0": iw.Normal(std=3.0)})
    assert wide.find("").second_moment == pytest.approx(18.0, rel=0.1)
    assert any("drawn from Normal(std=3.0)" in note for note in wide.notes)


def test_statistics_of_an_input_that_is_not_there_are_refused() -> None:
    model = nn.Linear(4, 2)
    with pytest.raises(iw.ArgumentError, match="statistics names 'pixels', which is no input; the inputs are 0"):
        iw.predict(
            model, planned(model, torch.randn(1, 4)), torch.randn(1, 4), statistics={"pixels": iw.Normal(std=1.0)}
        )
    with pytest.raises(iw.errors.ArgumentTypeError, match="give a law such as"):
        iw.predict(model, planned(model, torch.randn(1, 4)), torch.randn(1, 4), statistics={"0": 2.0})


def test_a_loss_that_does_not_depend_on_the_model_is_refused() -> None:
    model, inputs = nn.Linear(32, 8), torch.randn(4, 32)
    with pytest.raises(iw.ArgumentError, match="the loss does not depend on any parameter of the model"):
        iw.predict(model, planned(model, inputs), inputs, lambda out: inputs.sum())


def test_a_model_that_meta_cannot_run_is_to_be_measured() -> None:
    class Dynamic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(32, 8)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.layer(x)
            if made.is_meta:
                raise NotImplementedError("no kernel on meta")
            return made

    model, inputs = Dynamic(), torch.randn(4, 32)
    plan = iw.plan(model, [iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros())])
    with pytest.raises(iw.ArgumentError, match=r"cannot run on the meta device: linear .*iw.measure\(model, inputs\)"):
        iw.predict(model, plan, inputs)


def test_a_plan_for_another_model_is_refused() -> None:
    plan = planned(nn.Linear(32, 8), torch.randn(4, 32))
    with pytest.raises(iw.ArgumentError, match="'weight' is 8x32 in the plan and 9x32 in the model"):
        iw.predict(nn.Linear(32, 9), plan, torch.randn(4, 32))
    with pytest.raises(iw.errors.ArgumentTypeError, match="predict"):
        iw.predict(nn.Linear(32, 9), "gpt2", torch.randn(4, 32))  # type: ignore[arg-type]


def test_kept_parameters_count_with_their_own_values() -> None:
    model, inputs = nn.Linear(512, 512), torch.randn(16, 512)
    nn.init.normal_(model.weight, std=0.3)
    plan = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Keep(), bias=iw.Zeros())])
    forecast = iw.predict(model, plan, inputs)
    assert forecast.find("").second_moment == pytest.approx(0.09 * 512, rel=0.05)
    assert any("kept parameters count with their own values" in note and "weight" in note for note in forecast.notes)


def test_a_kept_parameter_on_meta_is_unknown() -> None:
    model = nn.Linear(32, 8, device="meta")
    plan = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Keep(), bias=iw.Zeros())])
    forecast = iw.predict(model, plan, torch.randn(4, 32))
    assert "'weight' is kept as it is, and has no values on the meta device" in forecast.find("").why


@pytest.mark.parametrize("samples", [0, -1, 2.5, True])
def test_a_number_of_samples_that_is_none_is_refused(samples: Any) -> None:
    model = nn.Linear(4, 2)
    with pytest.raises(iw.ArgumentError, match="predict: samples is"):
        iw.predict(model, planned(model, torch.randn(1, 4)), torch.randn(1, 4), samples=samples)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (torch.zeros(4, 32, dtype=torch.int64), "linear raised RuntimeError with 4x32 int64: .*dtype"),
        (torch.randn(4, 32).double(), "linear raised RuntimeError with 4x32 float64: .*dtype"),
    ],
)
def test_inputs_of_a_dtype_that_only_memory_refuses_are_refused(inputs: Tensor, said: str) -> None:
    model = nn.Linear(32, 8)
    with pytest.raises(iw.ArgumentError, match=f"predict: the inputs do not fit the model: {said}"):
        iw.predict(model, planned(model, torch.randn(4, 32)), inputs)


@pytest.mark.parametrize("index", [100, -1])
def test_token_ids_that_the_vocabulary_does_not_have_are_refused(index: int) -> None:
    model = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 8)).to("meta")
    plan = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=0.1)), iw.rule("*.bias", iw.Zeros())])
    with pytest.raises(
        iw.ArgumentError, match="do not fit the model: embedding in '0' raised IndexError with 2x3 int64"
    ):
        iw.predict(model, plan, torch.full((2, 3), index))


def test_inputs_without_elements_are_refused() -> None:
    model = nn.Linear(32, 8)
    with pytest.raises(iw.ArgumentError, match=r"input '0' is empty \(0x32 torch.float32\); give one sample"):
        iw.predict(model, planned(model, torch.randn(4, 32)), torch.randn(0, 32))


def test_double_precision_goes_through_all_of_it() -> None:
    model = nn.Linear(32, 512).double()
    plan = planned(model, torch.randn(4, 32).double())
    for inputs in (torch.randn(64, 32).double(), torch.empty(64, 32, dtype=torch.float64, device="meta")):
        assert iw.predict(model, plan, inputs).find("").second_moment == pytest.approx(2.0, rel=0.2)


def test_inputs_whose_squares_overflow_are_predicted() -> None:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
    forecast = iw.predict(model, planned(model, torch.randn(4, 32)), torch.randn(4, 32) * 1e25)
    assert forecast.find("0").second_moment is not None


def test_statistics_that_are_no_laws_by_input_are_refused() -> None:
    model = nn.Embedding(100, 16)
    plan, ids = iw.plan(model, iw.rule("weight", iw.Normal(std=0.1))), torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(iw.ArgumentError, match=r"names '0', which is torch\.int64; laws are for floating"):
        iw.predict(model, plan, ids, statistics={"0": iw.Normal(std=1.0)})
    with pytest.raises(iw.errors.ArgumentTypeError, match="give a law by input"):
        iw.predict(model, plan, ids, statistics=[iw.Normal(std=1.0)])  # type: ignore[arg-type]


def test_a_model_that_is_none_is_refused() -> None:
    model = nn.Linear(32, 8)
    with pytest.raises(iw.errors.ArgumentTypeError, match=r"predict: model is .* of type function; give a torch.nn"):
        iw.predict(lambda x: x, planned(model, torch.randn(4, 32)), torch.randn(4, 32))  # type: ignore[arg-type]


def test_kept_parameters_that_are_no_numbers_are_unknown() -> None:
    model, inputs = nn.Linear(32, 8), torch.randn(4, 32)
    model.weight.detach()[0, 0] = float("nan")
    plan = iw.plan(model, [iw.rule(nn.Linear, weight=iw.Keep(), bias=iw.Zeros())])
    assert "'weight' is kept as it is, and holds infinities or NaN" in iw.predict(model, plan, inputs).find("").why


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda out: out, r"predict: the loss has shape \(4, 8\); it must be a scalar"),
        (lambda out: 1.0, "predict: the loss returned a float"),
        (lambda out: out.nothing, "predict: the loss raised AttributeError"),
        (
            nn.functional.cross_entropy,
            "predict: the loss cross_entropy.* cannot be called with the model's output",
        ),
    ],
)
def test_losses_that_are_none_are_refused_in_the_name_of_predict(loss: Any, said: str) -> None:
    model, inputs = nn.Linear(32, 8), torch.randn(4, 32)
    with pytest.raises(iw.errors.InitwiseError, match=said):
        iw.predict(model, planned(model, inputs), inputs, loss)


def test_a_refusal_of_the_models_own_offers_measurement() -> None:
    class Picky(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if not super().forward(x).is_cpu:
                raise RuntimeError("only with memory")
            return x

    model = Picky(32, 8)
    plan = iw.plan(model, [iw.rule("weight", iw.KaimingNormal()), iw.rule("bias", iw.Zeros())])
    with pytest.raises(iw.ArgumentError, match=r"only with memory.*measure it instead: .*iw.measure\(model, inputs\)"):
        iw.predict(model, plan, torch.randn(4, 32))
