"""Right laws and wrong ones: each case draws a weight from a seed, and says which plan it is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw

Draw = Callable[[int], nn.Module]


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked (rules), what is there (a model drawn from a seed), and what that shows."""

    what: str
    rules: Any
    draw: Draw


def drawn(build: Callable[[], nn.Module], rules: Any) -> Draw:
    """A model with weights that the same rules drew from another seed."""

    def draw(seed: int) -> nn.Module:
        model = build()
        iw.apply(model, iw.plan(model, rules, seed=seed + 1))
        return model

    return draw


def filled(build: Callable[[], nn.Module], fill: Callable[[Tensor], object]) -> Draw:
    """A model whose weight torch's own generator drew."""

    def draw(seed: int) -> nn.Module:
        model = build()
        torch.manual_seed(seed)
        with torch.no_grad():
            fill(model.weight)  # type: ignore[arg-type]
        return model

    return draw


def changed(build: Callable[[], nn.Module], rules: Any, change: Callable[[Tensor], object]) -> Draw:
    """A model with weights of the right law that were changed afterwards."""

    def draw(seed: int) -> nn.Module:
        model = drawn(build, rules)(seed)
        torch.manual_seed(seed)
        with torch.no_grad():
            change(model.weight)  # type: ignore[arg-type]
        return model

    return draw


def linear(out: int = 256, into: int = 256, dtype: torch.dtype = torch.float32) -> Callable[[], nn.Module]:
    """A layer with one weight, (out, in)."""
    return lambda: nn.Linear(into, out, bias=False, dtype=dtype)


def stack(count: int = 20, width: int = 12) -> nn.Module:
    """Layers that are too small to be tested alone."""
    return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(count)))


def several() -> nn.Module:
    """Layers of many sizes and kinds, biases drawn as well."""
    convolutions = [nn.Conv2d(3, 64, 3), nn.Conv2d(64, 128, 3), nn.Conv2d(128, 128, 1, groups=2)]
    return nn.Sequential(*convolutions, nn.Linear(128, 512), nn.Linear(512, 512), nn.Linear(512, 10))


NORMAL, TORCH = iw.rule("*weight", iw.Normal(std=0.02)), "torch-default"
UNIFORM, CUT = iw.rule("*weight", iw.XavierUniform()), iw.rule("*weight", iw.TruncatedNormal(std=0.02, bound=2.0))
HE = iw.rule("*weight", iw.KaimingNormal())
SPARSE, MAPPED = iw.rule("*weight", iw.Sparse(sparsity=0.5, std=0.1)), iw.rule("*weight", iw.LogOfUniform(1.0, 16.0))
LARGER = iw.rule("*weight", iw.VarianceScaling(2.0 * 1.2**2, "fan_in", "normal"))
NARROW = iw.rule("*weight", iw.Normal(1.0, 1e-3))
ROOT3 = 3**0.5

RIGHT = (
    Case("normal", NORMAL, drawn(linear(), NORMAL)),
    Case("normal, by torch.nn.init", NORMAL, filled(linear(), lambda w: nn.init.normal_(w, std=0.02))),
    Case("normal, bfloat16", NORMAL, drawn(linear(dtype=torch.bfloat16), NORMAL)),
    Case("normal (1, 0.001²), bfloat16", NARROW, drawn(linear(dtype=torch.bfloat16), NARROW)),
    Case("uniform", UNIFORM, drawn(linear(), UNIFORM)),
    Case("uniform, by torch.nn.init", UNIFORM, filled(linear(), nn.init.xavier_uniform_)),
    Case("uniform, float16", UNIFORM, drawn(linear(dtype=torch.float16), UNIFORM)),
    Case("truncated normal", CUT, drawn(linear(), CUT)),
    Case("normal, complex", NORMAL, drawn(linear(dtype=torch.complex64), NORMAL)),
    Case("sparse", SPARSE, drawn(linear(), SPARSE)),
    Case("logarithm of a uniform", MAPPED, drawn(linear(), MAPPED)),
    Case("normal, 8 x 8", NORMAL, drawn(linear(8, 8), NORMAL)),
    Case("uniform, 40 x 40", UNIFORM, drawn(linear(40, 40), UNIFORM)),
    Case("20 layers of 12 x 12, pooled", HE, drawn(stack, HE)),
    Case("six layers with biases, torch's defaults", TORCH, drawn(several, TORCH)),
)

WRONG = (
    Case("std 3 % too large", NORMAL, filled(linear(), lambda w: nn.init.normal_(w, std=0.02 * 1.03))),
    Case("std 3 % too small", NORMAL, filled(linear(), lambda w: nn.init.normal_(w, std=0.02 * 0.97))),
    Case("uniform, std 3 % too small", UNIFORM, changed(linear(), UNIFORM, lambda w: w.mul_(0.97))),
    Case("swapped fans (384, 256)", HE, filled(linear(384, 256), lambda w: nn.init.kaiming_normal_(w, mode="fan_out"))),
    Case(
        "uniform for normal, std equal",
        NORMAL,
        filled(linear(), lambda w: nn.init.uniform_(w, -0.02 * ROOT3, 0.02 * ROOT3)),
    ),
    Case("normal for uniform, std equal", UNIFORM, filled(linear(), nn.init.xavier_normal_)),
    Case(
        "missing truncation correction",
        CUT,
        filled(linear(), lambda w: nn.init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04)),
    ),
    Case(
        "second half of the rows a copy of the first",
        NORMAL,
        changed(linear(), NORMAL, lambda w: w[128:].copy_(w[:128])),
    ),
    Case(
        "second half of the columns a copy", NORMAL, changed(linear(), NORMAL, lambda w: w[:, 128:].copy_(w[:, :128]))
    ),
    Case("four equal shards", UNIFORM, changed(linear(), UNIFORM, lambda w: w.copy_(w[:64].repeat(4, 1)))),
    Case("one row repeats another", CUT, changed(linear(), CUT, lambda w: w[200].copy_(w[7]))),
    Case("second half mirrors the first", NORMAL, changed(linear(), NORMAL, lambda w: w[128:].copy_(-w[:128]))),
    Case(
        "a rank-one component",
        NORMAL,
        changed(linear(), NORMAL, lambda w: w.add_(0.0035 * torch.randn(256, 1) * torch.randn(256))),
    ),
    Case("mean off by 5 % of the std", NORMAL, changed(linear(), NORMAL, lambda w: w.add_(0.001))),
    Case("20 layers of 12 x 12, std 20 % too large (pooled)", HE, drawn(stack, LARGER)),
)
