"""What `materialize` refuses, before anything is allocated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ApplyError, ArgumentError, ArgumentTypeError
from tests.writing.eager import on_meta


def _linear() -> Any:
    return on_meta(lambda: nn.Linear(3, 3))


def test_a_device_that_is_not_there_or_has_no_memory_is_refused() -> None:
    model = _linear()
    plan = iw.plan(model, "torch-default")
    devices: tuple[Any, ...] = ("nowhere", "cuda:97", 3.5)
    for device in devices:
        with pytest.raises(ArgumentError, match=r"materialize: device .* is not there \(.*\); give one that is"):
            iw.materialize(model, plan, device=device)
    with pytest.raises(ArgumentError, match=r"device 'meta' has no memory"):
        iw.materialize(model, plan, device="meta")
    assert model.weight.is_meta


def test_other_arguments_than_models_plans_and_functions_are_refused() -> None:
    model = _linear()
    plan = iw.plan(model, "torch-default")
    with pytest.raises(ArgumentTypeError, match=r"materialize: .*plan"):
        iw.materialize(model, "torch-default")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"materialize: the model is 3"):
        iw.materialize(3, plan)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"build is Linear\(.*give a function without arguments"):
        iw.materialize(model, plan, build=nn.Linear(3, 3))


def test_a_plan_of_another_model_is_told() -> None:
    model = _linear()
    with pytest.raises(ApplyError, match=r"materialize: \d problems?\n(.*\n)*.*planned with shape \(5, 3\)"):
        iw.materialize(model, iw.plan(nn.Linear(3, 5), "torch-default"))
    assert model.weight.is_meta


def test_lazy_modules_are_told() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with pytest.raises(ApplyError, match=r"'0.weight' is not initialized(.*\n)*.*'1.running_mean' is not initialized"):
        iw.materialize(model, iw.plan(nn.Linear(3, 3), "torch-default"))


def test_tensors_that_are_computed_from_parameters_are_told() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.doubled = self.weight * 2

    model = on_meta(Net)
    with pytest.raises(ApplyError, match=r"is computed from parameters; compute it again after materialize"):
        iw.materialize(model, iw.plan(model, iw.rule("*", iw.Zeros())))


@pytest.mark.parametrize(
    "use",
    [
        iw.apply,
        lambda model, plan: iw.initialize(model, "torch-default"),
        lambda model, plan: iw.check(model),
    ],
    ids=["apply", "initialize", "check"],
)
def test_others_that_find_a_model_on_meta_say_what_to_do(use: Any) -> None:
    model = _linear()
    with pytest.raises(iw.InitwiseError, match=r"iw\.materialize\(model, plan, device=\.\.\.\)"):
        use(model, iw.plan(model, "torch-default"))
