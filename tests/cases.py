"""One table of initializers: what each must hold for a given target, computed here from the papers' formulas.

Every test that goes across all initializers reads this table; a new initializer is one row in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import quad
from torch import Tensor

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.fans import Fans
from initwise.random import fill, key
from initwise.writing import write_draw

LINEAR = iw.Target((256, 256), fans=Fans(256, 256))
WIDE = iw.Target((128, 512), fans=Fans(512, 128), axes=Axes((1,), (0,)))  # (out, in)
CONV = iw.Target((64, 16, 8, 8), fans=Fans(1024, 4096), axes=Axes((1,), (0,), kernel=(2, 3)))
KERNEL = iw.Target((32, 24, 3, 3), axes=Axes((1,), (0,), kernel=(2, 3)))
UP = iw.Target((24, 12, 4, 4), axes=Axes((0,), (1,), kernel=(2, 3), groups=2, stride=4))  # (in, out / groups)
CUT = 0.87962566103423978  # std of N(0, 1) cut at two sigmas, as JAX states it


@dataclass(frozen=True)
class Case:
    """An initializer, a target for it, and the law it must have there."""

    initializer: iw.Initializer
    target: iw.Target
    mean: float
    std: float
    support: tuple[float, float] = (-math.inf, math.inf)
    described: str = ""

    def __str__(self) -> str:
        return f"{self.initializer!r}-{'x'.join(map(str, self.target.shape))}"


def symmetric(bound: float) -> tuple[float, float]:
    return -bound, bound


def integrated(value: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Mean and std of a function of a uniform number between the bounds."""
    mean, square = (
        quad(lambda t, power=power: value(t) ** power, low, high, epsabs=0, epsrel=1e-12, limit=400)[0] / (high - low)
        for power in (1, 2)
    )
    return mean, math.sqrt(square - mean**2)


ELEMENTWISE = (
    Case(iw.Uniform(-1, 3), LINEAR, 1.0, 4 / math.sqrt(12), (-1.0, 3.0), "U(-1, 3)"),
    Case(iw.Normal(std=0.02), LINEAR, 0.0, 0.02, described="N(0, 0.02²)"),
    Case(iw.Normal(mean=-1.0, std=3), LINEAR, -1.0, 3.0, described="N(-1, 3²)"),
    Case(iw.TruncatedNormal(std=0.02), LINEAR, 0.0, 0.02, symmetric(2 * 0.02 / CUT), described="TN(σ=0.02, ±2σ)"),
    Case(
        iw.TruncatedNormal(mean=0.5, std=0.02, corrected=False),
        LINEAR,
        0.5,
        0.02 * CUT,
        (0.46, 0.54),
        "TN(μ=0.5, σ=0.01759, ±2σ)",
    ),
    Case(
        iw.TruncatedNormal(std=1, bound=3.0),
        LINEAR,
        0.0,
        1.0,
        symmetric(3 / 0.98657839255810862),
        "TN(σ=1, ±3σ)",
    ),
    Case(iw.VarianceScaling(), WIDE, 0.0, math.sqrt(1 / 512), described="N(0, 0.04419²)"),
    Case(iw.VarianceScaling(2.0, "fan_out", "uniform"), WIDE, 0.0, math.sqrt(2 / 128), symmetric(math.sqrt(6 / 128))),
    Case(
        iw.VarianceScaling(3.0, "fan_avg", "truncated_normal"),
        WIDE,
        0.0,
        math.sqrt(3 / 320),
        symmetric(2 * math.sqrt(3 / 320) / CUT),
    ),
    Case(iw.VarianceScaling(1.0, "fan_geo_avg", "normal"), WIDE, 0.0, math.sqrt(1 / 256)),
    Case(iw.XavierUniform(), WIDE, 0.0, math.sqrt(2 / 640), symmetric(math.sqrt(6 / 640)), described="U(±0.09682)"),
    Case(iw.XavierNormal(gain=5 / 3), WIDE, 0.0, 5 / 3 * math.sqrt(2 / 640)),
    Case(iw.KaimingNormal(), CONV, 0.0, math.sqrt(2 / 1024)),
    Case(iw.KaimingNormal(mode="fan_out", nonlinearity="gelu"), CONV, 0.0, 1.533530441 / 64),
    Case(iw.KaimingNormal(nonlinearity="tanh"), CONV, 0.0, 1.59253742 / 32),
    Case(iw.KaimingNormal(nonlinearity="tanh", convention="torch"), CONV, 0.0, 5 / 3 / 32),
    Case(iw.KaimingUniform(a=math.sqrt(5)), CONV, 0.0, math.sqrt(1 / 3 / 1024), symmetric(1 / 32)),
    Case(iw.KaimingUniform(nonlinearity=2.0), CONV, 0.0, 2 / 32, symmetric(2 * math.sqrt(3) / 32)),
    Case(iw.LecunNormal(), CONV, 0.0, 1 / 32),
    Case(iw.LecunUniform(), CONV, 0.0, 1 / 32, symmetric(math.sqrt(3) / 32)),
)

