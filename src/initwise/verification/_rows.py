"""The rows of a verification: what was asked of a parameter, what was found, and the verdict with its proof."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from initwise.findings import Column, Table
from initwise.initializers import MeanOfRows
from initwise.planning import Plan, Row
from initwise.statistics import Moments, pooled

Proof = Literal["", "bit for bit", "up to rounding", "by its law", "pooled", "not testable", "kept", "old", "elsewhere"]
_COLUMNS = (
    Column("parameter"),
    Column("elements", "right"),
    Column("law"),
    Column("std asked", "right"),
    Column("std found", "right"),
    Column("allowed"),
    Column("verdict"),
)
_WEAKEST = ("pooled", "by its law", "up to rounding", "bit for bit")


@dataclass(frozen=True, slots=True)
class Held:
    """How one part of a parameter was proved, and with how many others if it was pooled."""

    label: str
    proof: Proof
    moments: Moments | None = None
    others: int = 0
    allowed: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One parameter of a verification.

    Attributes:
        mean, std: those of the values; None where these were not looked at.
        expected_mean, expected_std: those of the planned law.
        allowed_std: the interval outside of which the std fails; None where it was not needed.
        verdict: "ok", "failed: " and codes, "kept", or "not testable"; "ok; not testable: q" names parts that are not.
        proof: what an "ok" rests on: "bit for bit", "up to rounding", "by its law" or "pooled with 3 others".
        p: the smallest p-value of its tests, adjusted for the whole family of tests; None where there was none.
        testable: the values can be held against something: False for "not testable" alone.
        here: how many of the elements this process holds and were checked; None for all of them.
    """

    name: str
    elements: int
    law: str
    mean: float | None
    std: float | None
    expected_mean: float | None
    expected_std: float | None
    allowed_std: tuple[float, float] | None
    verdict: str
    proof: str = ""
    p: float | None = None
    testable: bool = True
    here: int | None = None

    def cells(self) -> tuple[str, ...]:
        """The row as text, for a table."""
        allowed = "" if self.allowed_std is None else f"{self.allowed_std[0]:.6g} to {self.allowed_std[1]:.6g}"
        asked, found = (("" if std is None else f"{std:.6g}") for std in (self.expected_std, self.std))
        first, *rest = self.verdict.split("; ", 1)
        verdict = "; ".join([f"{first}, {self.proof}" if self.proof else first, *rest])
        elements = f"{self.elements:,}" if self.here is None else f"{self.here:,} of {self.elements:,}"
        return self.name, elements, self.law, asked, found, allowed, verdict


def unmeasured(row: Row, verdict: str) -> CheckedRow:
    """Return the row of a parameter whose values were not looked at."""
    return CheckedRow(row.name, math.prod(row.shape), law_name(row), None, None, None, None, None, verdict)


def checked(
    row: Row, held: Sequence[Held], codes: Sequence[str], p: float | None, here: int | None = None
) -> CheckedRow:
    """Return the row of a parameter that was measured, part by part; of a shard only so many elements are `here`."""
    verdict, proof = (f"failed: {', '.join(sorted(set(codes)))}", "") if codes else _verdict(held)
    testable = bool(codes) or any(part.proof in _WEAKEST for part in held)
    parts = [part.moments for part in held if part.moments is not None and part.moments.count]
    mean, std = pooled(parts) if parts and all(part.finite for part in parts) else (None, None)
    asked = (row.law.mean, row.law.std) if row.law is not None and std is not None else (None, None)
    allowed = held[0].allowed if len(held) == 1 else None
    shown = row.name, math.prod(row.shape), law_name(row), mean, std, asked[0], asked[1], allowed
    return CheckedRow(*shown, verdict, proof, p, testable, here)


def table(plan: Plan, rows: Sequence[CheckedRow], notes: Sequence[str]) -> Table:
    """Return the rows as a table, with what stands below it."""
    held = sum(row.verdict.startswith("ok") for row in rows)
    first = f"{held} of {len(rows)} parameters hold their law; plan {plan.digest()[:16]}"
    return Table("verify", _COLUMNS, tuple(row.cells() for row in rows), (first, *_counted(rows), *notes))


def law_name(row: Row) -> str:
    """Return the law in a few signs."""
    if row.law is not None:
        return row.law.describe()
    return "the old rows' own" if isinstance(row.parts[-1].initializer, MeanOfRows) else "not testable"


def _counted(rows: Sequence[CheckedRow]) -> Iterator[str]:
    kinds = [row.proof.split(" with")[0] if row.proof else row.verdict.split(":")[0] for row in rows]
    order = [*dict.fromkeys(["bit for bit", "up to rounding", "by its law", "pooled", *kinds])]
    counts = [f"{kinds.count(kind)} {kind}" for kind in order if kind in kinds]
    if counts:
        yield "; ".join(counts)
    parts = [row for row in rows if row.here is not None]
    if parts:
        yield (
            f"of {len(parts)} parameters this process holds a part, and that part was checked: "
            f"{sum(row.here or 0 for row in parts):,} of {sum(row.elements for row in parts):,} elements"
        )


def _verdict(held: Sequence[Held]) -> tuple[str, str]:
    """Return the verdict over all parts, and the weakest proof among them."""
    drawn = [part for part in held if part.proof != "old"]
    tested = [part for part in drawn if part.proof in _WEAKEST]
    if not tested:
        return "not testable" if any(part.proof != "elsewhere" for part in drawn) else "elsewhere", ""
    weakest = min(tested, key=lambda part: _WEAKEST.index(part.proof))
    proof = f"pooled with {weakest.others} others" if weakest.proof == "pooled" else str(weakest.proof)
    rest = [part.label for part in drawn if part.proof in {"not testable", "kept"}]
    return "ok" + (f"; not testable: {' '.join(rest)}" if rest else ""), proof
