"""The checks of one part of a parameter against its law, and what they found as a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from initwise.findings import Finding, found
from initwise.initializers import Keep, Law, MeanOfRows, NewRows
from initwise.planning import Part, Row
from initwise.statistics import Moments, mean_interval, moments, pooled, square_interval

_ALLOWED = tuple[float, float] | None
_FEWEST = 3  # of so many equal values one can say that they were not drawn


@dataclass(frozen=True, slots=True)
class Measured:
    """What one part of a parameter showed: its moments and the interval allowed for its std."""

    moments: Moments | None
    law: Law | None
    allowed: _ALLOWED = None


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One parameter of a verification: what was asked, what was found, what is allowed, and the verdict."""

    name: str
    elements: int
    law: str
    mean: float | None
    std: float | None
    expected_mean: float | None
    expected_std: float | None
    allowed_std: _ALLOWED
    verdict: str

    @classmethod
    def unmeasured(cls, row: Row, verdict: str) -> CheckedRow:
        """A row for a parameter whose values were not looked at."""
        return cls(row.name, math.prod(row.shape), _law_name(row), None, None, None, None, None, verdict)

    @classmethod
    def of(cls, row: Row, measured: Sequence[Measured], findings: Sequence[Finding]) -> CheckedRow:
        """A row for a parameter that was measured, part by part."""
        verdict = "failed: " + ", ".join(sorted({f.code for f in findings})) if findings else _verdict(measured, row)
        found = [part.moments for part in measured if part.moments is not None and part.moments.count]
        if not found or not all(part.finite for part in found):
            return cls.unmeasured(row, verdict)
        mean, std = pooled(found)
        asked_mean, asked_std = (row.law.mean, row.law.std) if row.law is not None else (None, None)
        allowed = measured[0].allowed if len(measured) == 1 else None
        shown = row.name, math.prod(row.shape), _law_name(row)
        return cls(*shown, mean, std, asked_mean, asked_std, allowed, verdict)

    def cells(self) -> tuple[str, ...]:
        """The row as text, for a table."""
        allowed = "" if self.allowed_std is None else f"{self.allowed_std[0]:.6g} to {self.allowed_std[1]:.6g}"
        asked, found = (("" if std is None else f"{std:.6g}") for std in (self.expected_std, self.std))
        return self.name, f"{self.elements:,}", self.law, asked, found, allowed, self.verdict


def check_part(name: str, part: Part, pieces: Sequence[Tensor], alpha: float) -> tuple[Measured, list[Finding]]:
    """Check the values of one part (without its padding row) against the law of its initializer."""
    law = part.initializer.law(part.target)
    if law is not None and part.target.is_complex:
        law = law.half()
    where = f"{name} [{part.label}]" if part.label else name
    values = moments(pieces, law.mean, law.std) if law else moments(pieces, 0.0)
    if not values.count:
        return Measured(None, law), []
    if not values.finite:
        said, fix = "the values are not all finite", "apply the plan; look for memory that nobody wrote"
        return Measured(values, law), [finding("INI101", where, said, "NaN or infinity", "finite values", fix)]
    if law is None:
        return Measured(values, None), []
    found = [*_support(where, law, values), *_invariants(where, law, pieces)]
    allowed = None
    if law.iid:
        allowed = allowed_std(law, values.count, alpha, part.target.dtype)
        found += _mean_and_std(where, law, values, alpha, part.target.dtype)
    elif law.nonzero is not None:
        drawn = moments([piece[piece != 0] for piece in pieces], law.nonzero.mean, law.nonzero.std)
        found += (
            _mean_and_std(f"{where} (nonzero)", law.nonzero, drawn, alpha, part.target.dtype) if drawn.count else ()
        )
    return Measured(values, law, allowed), found


