"""`Suspect`: a parameter whose law may be wrong, and how much the signal suffers from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from initwise.signals.verdicts._weights import Weight


@dataclass(frozen=True, slots=True)
class Suspect:
    """A parameter, where it acts, and what speaks against it.

    Attributes:
        row: the row in which it takes part.
        weight: the parameter.
        factor: by what it makes the second moment too large (below one: too small).
        found, wanted: its standard deviation (of a norm's weight its root mean square), and a better one.
        message: what happens, in one sentence.
        reason: what explains the number that was found; "" where nothing does.
        trust: between 0 and 1, how sure it is that the law is wrong and matters.
    """

    row: int
    weight: Weight
    factor: float
    found: float
    wanted: float | None
    message: str
    reason: str = ""
    trust: float = 1.0

    @property
    def severity(self) -> float:
        """How far the second moment is off, in powers of e, as far as that is sure."""
        return self.trust * abs(math.log(min(max(self.factor, 1e-30), 1e30)))

    @property
    def fix(self) -> str:
        """What to do, with the numbers and what explains them."""
        why = f": {self.reason}" if self.reason else ""
        if self.wanted is None:
            return f"another law for {self.weight.name}{why}"
        name = "std" if self.weight.role not in {"norm_weight", "scale"} else "values of"
        return f"{name} {self.wanted:.3g} instead of {self.found:.3g}{why}"
