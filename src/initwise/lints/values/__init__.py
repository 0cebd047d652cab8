"""Lints on single parameters: memory, norms, padding, outliers."""

from initwise.lints.values._memory import not_finite, padding, unwritten
from initwise.lints.values._norms import drawn_norms
from initwise.lints.values._outliers import outliers
from initwise.lints.values._written import recorded

VALUES = (recorded, not_finite, unwritten, padding, drawn_norms, outliers)

__all__ = ["VALUES"]
