"""`Alert`: a finding, and the step in which it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from initwise.findings import Finding


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is not as it should be in training; each is told once.

    Attributes:
        step: when it was seen first.
        finding: code, parameter or layer, message, what was measured, what is expected, what to do.
    """

    step: int
    finding: Finding

    @property
    def code(self) -> str:
        """The code of the finding, such as "SIG501"; `initwise explain` shows its page."""
        return self.finding.code

    def to_dict(self) -> dict[str, Any]:
        """The alert as plain data."""
        return {"step": self.step, **self.finding.to_dict()}

    def __str__(self) -> str:
        return f"step {self.step}: {self.finding}"
