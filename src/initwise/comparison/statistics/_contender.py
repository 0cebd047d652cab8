"""`Contender`: what is said of one strategy against the reference, and on what grounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from initwise.comparison.statistics._summaries import Improvement

Verdict = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One strategy against the reference.

    Attributes:
        strategy: its name.
        verdict: "better" or "worse": the losses differ, divergence counted as the worst loss; "equivalent": where both
            survived they differ by less than the margin, and neither diverged alone; "undecided".
        reason: the grounds in one sentence.
        seeds: on how many seeds both have run; `survivors` of them without divergence of either.
        difference: mean difference over the joint survivors, contender minus reference; None where there are none.
        interval: Student's interval of it at `level`; None for fewer than two survivors.
        p: the p-value of the verdict, or of no difference where it is undecided.
        level: what p is held against, so that all verdicts together keep alpha.
        p_exact: of no difference, by sign flips of the scores, not adjusted.
        p_t: of no difference among joint survivors, by Student's t, not adjusted; None where it has no spread.
        p_equivalence: of a difference as large as the margin, not adjusted.
        diverged_alone: on how many seeds the contender alone, and the reference alone, diverged.
        p_divergence: McNemar's exact p-value of those two counts; stands beside the verdicts and outside their family.
        improvement: on what share of the seeds the contender has the lower loss.
        seeds_needed: for the undecided, how many seeds would decide with 80 % if mean and spread stay; None where more
            than 10,000 would, or nothing can be told.
    """

    strategy: str
    verdict: Verdict
    reason: str
    seeds: int
    survivors: int
    difference: float | None
    interval: tuple[float, float] | None
    p: float
    level: float
    p_exact: float
    p_t: float | None
    p_equivalence: float
    diverged_alone: tuple[int, int]
    p_divergence: float
    improvement: Improvement
    seeds_needed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data, for JSON."""
        return asdict(self)
