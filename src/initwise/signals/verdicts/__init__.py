"""Verdicts: whether the signal keeps its size along each path, and which parameter is to blame where it does not."""

from initwise.signals.verdicts._judge import culprits, judge
from initwise.signals.verdicts._probed import probed
from initwise.signals.verdicts._usual import in_use

__all__ = ["culprits", "in_use", "judge", "probed"]