def _support(where: str, law: Law, values: Moments) -> Iterator[Finding]:
    low, high = law.support
    if law.iid and (values.low < low or values.high > high):
        measured, expected = f"{values.low:.9g} to {values.high:.9g}", f"{low:.9g} to {high:.9g}"
        yield finding("INI102", where, f"values lie outside the support of {law.describe()}", measured, expected)


def _invariants(where: str, law: Law, pieces: Sequence[Tensor]) -> Iterator[Finding]:
    for invariant in law.invariants:
        for piece in pieces:
            broken = invariant.check(piece) if piece.numel() else None
            if broken:
                yield finding("INI105", where, "the law fixes these values", broken, invariant.describe())
                break


def _mean_and_std(where: str, law: Law, values: Moments, alpha: float, dtype: torch.dtype) -> Iterator[Finding]:
    if law.std == 0:
        return
    rounding = _rounding(law, dtype)
    low, high = mean_interval(law, values.count, alpha)
    if not low - rounding <= values.mean <= high + rounding:
        said = f"the mean of {values.count:,} values is off for {law.describe()}"
        yield finding("INI103", where, said, f"mean {values.mean:.6g}", f"{low:.6g} to {high:.6g}")
    allowed = allowed_std(law, values.count, alpha, dtype)
    std = math.sqrt(values.square)
    if allowed is not None and not allowed[0] <= std <= allowed[1]:
        said = f"the std of {values.count:,} values is off for {law.describe()}: {std / law.std:.4g} of what was asked"
        yield finding("INI104", where, said, f"std {std:.6g}", f"{allowed[0]:.6g} to {allowed[1]:.6g}")
    elif values.low == values.high and values.count >= _FEWEST and law.std > 4 * rounding:
        said = f"all {values.count:,} values are equal, which draws of {law.describe()} never are"
        yield finding("INI104", where, said, f"every value is {values.low:.6g}", f"a std of {law.std:.6g}")


def allowed_std(law: Law, count: int, alpha: float, dtype: torch.dtype) -> _ALLOWED:
    """Return the interval that holds the std of `count` draws, widened by what rounding may add; None for constants."""
    if law.std == 0:
        return None
    low, high = square_interval(law, count, alpha)
    slack = _rounding(law, dtype) ** 2 + 1e-5 * law.std**2
    return math.sqrt(max(0.0, low - slack)), math.sqrt(high + slack)


def _rounding(law: Law, dtype: torch.dtype) -> float:
    """Return how far rounding may shift a mean: half a step of the dtype at the mean, and a trifle for the sums.

    Values far from zero and close together (mean 1, std 0.001 in bfloat16) fall on few numbers, so that rounding does
    not average out. Every value passes through float32.
    """
    info = torch.finfo(dtype)
    step = max(info.eps, torch.finfo(torch.float32).eps)
    return step * (abs(law.mean) / 2 + law.std / 4) + info.tiny * info.eps


def finding(code: str, parameter: str, message: str, measured: str, expected: str, fix: str = "") -> Finding:
    """Make a finding whose confidence is that of the check which made it."""
    certain = 1.0 if code not in {"INI103", "INI104"} else 1.0 - 1e-4
    return found(code, parameter, message, measured, expected, fix, confidence=certain)


def _law_name(row: Row) -> str:
    if row.law is not None:
        return row.law.describe()
    return "the old rows' own" if isinstance(row.parts[-1].initializer, MeanOfRows) else "not testable"


def _verdict(measured: Sequence[Measured], row: Row) -> str:
    drawn = [each for each in zip(row.parts, measured, strict=True) if not _is_old(row, each[0])]
    unknown = [
        part.label for part, found in drawn if found.law is None and not isinstance(part.initializer, MeanOfRows)
    ]
    if not unknown:
        return "ok"
    return "not testable" if len(unknown) == len(drawn) else f"ok; not testable: {' '.join(unknown)}"


def _is_old(row: Row, part: Part) -> bool:
    return isinstance(row.initializer, NewRows) and isinstance(part.initializer, Keep)
