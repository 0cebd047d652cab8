"""What a claim is here: an experiment, its figures, and between which bounds each figure must lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that an experiment gave, beside what is stated of it.

    Attributes:
        stated: by whom and how much; a number in brackets was measured earlier, by other code than this.
        least, most: the claim is met where the number lies between them; both infinite where it is only shown.
    """

    what: str
    found: float
    stated: str = ""
    least: float = -math.inf
    most: float = math.inf

    @property
    def is_asked(self) -> bool:
        """Whether the claim depends on it."""
        return math.isfinite(self.least) or math.isfinite(self.most)

    @property
    def is_met(self) -> bool:
        """Whether it lies between its bounds, which no NaN does."""
        return self.least <= self.found <= self.most or (math.isnan(self.found) and not self.is_asked)


@dataclass(frozen=True, slots=True)
class Claim:
    """A published claim about training, and the experiment that tries it.

    Attributes:
        says: the claim in a sentence or two.
        by: which public names of initwise make the initialization.
        differs: how the experiment differs from the paper's.
        run: the experiment.
    """

    name: str
    title: str
    source: str
    says: str
    by: str
    differs: str
    run: Callable[[], list[Figure]]
