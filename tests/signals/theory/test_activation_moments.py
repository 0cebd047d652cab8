"""Moments at many variances at once agree with quadrature at each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.gains import normal_expectation
from initwise.signals.theory import activation_moments

VARIANCES = torch.logspace(-5, 4, 31, dtype=torch.float64)


def swish(x: Tensor) -> Tensor:
    """SiLU, spelled out."""
    return x * torch.sigmoid(x)


def kinked(x: Tensor) -> Tensor:
    """Two kinks that are nowhere in particular."""
    return (x - 0.37).abs() + 0.1 * (x + 2.01).relu()


def jumping(x: Tensor) -> Tensor:
    """A jump at 0.3."""
    return torch.where(x > 0.3, x, 0.1 * x)


def fast_sine(x: Tensor) -> Tensor:
    """SIREN's first activation."""
    return torch.sin(30 * x)


def each(function: Callable[[Tensor], Tensor], q: float) -> list[float]:
    """E f, E f^2, E f'^2 by quadrature at one variance."""

    def slope(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            (found,) = torch.autograd.grad(function(x).sum(), x)
        return found

    root = math.sqrt(q)
    return [
        normal_expectation(lambda z: function(root * z)),
        normal_expectation(lambda z: function(root * z) ** 2),
        normal_expectation(lambda z: slope(root * z) ** 2),
    ]


@pytest.mark.parametrize(
    "function", [torch.tanh, torch.erf, nn.functional.gelu, nn.Hardtanh(), swish, kinked, jumping, fast_sine]
)
def test_moments_at_many_variances_are_those_of_quadrature_at_each(function: Any) -> None:
    mean, square, slope_square = activation_moments(function, VARIANCES)
    for place, q in enumerate(VARIANCES.tolist()):
        wanted = each(function, q)
        assert float(mean[place]) == pytest.approx(wanted[0], abs=2e-7 * math.sqrt(wanted[1]))
        assert float(square[place]) == pytest.approx(wanted[1], rel=2e-7)
        assert float(slope_square[place]) == pytest.approx(wanted[2], rel=2e-7)


def test_relu_and_the_exponential_have_their_closed_forms_at_any_scale() -> None:
    q = torch.logspace(-30, 30, 61, dtype=torch.float64)
    mean, square, slope_square = activation_moments("relu", q)
    torch.testing.assert_close(mean, (q / (2 * math.pi)).sqrt(), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(square, q / 2, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(slope_square, torch.full_like(q, 0.5), rtol=1e-12, atol=0.0)
    q = torch.logspace(-6, 1, 50, dtype=torch.float64)
    mean, square, slope_square = activation_moments("exp", q)
    assert float(((mean - (q / 2).exp()).abs() / q.exp()).max()) < 2e-7
    torch.testing.assert_close(square, (2 * q).exp(), rtol=2e-7, atol=0.0)
    torch.testing.assert_close(slope_square, (2 * q).exp(), rtol=2e-7, atol=0.0)


def test_a_variance_of_zero_is_the_activation_at_zero() -> None:
    mean, square, slope_square = activation_moments("sigmoid", torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    assert mean.shape == square.shape == slope_square.shape == (2, 2)
    assert (float(mean[1, 0]), float(square[0, 0]), float(slope_square[1, 1])) == (0.5, 0.25, 0.0625)
    assert float(square[0, 1]) == pytest.approx(0.2933790359, abs=1e-9)
    assert activation_moments("relu", torch.zeros(0)).mean.shape == (0,)


def test_a_module_that_changes_is_looked_at_again() -> None:
    module = nn.PReLU()
    q = torch.tensor([1.0])
    before = float(activation_moments(module, q).square)
    with torch.no_grad():
        module.weight.fill_(0.5)
    assert (before, float(activation_moments(module, q).square)) == pytest.approx((0.53125, 0.625))


def test_what_is_refused_says_why() -> None:
    ones = torch.ones(2)
    for q, found in ((-ones, "-1.0"), (ones * math.nan, "nan"), (ones * 1e31, "e\\+30|1e\\+31")):
        with pytest.raises(ArgumentError, match=rf"activation_moments: q holds .*(?:{found}).*must be 0 or from 1e-30"):
            activation_moments("relu", q)
    with pytest.raises(ArgumentTypeError, match=r"activation_moments: q is 1\.0; give a floating tensor"):
        activation_moments("relu", 1.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="activation_moments: unknown activation 'gleu'"):
        activation_moments("gleu", ones)
    with pytest.raises(ArgumentError, match=r"fast_sine oscillates too fast for the variance .*; give smaller ones"):
        activation_moments(fast_sine, ones * 1e12)
