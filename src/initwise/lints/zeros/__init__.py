"""Lints on zeros: by design at the end of a branch, a fault where they stop what should learn."""

from initwise.lints.zeros._tables import empty_tables
from initwise.lints.zeros._weights import weights_of_zeros

ZEROS = (empty_tables, weights_of_zeros)

__all__ = ["ZEROS"]
