"""The statistical tests of one sample: how far it is off its law, how probable that is, and whether it matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from initwise.findings import Finding, found
from initwise.initializers import Law
from initwise.statistics import (
    Moments,
    coarser,
    distance,
    equal_p,
    mean_interval,
    mean_p,
    square_interval,
    square_p,
    step_at,
)

_FEWEST_EQUAL = 3  # of so many equal values one can say that they were not drawn
_FEWEST = 32  # values of which the distribution is looked at
_APART = 0.6  # times the margin: half as much again as a shift by the margin moves a normal distribution function
_SMALL = 0.2  # a sample is tested alone where its std is known better than to 20 %


@dataclass(slots=True)
class Test:
    """One test of a family.

    Attributes:
        p: the probability of something as extreme where the law holds; never too small.
        adjusted: p over the whole family, once that is known.
        large: the point estimate is beyond the margin, so that it matters.
        expected: what is allowed, as text, at a level for this one test.
    """

    code: str
    where: str
    p: float
    large: bool
    message: str
    measured: str
    expected: Callable[[float], str]
    adjusted: float = 1.0

    def finding(self, level: float) -> Finding:
        """Return the finding of a test that failed."""
        confidence = min(1.0, max(0.0, 1.0 - self.adjusted))
        return found(self.code, self.where, self.message, self.measured, self.expected(level), confidence=confidence)


@dataclass(frozen=True, eq=False)
class Sampled:
    """Values that should be independent draws of a law.

    Attributes:
        some: a capped number of the values.
        rounding: how far rounding may shift the mean.
    """

    where: str
    law: Law
    moments: Moments
    some: NDArray[np.floating]
    dtype: torch.dtype
    rounding: float


def moment_tests(sampled: Sampled, margin: float) -> Iterator[Test]:
    """INI103, INI104: mean and standard deviation, and whether all values are one."""
    law, moments, count = sampled.law, sampled.moments, sampled.moments.count
    off = max(0.0, abs(moments.mean - law.mean) - sampled.rounding)

    def allowed_mean(alpha: float) -> str:
        half = max(margin * law.std, mean_interval(law, count, alpha)[1] - law.mean) + sampled.rounding
        return f"{law.mean - half:.6g} to {law.mean + half:.6g}"

    said = f"the mean of {count:,} values is off for {law.describe()}"
    yield Test(
        "INI103", sampled.where, mean_p(law, count, off), off > margin * law.std, said,
        f"mean {moments.mean:.6g}", allowed_mean,
    )  # fmt: skip
    square = _towards(moments.square, law.std**2, _slack(law, sampled.rounding))
    std = math.sqrt(moments.square)
    large = abs(math.sqrt(square) / law.std - 1) > margin

    def allowed(alpha: float) -> str:
        return "{:.6g} to {:.6g}".format(*allowed_std(law, count, alpha, margin, sampled.rounding))

    said = f"the std of {count:,} values is off for {law.describe()}: {std / law.std:.4g} of what was asked"
    yield Test("INI104", sampled.where, square_p(law, count, square), large, said, f"std {std:.6g}", allowed)
    if count >= _FEWEST_EQUAL and moments.low == moments.high:
        yield _equal(sampled)


def distribution_tests(sampled: Sampled, margin: float) -> Iterator[Test]:
    """STA201: Kolmogorov's distance, which must be half as large again as what a shift by the margin makes."""
    law, count = sampled.law, sampled.some.size
    if law.cdf is None or count < _FEWEST:
        return
    far = distance(sampled.some, law, law.cdf, sampled.dtype)
    least = _APART * margin + far.rounding
    said = f"{count:,} values are not distributed as {law.describe()}"
    measured = f"distribution functions {far.largest:.3g} apart at {far.place:.3g}"

    def allowed(alpha: float) -> str:
        return f"at most {max(least, far.rounding + math.sqrt(math.log(2 / alpha) / (2 * count))):.3g}"

    yield Test("STA201", sampled.where, far.p, far.largest > least, said, measured, allowed)


def allowed_std(law: Law, count: int, alpha: float, margin: float, rounding: float) -> tuple[float, float]:
    """Return the interval outside of which a std fails: beyond what chance, rounding and the margin allow."""
    low, high = square_interval(law, count, alpha)
    slack = _slack(law, rounding)
    lowest, highest = math.sqrt(max(0.0, low - slack)), math.sqrt(high + slack)
    return min(lowest, law.std * (1 - margin)), max(highest, law.std * (1 + margin))


def is_testable(law: Law, count: int, alpha: float) -> bool:
    """Tell whether so many values say enough: the std is known to 20 % at this level."""
    if not count:
        return False
    low, high = square_interval(law, count, alpha)
    return math.sqrt(low) >= (1 - _SMALL) * law.std and math.sqrt(high) <= (1 + _SMALL) * law.std


def rounding(law: Law, dtype: torch.dtype) -> float:
    """Return how far rounding may shift a mean: half a step of the dtype at the mean, and a trifle for the sums.

    Values far from zero and close together (mean 1, std 0.001 in bfloat16) fall on few numbers, so that rounding does
    not average out. Every value passes through float32.
    """
    info = torch.finfo(coarser(dtype))
    return float(info.eps * (abs(law.mean) / 2 + law.std / 4) + info.tiny * info.eps)


def _equal(sampled: Sampled) -> Test:
    law, count, value = sampled.law, sampled.moments.count, sampled.moments.low
    p = equal_p(law, count, value, step_at(value, sampled.dtype))
    if p is None:  # the law says nothing about single values
        p = 0.0 if law.std > 4 * sampled.rounding else 1.0
    said = f"all {count:,} values are equal, which draws of {law.describe()} never are"
    expected = f"a std of {law.std:.6g}"
    return Test("INI104", sampled.where, p, True, said, f"every value is {value:.6g}", lambda _: expected)


def _slack(law: Law, shift: float) -> float:
    return shift**2 + 1e-5 * law.std**2


def _towards(value: float, target: float, slack: float) -> float:
    return min(value + slack, target) if value < target else max(value - slack, target)
