"""Verdicts: whether the signal keeps its size along each path, and which parameter is to blame where it does not."""

from initwise.signals.verdicts._judge import judge

__all__ = ["judge"]
