"""What a reference implementation drew, held against the laws of a plan, parameter by parameter."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

import initwise as iw
from initwise.planning import Row

ENOUGH = 400  # so many values tell He's variance from LeCun's, half of it, at five sigmas
LARGEST_Z = 5.0


def disagreements(
    model: nn.Module,
    plan: iw.Plan,
    *,
    factor: Callable[[Row], float] = lambda row: 1.0,
    outside: Iterable[str] = (),
) -> list[str]:
    """Return what the drawn weights of a model contradict in a plan: a sentence each, none if they have its laws.

    Args:
        model: as its own constructor drew it.
        plan: what a recipe decides about it.
        factor: by how much the reference's std is known to be off for a row: a defect that the recipe does not copy.
        outside: globs over names of weights that the reference is known to draw beyond the support of the law.

    Every parameter is looked at. Those of too few values are pooled with others of the same law. A defect that is
    declared and not there is a contradiction too.
    """
    drawn = dict(model.named_parameters())
    found: list[str] = []
    pools: defaultdict[tuple[str, bool], list[Tensor]] = defaultdict(list)
    for row in plan:
        values, off = drawn[row.path].detach().double().flatten(), factor(row)
        assert row.law is not None, row.name
        if row.law.std == 0:
            same = bool((values == torch.tensor(row.law.mean, dtype=drawn[row.path].dtype)).all())
            found += [] if same else [f"{row.name}: {values[0]:.4g} and others, not {row.law.describe()}"]
            continue
        centred = (values - row.law.mean) / row.law.std
        pools[repr(row.initializer), off != 1.0].append(centred / off)
        found += _moments(row.name, centred / off)
        found += _support(row, values, off, known=any(fnmatchcase(row.name, glob) for glob in outside))
        if off != 1.0 and values.numel() >= ENOUGH and not _moments("", centred):
            found.append(f"{row.name}: the std is not off by {off:.4g}")
    for (law, _), parts in pools.items():
        found += _moments(f"{len(parts)} parameters of {law}", torch.cat(parts), least=1)
    return found


def _moments(what: str, centred: Tensor, least: int = ENOUGH) -> list[str]:
    count = centred.numel()
    if count < least:
        return []
    z_mean = float(centred.mean()) * math.sqrt(count)
    z_square = (float(centred.square().mean()) - 1) * math.sqrt(count / 2)  # at most a normal law's fourth moment
    problems = [f"{what}: the mean is off, z = {z_mean:.1f}"] if abs(z_mean) > LARGEST_Z else []
    return problems + ([f"{what}: the std is off, z = {z_square:.1f}"] if abs(z_square) > LARGEST_Z else [])


def _support(row: Row, values: Tensor, off: float, *, known: bool) -> list[str]:
    assert row.law is not None
    low, high = row.law.support
    slack = 1e-6 * (high if math.isfinite(high) else 1)
    beyond = bool((values < low * off - slack).any() or (values > high * off + slack).any())
    if beyond and not known:
        return [f"{row.name}: values leave the support of {row.law.describe()}"]
    expected = values.numel() * 0.045  # outside two sigmas of a normal law
    return [f"{row.name}: no value leaves the support"] if known and not beyond and expected > 30 else []
