"""Parameters that are too small to be tested alone, tested together: their standardised values are one sample."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from initwise.initializers import Law
from initwise.statistics import Moments, moments, step_at
from initwise.verification._tests import Sampled, Test, distribution_tests, is_testable, moment_tests
from initwise.verification._units import Unit

_SHOWN = 6
_GRAIN = 0.02  # with steps of the dtype below this, in units of std, rounding does not show in so few values


@dataclass(frozen=True)
class StandardCdf:
    """P((X - mean) / std <= z) of a law."""

    law: Law

    def __call__(self, z: np.ndarray) -> np.ndarray:
        if self.law.cdf is None:
            raise ValueError("the law has no distribution function")
        return self.law.cdf(self.law.mean + self.law.std * np.asarray(z))


@dataclass(frozen=True, eq=False)
class Pool:
    """Small samples of one rule and one family of laws, and all their values as one sample."""

    members: tuple[tuple[Unit, Sampled], ...]
    sampled: Sampled
    worst: Unit

    def is_testable(self, level: float) -> bool:
        """Tell whether all values together say enough."""
        return is_testable(self.sampled.law, self.sampled.moments.count, level)

    def tests(self, margin: float) -> Iterator[Test]:
        """The tests of a sample, on all values together."""
        yield from moment_tests(self.sampled, margin)
        grains = [step_at(abs(each.law.mean) + each.law.std, each.dtype) / each.law.std for _, each in self.members]
        if max(grains) <= _GRAIN:
            yield from distribution_tests(self.sampled, margin)


def pools(small: Sequence[tuple[Unit, Sampled]], margin: float) -> Iterator[Pool]:
    """Yield those samples together that one rule gave laws of one family; whoever is alone stays so."""
    grouped: defaultdict[object, list[tuple[Unit, Sampled]]] = defaultdict(list)
    for unit, sampled in small:
        grouped[unit.row.rule, _family(sampled.law)].append((unit, sampled))
    for members in grouped.values():
        if len(members) > 1:
            yield _together(members, margin)


def _together(members: Sequence[tuple[Unit, Sampled]], margin: float) -> Pool:
    parts = [(each.some.astype(np.float64) - each.law.mean) / each.law.std for _, each in members]
    values = np.concatenate(parts)
    worst = min(members, key=lambda member: min(test.p for test in moment_tests(member[1], margin)))
    names = [unit.where for unit, _ in members]
    named = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    rounding = max(each.rounding / each.law.std for _, each in members)
    law = standard(worst[1].law, f"{worst[1].law.name or 'law'} of mean 0 and std 1, pooled over {named}")
    measured: Moments = moments([torch.from_numpy(values)], 0.0)
    sampled = Sampled(worst[0].where, law, measured, values, torch.float32, rounding)
    return Pool(tuple(members), sampled, worst[0])


def standard(law: Law, text: str = "") -> Law:
    """Return the law of (X - mean) / std."""
    low, high = ((bound - law.mean) / law.std for bound in law.support)
    cdf = StandardCdf(law) if law.cdf is not None else None
    fourth = law.fourth / law.std**4 if law.fourth is not None else None
    return Law(0.0, 1.0, (low, high), cdf, fourth, name=law.name, text=text)


def _family(law: Law) -> tuple[object, ...]:
    """Return what laws share that differ in mean and scale only."""
    ends = tuple(_short((bound - law.mean) / law.std) for bound in law.support)
    return law.name, ends, None if law.fourth is None else _short(law.fourth / law.std**4)


def _short(value: float) -> float:
    return value if math.isinf(value) else round(value, 6)
