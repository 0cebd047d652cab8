"""Networks of real, finite width do what theory says: the second witness."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's own name

from initwise.signals.theory import DepthMap, finite_width, half_stable, residual_trajectory

pytestmark = pytest.mark.long


def layers(
    f: Callable[[Tensor], Tensor], q0: float, width: int, depth: int, weight: float, bias: float, seed: int
) -> list[Tensor]:
    """Pre-activations of 32 inputs of variance q0, layer by layer."""
    generator = torch.Generator().manual_seed(seed)
    found = [torch.randn(32, width, generator=generator) * math.sqrt(q0)]
    for _ in range(depth):
        drawn = torch.randn(width, width, generator=generator) * math.sqrt(weight / width)
        found.append(f(found[-1]) @ drawn + torch.randn(width, generator=generator) * math.sqrt(bias))
    return found


def last(f: Callable[[Tensor], Tensor], q0: float, weight: float, bias: float = 0.0) -> float:
    """The second moment after 30 layers of 2,048 units, a geometric mean over four networks."""
    ends = [layers(f, q0, 2048, 30, weight, bias, seed)[-1] for seed in range(4)]
    return math.exp(fmean(math.log(float((end**2).mean())) for end in ends))


def test_gelu_with_the_popular_gain_vanishes_from_0_8_and_explodes_from_1_25() -> None:
    # Theory: 6.8e-5, 1 and 30.6. What 2,048 units scatter by grows as signals do, 1.144-fold a layer, so that networks
    # that start at the unstable point itself end at anything from 1 to 10, and those from 0.8 at 1e-4 to 0.1.
    weight = 1.533530441**2
    low, middle, high = (last(F.gelu, q, weight) for q in (0.8, 1.0, 1.25))
    assert low < 0.1
    assert 1 < middle < 20
    assert high == pytest.approx(DepthMap("gelu", weight).trajectory(1.25, 30)[-1], rel=0.5)


def test_gelu_at_its_half_stable_point_keeps_variances_nearby() -> None:
    q, weight, bias = half_stable("gelu")
    layer = DepthMap("gelu", weight, bias)
    for start in (2.8, q, 4.4):
        assert last(F.gelu, start, weight, bias) == pytest.approx(layer.trajectory(start, 30)[-1], rel=0.15)


@pytest.mark.parametrize("gain", [5 / 3, 1.59253742])
def test_gradients_of_tanh_grow_by_chi(gain: float) -> None:
    layer = DepthMap("tanh", gain**2)
    q = layer.fixed_points()[-1].q
    grown = []
    for seed in range(4):
        torch.manual_seed(seed)
        made = [torch.randn(32, 1024).mul(math.sqrt(q)).requires_grad_()]
        for _ in range(12):
            made.append(torch.tanh(made[-1]) @ (torch.randn(1024, 1024) * gain / 32))
        gradients = torch.autograd.grad((made[-1] * torch.randn(32, 1024)).sum(), made)
        grown.append(float((gradients[0] ** 2).sum() / (gradients[-1] ** 2).sum()) ** (1 / 12))
    assert fmean(grown) == pytest.approx(layer.chi(q), rel=0.01)


def test_residual_blocks_double_the_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 1024, generator=generator)
    seen = [float((x**2).mean())]
    for _ in range(10):
        x = x + torch.relu(x) @ (torch.randn(1024, 1024, generator=generator) * math.sqrt(2 / 1024))
        seen.append(float((x**2).mean()))
    assert seen == pytest.approx(residual_trajectory(DepthMap("relu", 2.0), 1.0, 10), rel=0.2)


def test_networks_scatter_as_their_width_says() -> None:
    found = finite_width([50] * 10)
    generator = torch.Generator().manual_seed(0)
    x = torch.ones(20_000, 50)  # one network each
    for _ in range(10):
        x = torch.relu(torch.einsum("sij,sj->si", torch.randn(20_000, 50, 50, generator=generator) * 0.2, x))
    size = (x**2).mean(1)
    assert float(size.mean()) == pytest.approx(1.0, abs=0.05)
    # A long tail decides how well the second moment is known.
    assert float((size**2).mean()) == pytest.approx(found.second_moment, rel=0.15)
