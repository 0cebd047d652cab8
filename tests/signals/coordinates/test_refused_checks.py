"""What does not fit is named: the argument, or the width at which it came up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError, PlanError
from initwise.signals import ProbeError
from tests.signals.coordinates.checking import BATCH, mlp, sized

TWO = sized(mlp, (16, 32))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (sized(mlp, (16,)), "models has 1 width, and a slope needs at least 2"),
        ({}, "models has 0 widths"),
        ({16: lambda: mlp(16), -2: lambda: mlp(2)}, "models has the width -2, which is no integer above 0"),
        ({16: lambda: mlp(16), 2.5: lambda: mlp(2)}, "the width 2.5"),
        ({16: lambda: mlp(16), True: lambda: mlp(1)}, "the width True"),
        ({16: mlp(16), 32: mlp(32)}, r"models\[16\] is Sequential, not a function without arguments"),
        ([mlp, mlp], "models is .* of type list"),
    ],
)
def test_models_that_are_no_builders_by_width_are_refused(models: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        iw.coordinate_check(models, BATCH)


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ArgumentError, match=r"steps is 0.*seeds is 1.*tolerance is -1.*confidence is 95") as caught:
        iw.coordinate_check(TWO, BATCH, steps=0, seeds=1, tolerance=-1, confidence=95)
    assert str(caught.value).startswith("coordinate_check: ")
    with pytest.raises(ArgumentError, match="optimizer is 'adan', and must be one of 'adam', 'sgd'; did you mean"):
        iw.coordinate_check(TWO, BATCH, optimizer="adan")  # type: ignore[arg-type]


def test_models_of_other_architectures_are_refused_with_what_is_missing() -> None:
    models = {16: lambda: mlp(16), 32: lambda: mlp(32)[:5]}
    with pytest.raises(ArgumentError, match=r"the model of width 32 lacks '6', against that of width 16"):
        iw.coordinate_check(models, BATCH)


def test_functions_that_all_build_one_width_are_refused() -> None:
    late = {width: (lambda: mlp(width)) for width in (16, 32)}  # noqa: B023 - the mistake that is meant
    with pytest.raises(
        ArgumentError, match=r"width 32: the model has the same shapes as that of width 16; .*lambda wid"
    ):
        iw.coordinate_check(late, BATCH)


def test_along_depth_something_must_grow_in_number() -> None:
    with pytest.raises(ArgumentError, match="the models of depths 16, 32 hold the same modules"):
        iw.coordinate_check(TWO, BATCH, along="depth")


def test_inputs_that_do_not_fit_are_told_with_the_width() -> None:
    with pytest.raises(ProbeError, match=r"coordinate_check, width 16: the model raised RuntimeError with 3x7 float32"):
        iw.coordinate_check(TWO, torch.zeros(3, 7))
    with pytest.raises(ArgumentTypeError, match="coordinate_check, width 16: inputs for Sequential are None"):
        iw.coordinate_check(TWO, None)
    with pytest.raises(ArgumentError, match="width 16: inputs are on the meta device"):
        iw.coordinate_check(TWO, BATCH.to("meta"))


def test_a_loss_that_does_not_depend_on_the_model_is_refused() -> None:
    with pytest.raises(ArgumentError, match="width 16: the loss has no gradient"):
        iw.coordinate_check(TWO, BATCH, lambda out: out.detach().mean())
    other = torch.ones((), requires_grad=True)
    with pytest.raises(ArgumentError, match="width 16: the loss does not depend on any parameter of the model"):
        iw.coordinate_check(TWO, BATCH, lambda out: other * out.detach().mean())


def test_a_builder_must_build_a_new_model_each_time() -> None:
    kept = {16: mlp(16), 32: mlp(32)}
    with pytest.raises(ArgumentError, match="width 16: the function returned a model that was trained before"):
        iw.coordinate_check({16: lambda: kept[16], 32: lambda: kept[32]}, BATCH)


def test_a_builder_that_raises_or_builds_something_else_is_named() -> None:
    def broken() -> nn.Module:
        raise OSError("no such file")

    with pytest.raises(ArgumentError, match="width 32: the function that builds the model raised OSError: no such"):
        iw.coordinate_check({16: lambda: mlp(16), 32: broken}, BATCH)
    with pytest.raises(ArgumentTypeError, match=r"width 16: the function returned 7; it must build an nn\.Module"):
        iw.coordinate_check({16: lambda: 7, 32: broken}, BATCH)  # type: ignore[dict-item,return-value]


def test_a_model_without_memory_or_without_trained_parameters_is_refused() -> None:
    def meta() -> nn.Module:
        with torch.device("meta"):
            return mlp(16)

    with pytest.raises(ArgumentError, match=r"width 16: '0\.weight' is on the meta device"):
        iw.coordinate_check({16: meta, 32: meta}, BATCH)
    with pytest.raises(ArgumentError, match="width 16: no parameter has requires_grad"):
        iw.coordinate_check(sized(lambda width: mlp(width).requires_grad_(requires_grad=False), (16, 32)), BATCH)


def test_a_selector_that_selects_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"width 16: only=Glob\('layers\.\*'\) selects no module"):
        iw.coordinate_check(TWO, BATCH, only="layers.*")


def test_a_plan_or_an_optimizer_that_does_not_fit_is_told_with_the_width() -> None:
    with pytest.raises(PlanError, match="coordinate_check, width 16: plan"):
        iw.coordinate_check(TWO, BATCH, plan=[iw.rule("nothing", iw.Ones())])
    with pytest.raises(ArgumentTypeError, match="width 16: optimizer returned None"):
        iw.coordinate_check(TWO, BATCH, optimizer=lambda model: None)  # type: ignore[arg-type,return-value]

    def closed(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(model.parameters())

    with pytest.raises(ProbeError, match="width 16: the training step raised TypeError"):
        iw.coordinate_check(TWO, BATCH, optimizer=closed)


def test_a_loss_that_raises_is_told_with_the_width() -> None:
    def loss(out: Tensor) -> Tensor:
        raise ValueError("no labels")

    with pytest.raises(ProbeError, match="width 16: the loss raised ValueError"):
        iw.coordinate_check(TWO, BATCH, loss)
