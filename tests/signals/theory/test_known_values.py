"""Theory gives the values that are known: by 30-digit quadrature, in papers, in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.signals.theory import (
    DepthMap,
    batch_norm_growth,
    critical,
    expected_loss,
    finite_width,
    half_stable,
    residual_trajectory,
)


def leaky(slope: float) -> nn.Module:
    """A leaky ReLU."""
    return nn.LeakyReLU(slope)


def fast_sine(x: Tensor) -> Tensor:
    """SIREN's first activation."""
    return torch.sin(30 * x)


# f, E f^2, E f'^2, growth under batch norm, d ln E f(sqrt(q) z)^2 / d ln q at q = 1 (mpmath, 30 digits).
MOMENTS: list[tuple[Any, float, float, float, float | None]] = [
    ("identity", 1.0, 1.0, 1.0, 1.0),
    ("relu", 0.5, 0.5, 1.466942, 1.0),
    (leaky(0.01), 0.50005, 0.50005, 1.453371, 1.0),
    (leaky(0.1), 0.505, 0.505, 1.342783, 1.0),
    (leaky(0.2), 0.52, 0.52, 1.243600, 1.0),
    (nn.PReLU(), 0.53125, 0.53125, 1.202670, 1.0),
    ("relu6", 0.4999999981, 0.4999999990, 1.466942, 1.0),
    ("elu", 0.6449454175, 0.6681020012, 1.079013, 0.890968),
    ("celu", 0.6449454175, 0.6681020012, 1.079013, 0.890968),
    ("selu", 1.0, 1.0715749925, 1.071575, 0.782648),
    ("gelu", 0.4252214826, 0.4558508656, 1.318845, 1.144063),
    ("gelu_tanh", 0.4251937110, 0.4558178460, 1.318734, 1.144298),
    ("quick_gelu", 0.4219528069, 0.4495492005, 1.313541, 1.136461),
    ("silu", 0.3557755198, 0.3794823516, 1.212081, 1.172594),
    ("mish", 0.4523421924, 0.4790837584, 1.214259, 1.076339),
    ("tanh", 0.3942944904, 0.4644029024, 1.177807, 0.461071),
    ("hardtanh", 0.5160585510, 0.6826894921, 1.322892, 0.385127),
    ("sigmoid", 0.2933790359, 0.0448362414, 1.033592, 0.106341),
    ("hardsigmoid", 0.2776390911, 0.0277027834, 1.002304, 0.097119),
    ("logsigmoid", 0.9212459089, 0.2933790359, 1.080528, 0.492053),
    ("softplus", 0.9212459089, 0.2933790359, 1.080528, 0.492053),
    ("softsign", 0.1830140213, 0.2276713404, 1.244010, 0.476712),
    ("hardswish", 0.3315673751, 0.3585315172, 1.179615, 1.223920),
    ("relu_squared", 1.5, 2.0, 1.6, 2.0),
    ("sin", 0.4323323584, 0.5676676416, 1.313035, 0.313035),
    (fast_sine, 0.5, 450.0, 900.0, None),
    ("erf", 0.4645590544, 0.5694100347, 1.225700, 0.408567),
    ("exp", 7.3890560989, 7.3890560989, 1.581977, None),
    ("abs", 1.0, 1.0, 2.751938, 1.0),
    ("tanhshrink", 0.1828834712, 0.2529918832, 1.383350, 1.826201),
    ("snake", 1.3073742912, 1.4998322687, 1.338583, 0.868152),
]


@pytest.mark.parametrize(("f", "square", "slope", "normed", "rise"), MOMENTS, ids=[str(row[0])[:24] for row in MOMENTS])
def test_moments_and_growth_have_the_digits_of_the_table(
    f: Any, square: float, slope: float, normed: float, rise: float | None
) -> None:
    layer = DepthMap(f, 1.0)
    assert layer.variance(1.0) == pytest.approx(square, abs=6e-11)
    assert layer.chi(1.0) == pytest.approx(slope, abs=6e-11)
    assert batch_norm_growth(f) == pytest.approx(normed, abs=6e-7)
    assert DepthMap(f, 1 / square).chi(1.0) == pytest.approx(slope / square, rel=1e-8)  # with the gain that keeps q
    if rise is not None:
        assert layer.slope(1.0) / square == pytest.approx(rise, abs=6e-7)


@pytest.mark.parametrize(
    ("f", "bias", "weight", "q"),
    [
        ("tanh", 0.0, 1.0, 0.0),
        ("tanh", 1e-4, 1.0860263, 0.04571),
        ("tanh", 1e-3, 1.1891896, 0.10729),
        ("tanh", 0.01, 1.4242053, 0.27330),
        ("tanh", 0.05, 1.7609546, 0.57005),
        ("tanh", 0.1, 1.9860726, 0.80580),
        ("tanh", 0.2, 2.2851525, 1.16450),
        ("tanh", 0.3, 2.5051272, 1.46117),
        ("erf", 0.05, 1.375839, 0.51718),
        ("erf", 0.1, 1.5521179, 0.72636),
        ("erf", 0.2, 1.7881798, 1.04593),
    ],
)
def test_the_critical_lines_of_tanh_and_erf(f: str, bias: float, weight: float, q: float) -> None:
    found = critical(f, bias)
    assert found.weight_variance == pytest.approx(weight, abs=6e-7 if weight != 1.375839 else 1e-6)
    assert found.q == pytest.approx(q, abs=6e-6)
    assert critical(f, q=found.q or 1e-6).bias_variance == pytest.approx(bias, abs=1e-9)
    layer = DepthMap(f, found.weight_variance, bias)
    assert layer.phase(found.q) == "critical"
    assert layer.correlation_length(found.q) == math.inf


