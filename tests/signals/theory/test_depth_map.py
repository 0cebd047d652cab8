"""Correlations, phases and lengths; and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError
from initwise.signals.theory import (
    DepthMap,
    batch_norm_growth,
    critical,
    expected_loss,
    finite_width,
    half_stable,
)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.9, 0.99, 0.9999, 1.0])
def test_correlations_of_relu_follow_the_arc_cosine_kernel(c: float) -> None:
    layer = DepthMap("relu", 2.0)
    wanted = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    assert layer.correlation(c, 3.0) == pytest.approx(wanted, abs=1e-14)
    assert layer.correlation_slope(c, 3.0) == pytest.approx((math.pi - math.acos(c)) / math.pi, abs=1e-14)


def by_planes(f: Callable[[Tensor], Tensor], c: float, q: float) -> float:
    """E f(u) f(v) by a plain sum over a fine grid of the plane."""
    z = torch.arange(-8.0, 8.0, 1 / 64, dtype=torch.float64) + 1 / 128
    density = torch.exp(-z * z / 2) / 64 / math.sqrt(2 * math.pi)
    v = c * z[:, None] + math.sqrt(1 - c * c) * z
    return float((f(math.sqrt(q) * z)[:, None] * f(math.sqrt(q) * v) * density[:, None] * density).sum())


@pytest.mark.parametrize("c", [-0.8, 0.25, 0.9])
@pytest.mark.parametrize(
    "f", [nn.LeakyReLU(0.3), torch.abs, nn.LeakyReLU(-0.5), nn.functional.gelu, torch.tanh, nn.Hardtanh()]
)
def test_correlations_are_integrals_over_the_plane(f: Any, c: float) -> None:
    layer = DepthMap(f, 1.0)
    seen = layer.correlation(c, 1.7) * layer.variance(1.7)
    assert seen == pytest.approx(by_planes(f, c, 1.7), abs=1e-4)
    rise = (layer.correlation(c + 1e-4, 1.7) - layer.correlation(c - 1e-4, 1.7)) / 2e-4
    assert layer.correlation_slope(c, 1.7) == pytest.approx(rise, abs=1e-6)


@pytest.mark.parametrize("q", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("c", [-0.7, 0.2, 0.95])
def test_correlations_of_erf_follow_williams_arc_sine(c: float, q: float) -> None:
    layer = DepthMap("erf", 1.5, 0.1)
    arc = 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))
    assert layer.correlation(c, q) * layer.variance(q) == pytest.approx(1.5 * arc + 0.1, abs=1e-8)


def test_the_correlation_of_relus_comes_to_one_by_the_square_of_depth() -> None:
    layer, c = DepthMap("relu", 2.0), 0.0
    for _ in range(1000):
        c = layer.correlation(c, 1.0)
    assert (1 - c) * 2 * 1000**2 / (9 * math.pi**2) == pytest.approx(1.0, abs=0.04)


def test_correlations_settle_as_fast_as_their_length_says() -> None:
    for layer in (DepthMap("tanh", 1.2, 0.3), DepthMap("tanh", 2.5, 0.05)):
        q = layer.fixed_points()[-1].q
        end = max((each for each in layer.fixed_correlations(q) if each.stable), key=lambda each: -each.c).c
        c, away = 0.5 * end + 0.3, []
        for _ in range(12):
            away.append(abs(c - end))
            c = layer.correlation(c, q)
        assert away[-2] / away[-1] == pytest.approx(math.exp(1 / layer.correlation_length(q)), rel=0.03)


def test_below_the_critical_line_signals_become_alike_and_above_they_come_apart() -> None:
    weight, *_ = critical("tanh", 0.05)
    phases = []
    for factor in (0.9, 1.1):
        layer = DepthMap("tanh", factor * weight, 0.05)
        q = layer.fixed_points()[0].q
        phases.append((layer.phase(q), [round(each.c, 3) < 1 for each in layer.fixed_correlations(q)]))
    assert phases == [("ordered", [False]), ("chaotic", [True, False])]


@pytest.mark.parametrize("f", ["gelu", "hardtanh", "softplus"])
def test_the_slope_of_the_variance_is_its_derivative(f: str) -> None:
    layer = DepthMap(f, 1.3, 0.2)
    assert layer.slope(0.7) == pytest.approx((layer.variance(0.7001) - layer.variance(0.6999)) / 2e-4, rel=1e-5)


def test_the_slope_of_the_variance_counts_jumps_of_the_activation() -> None:
    a = 0.5 / math.sqrt(0.7)  # where the hard shrinkage jumps, in standard deviations
    density = math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    wanted = math.erfc(a / math.sqrt(2)) + 2 * a * density + a**3 * density
    assert DepthMap("hardshrink", 1.3).slope(0.7) == pytest.approx(1.3 * wanted, rel=1e-7)


def test_the_length_of_a_fixed_point_is_how_fast_variances_come_to_it() -> None:
    layer = DepthMap("tanh", 2.5, 0.1)
    (point,) = layer.fixed_points()
    q = layer.trajectory(2 * point.q, 12)
    assert (q[-2] - point.q) / (q[-1] - point.q) == pytest.approx(math.exp(1 / point.length), rel=1e-3)
    assert DepthMap("tanh", 2.5).fixed_points()[0].length == math.inf
    wild = DepthMap(lambda x: 3 * torch.exp(-x * x), 1.0).fixed_points()[-1]
    assert wild.slope < 0
    assert wild.length == (math.inf if wild.slope <= -1 else -1 / math.log(-wild.slope))


def test_homogeneous_activations_have_one_fixed_point_with_a_bias_and_none_above_the_critical_weight() -> None:
    (point,) = DepthMap("relu", 1.5, 0.3).fixed_points()
    assert (point.q, point.slope) == pytest.approx((1.2, 0.75))
    growing = DepthMap("relu", 2.0, 0.3).fixed_points()
    assert not growing.points
    assert not growing.every
    assert "grows" in growing.sentence
    assert DepthMap("relu", 1.0).fixed_points()[0].q == 0.0


def test_a_trajectory_stops_where_variances_leave_all_bounds() -> None:
    found = DepthMap("relu", 200.0).trajectory(1.0, 1000)
    assert found[:3] == pytest.approx((1.0, 100.0, 1e4))
    assert len(found) < 30


def test_theory_leaves_the_random_state_and_the_module_alone() -> None:
    module, before = torch.nn.PReLU(), torch.get_rng_state()
    with torch.inference_mode():
        assert DepthMap(module, 1.0).chi(1.0) == pytest.approx(0.53125)
    assert torch.equal(torch.get_rng_state(), before)
    assert module.weight.grad is None
    assert module.weight.dtype == torch.float32


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: DepthMap("gleu", 1.0), r"DepthMap: unknown activation 'gleu'; did you mean 'gelu'"),
    (lambda: DepthMap(3, 1.0), r"DepthMap: 3 is not a name"),  # type: ignore[arg-type]
    (lambda: DepthMap(torch.nn.Softmax(0), 1.0), r"DepthMap: Softmax is not element-wise"),
    (lambda: DepthMap("tanh", -1.0), r"weight_variance is -1.0, and a variance is not negative"),
    (lambda: DepthMap("tanh", 1.0).variance(-1.0), r"DepthMap.variance: q is -1.0"),
    (lambda: DepthMap("tanh", 1.0).correlation(1.5, 1.0), r"c is 1.5, and a correlation lies from -1 to 1"),
    (lambda: DepthMap("tanh", 1.0).trajectory(1.0, -2), r"depth is -2"),
    (lambda: critical("relu", 0.1), r"critical: relu with a bias variance of 0.1 has no variance"),
    (lambda: critical("tanh", -0.1), r"bias_variance is -0.1"),
    (lambda: critical("tanh", 0.1, q=1.0), r"both bias_variance and q are given"),
    (lambda: critical("tanh", q=0.0), r"critical: q is 0.0, and must be from 1e-6 to 1e6"),
    (lambda: critical("softplus", q=0.01), r"softplus has chi = 1 at q = 0.01 only with a bias variance of -"),
    (lambda: finite_width([50, 0]), r"finite_width: widths\[1\] is 0"),
    (lambda: half_stable("tanh"), r"half_stable: tanh keeps no variance .* use critical\('tanh'\)"),
    (lambda: batch_norm_growth(torch.ones_like), r"batch_norm_growth: ones_like is constant"),
    (lambda: expected_loss(0, 1.0), r"classes is 0, and must be at least 1"),
    (lambda: expected_loss(10, -1.0), r"logit_variance is -1.0, and must be from 0 to 100"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_refused_says_why(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize("q", [0.3, 3.0])
def test_the_slope_at_full_correlation_counts_that_the_variance_changes(q: float) -> None:
    layer, step = DepthMap("tanh", 2.0, 0.1), 1e-5
    rise = (1.0 - layer.correlation(1.0 - step, q)) / step
    assert layer.correlation_slope(1.0, q) == pytest.approx(rise, rel=1e-3)
    assert layer.correlation_slope(1.0, q) != pytest.approx(layer.chi(q), rel=0.05)
