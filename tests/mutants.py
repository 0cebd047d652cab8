"""Wrong implementations of initializers, each a mistake that was made somewhere; the checks must reject them all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.fans import Fans
from tests.cases import CONV, KERNEL, LINEAR, UP, WIDE, values

COMPLEX = dataclasses.replace(LINEAR, dtype=torch.complex64)
HALF = dataclasses.replace(LINEAR, dtype=torch.bfloat16)
DEPTHWISE = iw.Target((256, 1, 16, 16), axes=Axes((1,), (0,), kernel=(2, 3), groups=256))
TRANSPOSED = iw.Target((32, 32, 8, 8), axes=Axes((0,), (1,), kernel=(2, 3), stride=4))


@dataclass(frozen=True)
class Mutant:
    """What was asked for, and a wrong way to draw it."""

    mistake: str
    asked: iw.Initializer
    target: iw.Target
    wrong: Callable[[], Tensor]

    def __str__(self) -> str:
        return self.mistake


def instead(initializer: iw.Initializer, target: iw.Target) -> Callable[[], Tensor]:
    """Draw another initializer than was asked for."""
    return lambda: values(initializer, target)


def changed(initializer: iw.Initializer, target: iw.Target, change: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
    """Draw what was asked for, then spoil it."""
    return lambda: change(values(initializer, target))


def in_torch(target: iw.Target, fill: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
    """Let torch draw it."""

    def draw() -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return fill(torch.empty(target.shape, dtype=target.dtype))

    return draw


def swapped(target: iw.Target) -> iw.Target:
    assert target.fans is not None
    return dataclasses.replace(target, fans=Fans(target.fans.fan_out, target.fans.fan_in))


def first_half_twice(x: Tensor) -> Tensor:
    half = x.flatten()[: x.numel() // 2]
    return torch.cat([half, half]).reshape(x.shape)


def one_beyond(x: Tensor, bound: float) -> Tensor:
    """Move one value just over the bound, as rounding without a clamp does."""
    beyond = torch.nextafter(torch.tensor(bound, dtype=x.dtype), torch.tensor(math.inf, dtype=x.dtype))
    return torch.where(x == x.max(), beyond, x)


def clamped(x: Tensor) -> Tensor:
    bound = CUT.sigma * 2
    return x.clamp(-bound, bound)


def times_normal(x: Tensor) -> Tensor:
    return x * torch.randn(*x.shape[:2], 1, 1, generator=torch.Generator().manual_seed(0))


def no_sign_fix(x: Tensor) -> Tensor:
    q: Tensor = torch.linalg.qr(x)[0]
    return q


NORMAL, CUT, FLAT = iw.Normal(std=0.02), iw.TruncatedNormal(std=0.02), iw.Uniform(-1, 1)
HE, TANH = iw.KaimingNormal(), iw.KaimingNormal(nonlinearity="tanh")

MUTANTS = (
    Mutant("swapped fans", HE, WIDE, instead(HE, swapped(WIDE))),
    Mutant("fan_out for fan_in", HE, CONV, instead(iw.KaimingNormal(mode="fan_out"), CONV)),
    Mutant("kernel left out of the fans", HE, CONV, instead(HE, iw.Target(CONV.shape, fans=Fans(16, 64)))),
    Mutant(
        "groups ignored",
        iw.KaimingNormal(mode="fan_out"),
        DEPTHWISE,
        in_torch(DEPTHWISE, lambda w: nn.init.kaiming_normal_(w, mode="fan_out")),
    ),
    Mutant("fans of a transposed convolution swapped", HE, TRANSPOSED, in_torch(TRANSPOSED, nn.init.kaiming_normal_)),
    Mutant(
        "sum of the fans for their mean", iw.XavierNormal(), WIDE, instead(iw.VarianceScaling(0.5, "fan_avg"), WIDE)
    ),
    Mutant(
        "geometric for arithmetic mean", iw.XavierNormal(), WIDE, instead(iw.VarianceScaling(1, "fan_geo_avg"), WIDE)
    ),
    Mutant("gain 5/3 for tanh", TANH, WIDE, instead(iw.KaimingNormal(nonlinearity=5 / 3), WIDE)),
    Mutant("gain not squared", TANH, WIDE, instead(iw.VarianceScaling(TANH.gain), WIDE)),
    Mutant("gain forgotten", HE, WIDE, instead(iw.LecunNormal(), WIDE)),
    Mutant("std for variance", NORMAL, LINEAR, instead(iw.Normal(std=math.sqrt(0.02)), LINEAR)),
    Mutant("std five percent too large", NORMAL, LINEAR, instead(iw.Normal(std=0.021), LINEAR)),
    Mutant("mean off by a thirtieth of a sigma", NORMAL, LINEAR, instead(iw.Normal(mean=0.02 / 30, std=0.02), LINEAR)),
    Mutant(
        "bound for std of a uniform law",
        iw.LecunUniform(),
        WIDE,
        instead(iw.Uniform(-1 / math.sqrt(512), 1 / math.sqrt(512)), WIDE),
    ),
    Mutant("uniform for normal with the same std", iw.LecunNormal(), WIDE, instead(iw.LecunUniform(), WIDE)),
    Mutant("no truncation correction", CUT, LINEAR, instead(iw.TruncatedNormal(std=0.02, corrected=False), LINEAR)),
    Mutant(
        "absolute bounds that never cut", CUT, LINEAR, in_torch(LINEAR, lambda w: nn.init.trunc_normal_(w, std=0.02))
    ),
    Mutant("clamped instead of cut", CUT, LINEAR, changed(iw.Normal(std=0.02274), LINEAR, clamped)),
    Mutant(
        "tails folded into the centre",
        CUT,
        LINEAR,
        changed(iw.Normal(), LINEAR, lambda w: w.fmod(2.0) * 0.02 / 0.86589),
    ),
    Mutant("half of the interval", FLAT, LINEAR, instead(iw.Uniform(0, 1), LINEAR)),
    Mutant("one value beyond the bound", FLAT, LINEAR, changed(FLAT, LINEAR, lambda w: one_beyond(w, 1.0))),
    Mutant("one bfloat16 value beyond the bound", FLAT, HALF, changed(FLAT, HALF, lambda w: one_beyond(w, 1.0))),
    Mutant("the first half copied", NORMAL, LINEAR, changed(NORMAL, LINEAR, first_half_twice)),
    Mutant("every row the same", NORMAL, LINEAR, changed(NORMAL, LINEAR, lambda w: w[:1].expand_as(w))),
    Mutant("neighbours in pairs", NORMAL, LINEAR, changed(NORMAL, LINEAR, lambda w: w[:, ::2].repeat_interleave(2, 1))),
    Mutant("the signs lost", NORMAL, LINEAR, changed(NORMAL, LINEAR, lambda w: w.abs())),
    Mutant("a tenth not written", NORMAL, LINEAR, changed(NORMAL, LINEAR, lambda w: w * (torch.arange(256) >= 25))),
    Mutant("complex halves with the whole variance", HE, COMPLEX, in_torch(COMPLEX, nn.init.xavier_uniform_)),
    Mutant("complex halves alike", NORMAL, COMPLEX, changed(NORMAL, COMPLEX, lambda w: torch.complex(w.real, w.real))),
    Mutant(
        "constant not rounded to nearest",
        iw.Constant(0.1),
        HALF,
        lambda: torch.full(HALF.shape, 0.0996, dtype=torch.bfloat16),
    ),
    Mutant("gain of an orthogonal matrix forgotten", iw.Orthogonal(gain=1.1), LINEAR, instead(iw.Orthogonal(), LINEAR)),
    Mutant("normal for orthogonal", iw.Orthogonal(), LINEAR, instead(iw.LecunNormal(), LINEAR)),
    Mutant("orthogonal scaled by its size", iw.Orthogonal(), WIDE, changed(iw.Orthogonal(), WIDE, lambda w: w * 2)),
    Mutant(
        "orthogonal computed in half precision",
        iw.Orthogonal(),
        LINEAR,
        changed(iw.Orthogonal(), LINEAR, lambda w: w.bfloat16().float()),
    ),
    Mutant(
        "a column zeroed by sign(0)",
        iw.Orthogonal(),
        LINEAR,
        changed(iw.Orthogonal(), LINEAR, lambda w: w * (torch.arange(256) != 7)),
    ),
    Mutant(
        "delta beside the centre",
        iw.DeltaOrthogonal(),
        KERNEL,
        changed(iw.DeltaOrthogonal(), KERNEL, lambda w: w.roll(1, -1)),
    ),
    Mutant(
        "delta on every tap",
        iw.DeltaOrthogonal(),
        KERNEL,
        changed(iw.DeltaOrthogonal(), KERNEL, lambda w: w[..., 1:2, 1:2].expand_as(w)),
    ),
    Mutant("delta of a normal matrix", iw.DeltaOrthogonal(), KERNEL, changed(iw.Dirac(), KERNEL, times_normal)),
    Mutant("dirac without its groups", iw.Dirac(groups=4), KERNEL, instead(iw.Dirac(), KERNEL)),
    Mutant("dirac at the corner", iw.Dirac(), KERNEL, changed(iw.Dirac(), KERNEL, lambda w: w.roll((1, 1), (2, 3)))),
    Mutant("identity off the diagonal", iw.Identity(), LINEAR, changed(iw.Identity(), LINEAR, lambda w: w.roll(1, 0))),
    Mutant("sparse by column", iw.Sparse(), LINEAR, in_torch(LINEAR, lambda w: nn.init.sparse_(w, 0.9))),
    Mutant(
        "sparse by chance",
        iw.Sparse(),
        LINEAR,
        changed(iw.Normal(std=0.01), LINEAR, lambda w: nn.functional.dropout(w, 0.9)),
    ),
    Mutant(
        "channels repeated in turns, not in runs",
        iw.ICNR(),
        CONV,
        changed(iw.ICNR(), CONV, lambda w: w[::4].repeat(4, 1, 1, 1)),
    ),
    Mutant(
        "the fan_out of all repeated channels",
        iw.ICNR(inner=iw.KaimingNormal(mode="fan_out")),
        CONV,
        changed(iw.ICNR(inner=iw.KaimingNormal(mode="fan_out")), CONV, lambda w: w / 2),
    ),
    Mutant("one channel for all", iw.ICNR(), CONV, changed(iw.ICNR(), CONV, lambda w: w[:1].expand_as(w))),
    Mutant(
        "interpolation across channels",
        iw.BilinearKernel(),
        UP,
        changed(iw.BilinearKernel(), UP, lambda w: w[:1, :1].expand_as(w)),
    ),
    Mutant(
        "nearest neighbours for interpolation",
        iw.BilinearKernel(),
        UP,
        changed(iw.BilinearKernel(), UP, lambda w: (w > 0.5).to(w)),
    ),
    Mutant("the time step without softplus", iw.TimeStepBias(), LINEAR, changed(iw.TimeStepBias(), LINEAR, torch.exp)),
    Mutant(
        "uniform time steps",
        iw.TimeStepBias(),
        LINEAR,
        changed(iw.Uniform(1e-3, 0.1), LINEAR, lambda dt: dt + torch.log(-torch.expm1(-dt))),
    ),
    Mutant("log-uniform decays", iw.LogOfUniform(), LINEAR, instead(iw.Uniform(0, math.log(16)), LINEAR)),
    Mutant("decays up to fifteen", iw.LogOfUniform(), LINEAR, instead(iw.LogOfUniform(1, 15.5), LINEAR)),
    Mutant("t_max itself", iw.ChronoBias(100), LINEAR, instead(iw.ChronoBias(101), LINEAR)),
    Mutant("the input gate's sign", iw.ChronoBias(100), LINEAR, instead(iw.ChronoBias(100, sign=-1), LINEAR)),
    Mutant(
        "the magnitude uniform, not its square",
        iw.RingDecay(0.4, 0.9),
        LINEAR,
        changed(iw.Uniform(0.4, 0.9), LINEAR, lambda r: torch.log(-torch.log(r))),
    ),
    Mutant(
        "the gain without its root",
        iw.RingGain(0.4, 0.9),
        LINEAR,
        changed(iw.RingGain(0.4, 0.9), LINEAR, lambda x: 2 * x),
    ),
    Mutant("the states along the other axis", iw.LogRange(), LINEAR, changed(iw.LogRange(), LINEAR, torch.t)),
    Mutant("one incoming weight too many", iw.Sparse(), LINEAR, instead(iw.Sparse(sparsity=0.8945), LINEAR)),
)

# Wrong ways to make an orthogonal matrix of normal values that its invariant cannot see, only the law of many.
HAAR_MUTANTS: dict[str, Callable[[Tensor], Tensor]] = {
    "no sign fix": no_sign_fix,
    "always a rotation": lambda x: no_sign_fix(x) * torch.sgn(torch.linalg.det(no_sign_fix(x))),
    "always the same": lambda x: no_sign_fix(torch.eye(4) + 0 * x),
}