def test_the_critical_weights_of_relus_keep_every_variance() -> None:
    assert critical("relu").weight_variance == pytest.approx(2.0)
    assert critical(nn.LeakyReLU(0.3)).weight_variance == pytest.approx(2 / (1 + 0.09))
    points = DepthMap("relu", 2.0).fixed_points()
    assert points.every
    assert not points.points
    assert "keeps every variance" in points.sentence


@pytest.mark.parametrize(
    ("f", "q", "weight", "bias"),
    [("gelu", 3.561552813, 1.983058257, 0.1729223908), ("silu", 14.32017362, 1.988004678, 0.5551431707)],
)
def test_the_half_stable_points_of_gelu_and_silu(f: str, q: float, weight: float, bias: float) -> None:
    found = half_stable(f)
    assert found.q == pytest.approx(q, rel=1e-9)
    assert found.weight_variance == pytest.approx(weight, abs=6e-10)
    assert found.bias_variance == pytest.approx(bias, abs=6e-10)
    layer = DepthMap(f, found.weight_variance, found.bias_variance)
    assert (layer.chi(found.q), layer.slope(found.q)) == pytest.approx((1.0, 1.0), abs=1e-8)
    assert layer.trajectory(found.q, 30)[-1] == pytest.approx(found.q, rel=1e-6)


def test_gelu_s_half_stable_variance_is_half_of_three_and_the_root_of_seventeen() -> None:
    assert half_stable("gelu").q == pytest.approx((3 + math.sqrt(17)) / 2, rel=1e-9)


def test_tanh_with_torch_s_gain_is_chaotic() -> None:
    layer = DepthMap("tanh", (5 / 3) ** 2)
    origin, point = layer.fixed_points()
    assert (origin.q, origin.stable) == (0.0, False)
    assert (round(point.q, 5), round(point.chi, 6), point.stable) == (1.17848, 1.209831, True)
    assert layer.phase(point.q) == "chaotic"


def test_gelu_s_popular_gain_is_an_unstable_fixed_point() -> None:
    layer = DepthMap("gelu", 1.533530441**2)
    origin, point = layer.fixed_points()
    assert origin.stable
    assert not point.stable
    assert point.slope == pytest.approx(1.144063, abs=1e-6)
    below, above = (layer.trajectory(q, 30)[-1] for q in (0.8, 1.25))
    assert below < 1e-3
    assert above > 20


def test_siren_s_layers_tend_to_a_std_of_0_8926() -> None:
    layer = DepthMap("sin", 2.0)  # U(+-sqrt(6 / n) / omega) within sin(omega x)
    assert layer.variance(0.3) == pytest.approx(1 - math.exp(-0.6), rel=1e-12)
    point = layer.fixed_points()[-1]
    assert (round(point.q, 4), round(math.sqrt(point.q), 4)) == (0.7968, 0.8926)
    measured = [1.00, 0.930, 0.916, 0.905, 0.901, 0.894, 0.897]  # of one network
    assert [math.sqrt(q) for q in layer.trajectory(1.0, 6)] == pytest.approx(measured, abs=0.01)


def test_residual_branches_double_the_variance_unless_they_are_scaled() -> None:
    layer = DepthMap("relu", 2.0)
    assert residual_trajectory(layer, 1.0, 20) == pytest.approx([2.0**depth for depth in range(21)])
    assert residual_trajectory(layer, 1.0, 20, scale=20**-0.5)[-1] == pytest.approx(1.05**20)


def test_finite_width_scatters_as_hanin_says() -> None:
    assert finite_width([50] * 10) == pytest.approx((0.2, 1.1**10))
    assert finite_width([10, 20]) == pytest.approx((0.15, 1.5 * 1.25))
    assert finite_width([]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("classes", "variance", "loss"),
    [
        (50257, 768 * 0.02**2, 10.9785),
        (1000, 1.0, 7.4077),
        (50257, 4.0, 12.8252),
        (10, 0.0, math.log(10)),
        (1, 1.0, 0.0),
    ],
)
def test_the_loss_of_gaussian_logits(classes: int, variance: float, loss: float) -> None:
    assert expected_loss(classes, variance) == pytest.approx(loss, abs=1e-3)


@pytest.mark.parametrize(("classes", "variance"), [(2, 1.0), (10, 1.0), (50, 9.0)])
def test_the_loss_is_that_of_drawn_logits(classes: int, variance: float) -> None:
    logits = torch.randn(400_000, classes, generator=torch.Generator().manual_seed(0)) * math.sqrt(variance)
    drawn = logits.logsumexp(1)
    assert expected_loss(classes, variance) == pytest.approx(
        float(drawn.mean()), abs=4.5 * float(drawn.std()) / math.sqrt(len(drawn))
    )
