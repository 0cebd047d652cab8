"""Where gradients go and where they do not: frozen parameters, `no_grad`, functions with a backward of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw

INPUTS = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))


class Straight(torch.autograd.Function):
    """ReLU, whose gradient goes straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Layers(nn.Module):
    """Three layers, between which something is done."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(32, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.how = how

    def forward(self, x: Tensor) -> Any:
        if self.how == "no_grad":
            with torch.no_grad():
                x = self.first(x).relu()
        elif self.how == "checkpoint":
            x = torch.utils.checkpoint.checkpoint(self.first, x, use_reentrant=True)
        elif self.how == "inside":
            with torch.no_grad():
                x = Straight.apply(self.first(x))
        else:
            x = Straight.apply(self.first(x))
        made = self.head(self.second(x))
        return None if self.how == "nothing" else made


def predicted(model: nn.Module, loss: Any = None) -> iw.signals.Signals:
    return iw.predict(model, iw.plan(model, "kaiming", inputs=INPUTS, include_frozen=True), INPUTS, loss)


@pytest.mark.parametrize("how", ["no_grad", "inside"])
def test_no_gradient_passes_what_runs_under_no_grad(how: str) -> None:
    forecast = predicted(Layers(how))
    assert forecast.parameters["first.weight"].grad_second_moment is None
    assert "takes no part" in forecast.parameters["first.weight"].why
    assert forecast.find("first").grad_second_moment is None
    assert (forecast.parameters["second.weight"].grad_second_moment or 0.0) > 0


@pytest.mark.parametrize("how", ["straight", "checkpoint"])
def test_gradients_pass_autograd_functions_through_what_these_call(how: str) -> None:
    forecast = predicted(Layers(how))
    assert (forecast.parameters["first.weight"].grad_second_moment or 0.0) > 0
    told = [note for note in forecast.notes if "its own backward is not followed" in note]
    assert [note.split()[0] for note in told] == (["Straight"] if how == "straight" else [])


def test_tracing_leaves_autograd_functions_as_they_were() -> None:
    before = vars(torch.autograd.Function)["apply"]
    predicted(Layers("straight"))
    assert vars(torch.autograd.Function)["apply"] is before


def test_a_frozen_parameter_gets_no_gradient_and_lets_others_through() -> None:
    model = Layers("straight")
    model.second.requires_grad_(requires_grad=False)
    forecast = predicted(model)
    for name in ("second.weight", "second.bias"):
        assert forecast.parameters[name].grad_second_moment is None
        assert forecast.parameters[name].why == "no gradient arrives: it is frozen (requires_grad is False)"
    assert (forecast.parameters["first.weight"].grad_second_moment or 0.0) > 0
    assert all(parameter.requires_grad for parameter in model.first.parameters())


def test_a_model_that_trains_nothing_says_so() -> None:
    model = Layers("straight").requires_grad_(requires_grad=False)
    assert any("no gradient arrives at any parameter: all are frozen" in note for note in predicted(model).notes)
    with pytest.raises(iw.ArgumentError, match="does not depend on any parameter of the model that is trained"):
        predicted(model, lambda out: out.sum())
    assert any("the model returns nothing" in note for note in predicted(Layers("nothing")).notes)


@pytest.mark.parametrize(
    "loss", [torch.no_grad()(lambda out: out.sum()), lambda out: out.detach().sum(), lambda out: torch.tensor(1.0)]
)
def test_a_loss_that_no_gradient_starts_from_is_refused(loss: Any) -> None:
    with pytest.raises(iw.ArgumentError, match=r"predict: the loss does not depend on any .*without detach\(\)"):
        predicted(Layers("straight"), loss)
