"""`Paired`: two strategies on the same seeds, as differences where both survived and as counts where not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from initwise.comparison.statistics._losses import Losses, Scale


@dataclass(frozen=True, slots=True)
class Paired:
    """A contender against a reference, seed by seed.

    Attributes:
        differences: contender minus reference on the scale of the table, over the seeds on which both survived.
        contender_only: on how many seeds the contender diverged and the reference did not.
        reference_only: on how many the reference diverged and the contender did not.
        both: on how many both diverged.
    """

    differences: tuple[float, ...]
    contender_only: int = 0
    reference_only: int = 0
    both: int = 0

    @property
    def seeds(self) -> int:
        """On how many seeds both have run."""
        return len(self.differences) + self.contender_only + self.reference_only + self.both

    @property
    def discordant(self) -> int:
        """On how many seeds exactly one diverged."""
        return self.contender_only + self.reference_only

    @property
    def mean(self) -> float | None:
        """The mean difference over joint survivors; None where there are none."""
        return math.fsum(self.differences) / len(self.differences) if self.differences else None

    @property
    def scored(self) -> tuple[float, ...]:
        """A score for every seed on which anything can be told: the difference, or the worst there is.

        Where one diverged, the score is as large as the largest difference seen, against the one that diverged (worst
        rank: Lachin, Worst-rank score analysis with informatively missing observations, 1999). Where both did, the
        seed says nothing and has no score. If strategies are exchangeable, the signs of scores are fair coins given
        their sizes, so a sign-flip test of scores is exact.

        >>> Paired((0.5, -1.5), contender_only=1).scored
        (0.5, -1.5, 1.5)
        """
        worst = max(map(abs, self.differences), default=0.0) or 1.0
        return (*self.differences, *[worst] * self.contender_only, *[-worst] * self.reference_only)


def paired(losses: Losses, contender: str, reference: str) -> Paired:
    """Pair two strategies of a table over the seeds on which both have run.

    >>> paired(Losses.of({"a": [1.0, None, 2.0], "b": [1.0, 1.0, None]}), "b", "a")
    Paired(differences=(0.0,), contender_only=1, reference_only=1, both=0)

    Raises:
        ArgumentError: there is no such strategy.
    """
    differences, counts = [], {(True, False): 0, (False, True): 0, (True, True): 0}
    for ours, theirs in zip(losses.row(contender), losses.row(reference), strict=False):
        if ours is None or theirs is None:
            counts[ours is None, theirs is None] += 1
        else:
            differences.append(difference(ours, theirs, losses.scale))
    return Paired(tuple(differences), counts[True, False], counts[False, True], counts[True, True])


def difference(ours: float, theirs: float, scale: Scale) -> float:
    """Return ln(ours / theirs), or ours - theirs on the identity scale."""
    return math.log(ours) - math.log(theirs) if scale == "log" else ours - theirs