CONSTANT = (
    Case(iw.Constant(0.1), LINEAR, 0.1, 0.0, (0.1, 0.1), "0.1"),
    Case(iw.Zeros(), LINEAR, 0.0, 0.0, (0.0, 0.0), "0"),
    Case(iw.Ones(), LINEAR, 1.0, 0.0, (1.0, 1.0), "1"),
)

STRUCTURED = (
    Case(iw.Orthogonal(), LINEAR, 0.0, 1 / 16, symmetric(1.0), "orthogonal ×1"),
    Case(iw.Orthogonal(gain=2.0), WIDE, 0.0, 2 / math.sqrt(512), symmetric(2.0), "orthogonal ×2"),
    Case(iw.Orthogonal(gain=0.5), CONV, 0.0, 0.5 / 32, symmetric(0.5), "orthogonal ×0.5"),
    Case(iw.DeltaOrthogonal(), KERNEL, 0.0, math.sqrt(1 / (9 * 32)), symmetric(1.0), "delta orthogonal ×1"),
    Case(iw.Identity(), WIDE, 1 / 512, math.sqrt(1 / 512 * 511 / 512), (0.0, 1.0), "identity"),
    Case(iw.Dirac(), KERNEL, 1 / 288, math.sqrt(1 / 288 * 287 / 288), (0.0, 1.0), "dirac"),
    Case(iw.Dirac(groups=4), KERNEL, 1 / 216, math.sqrt(1 / 216 * 215 / 216), (0.0, 1.0), "dirac (4 groups)"),
    Case(iw.Sparse(), LINEAR, 0.0, 0.01 * math.sqrt(25 / 256), described="N(0, 0.01²) for 25 of 256 incoming"),
    Case(iw.Sparse(sparsity=0.5, std=2.0), WIDE, 0.0, math.sqrt(2), described="N(0, 2²) for 256 of 512 incoming"),
    Case(iw.ICNR(), CONV, 0.0, math.sqrt(2 / 1024), described="N(0, 0.04419²), each channel 4 times"),
    Case(iw.ICNR(4, iw.XavierUniform()), CONV, 0.0, math.sqrt(2 / 1280), symmetric(math.sqrt(6 / 1280))),
    Case(iw.BilinearKernel(), UP, 1 / 48, math.sqrt(25 / 3072 - 1 / 2304), (0.0, 1.0), "linear interpolation"),
)

