"""What the measured pass refuses, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.signals import ProbeError
from tests.signals.probing import probed

X = torch.ones(2, 8)


def _net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("loss", "error", "said"),
    [
        (lambda out: out, ArgumentError, r"the loss has shape \(2, 3\); it must be a scalar"),
        (lambda out: out.detach().sum(), ArgumentError, "the loss has no gradient: it does not depend on"),
        (lambda out: torch.tensor(1.0), ArgumentError, "the loss has no gradient"),
        (lambda out: float(out.sum()), ArgumentTypeError, "the loss returned a float; it must return a scalar tensor"),
        (nn.CrossEntropyLoss(), ArgumentTypeError, r"pass lambda out: CrossEntropyLoss\(out, target\)"),
        (nn.functional.mse_loss, ArgumentTypeError, r"pass lambda out: mse_loss\(out, target\)"),
        (lambda out: out["logits"], ProbeError, r"the loss raised \w+ when .* \(Tensor of 2x3 torch.float32\)"),
    ],
    ids=["vector", "detached", "constant", "float", "module", "function", "raises"],
)
def test_a_loss_that_cannot_be_used_is_an_error(loss: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        probed(_net(), X, loss)


def test_inputs_that_do_not_fit_name_the_operation_and_the_module() -> None:
    with pytest.raises(ProbeError, match=r"probe: linear in '0' raised RuntimeError with 2x7 float32: "):
        probed(_net(), torch.ones(2, 7))


def test_nan_in_the_inputs_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="argument 0 of the inputs holds NaN"):
        probed(_net(), torch.full((2, 8), float("nan")))


def test_a_model_on_meta_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"'0.weight' and 3 more parameters are on the meta device"):
        probed(_net().to("meta"), X)


class Failing(nn.Module):
    """A backward pass that raises."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out.exp().mul_(2).exp_() if x.sum() < 0 else _Broken.apply(out)


class _Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        raise RuntimeError("no way back")


def test_a_backward_pass_that_raises_says_so() -> None:
    with pytest.raises(ProbeError, match="the backward pass raised RuntimeError: no way back"):
        probed(Failing(), X)


def test_a_frozen_model_has_no_gradients_and_is_measured_all_the_same() -> None:
    model: Any = _net().requires_grad_(requires_grad=False)
    probe = probed(model, X)
    assert len(probe.events) == 3
    assert set(probe.gradients.values()) == {None}