TIME_STEP = integrated(lambda t: math.log(math.expm1(math.exp(t))), math.log(1e-3), math.log(0.1))
RING = integrated(lambda s: math.log(-0.5 * math.log(s)), 0.4**2, 0.9**2)
GAIN = integrated(lambda s: 0.5 * math.log(1 - s), 0.4**2, 0.9**2)
LOGS = np.log(np.arange(1, 257))
RATES = (  # real numbers only
    Case(
        iw.TimeStepBias(),
        LINEAR,
        *TIME_STEP,
        (math.log(math.expm1(1e-3)), math.log(math.expm1(0.1))),
        "softplus⁻¹ of exp U(ln 0.001, ln 0.1)",
    ),
    Case(iw.LogOfUniform(), LINEAR, *integrated(math.log, 1, 16), (0.0, math.log(16)), "ln U(1, 16)"),
    Case(iw.LogOfUniform(0, 16), LINEAR, math.log(16) - 1, 1.0, (-math.inf, math.log(16)), "ln U(0, 16)"),
    Case(iw.ChronoBias(100), LINEAR, 99 * math.log(99) / 98 - 1, integrated(math.log, 1, 99)[1], (0.0, math.log(99))),
    Case(
        iw.ChronoBias(100, sign=-1),
        LINEAR,
        1 - 99 * math.log(99) / 98,
        integrated(math.log, 1, 99)[1],
        (-math.log(99), 0.0),
        "-ln U(1, 99)",
    ),
    Case(
        iw.RingDecay(0.4, 0.9),
        LINEAR,
        *RING,
        (math.log(-math.log(0.9)), math.log(-math.log(0.4))),
        "ln ν, |λ|² = exp(-2ν) ~ U(0.4², 0.9²)",
    ),
    Case(
        iw.RingGain(0.4, 0.9),
        LINEAR,
        *GAIN,
        (0.5 * math.log(0.19), 0.5 * math.log(0.84)),
        "ln √(1 - |λ|²) of nu_log, |λ|² ~ U(0.4², 0.9²)",
    ),
    Case(iw.LogRange(), LINEAR, float(LOGS.mean()), float(LOGS.std()), (0.0, math.log(256)), "ln(1 ... 256)"),
)

SCALED = (
    Case(iw.Scaled(iw.Normal(std=0.02), 1.5), LINEAR, 0.0, 0.03, described="1.5 × N(0, 0.02²)"),
    Case(iw.Scaled(iw.Uniform(-1, 3), 0.5), LINEAR, 0.5, 2 / math.sqrt(12), (-0.5, 1.5), "0.5 × U(-1, 3)"),
    Case(
        iw.Scaled(iw.Normal(mean=1.0, std=0.02), (0.5, 1.5), axis=0),
        iw.Target((2, 32768)),
        1.0,
        math.sqrt(0.02**2 * 1.25 + 0.25),
        described="N(1, 0.02²), × 0.5 to 1.5 by channel",
    ),
    Case(iw.Scaled(iw.Constant(2.0), 3.0), LINEAR, 6.0, 0.0, (6.0, 6.0), "6"),
    Case(iw.Given((1.0, 3.0)), iw.Target((2,)), 2.0, 1.0, (1.0, 3.0), "2 given numbers, 1 to 3"),
)

CASES = (*ELEMENTWISE, *CONSTANT, *STRUCTURED, *RATES, *SCALED)


def values(initializer: iw.Initializer, target: iw.Target, seed: int = 0, name: str = "weight") -> Tensor:
    """Draw what an initializer asks for into a new tensor of the target's shape and dtype."""
    draw = initializer.draw(target)
    if draw is None:
        return initializer.values(target, iw.Stream(seed, name)).to(target.dtype)
    if isinstance(draw, iw.Fill):
        return torch.full(target.shape, draw.value, dtype=torch.float64).to(target.dtype)
    found = torch.empty(target.shape, dtype=target.dtype)
    if isinstance(draw, iw.Product):
        write_draw(found, draw.placed(target.shape), seed=seed, name=name)
        return found
    if not target.is_complex:
        fill(found, draw, key(seed, name))
        return found
    for part, label in enumerate(("re", "im")):
        fill(torch.view_as_real(found)[..., part], draw, key(seed, name, label))
    return found
