"""Proof that the weights are what a plan asked for."""

from initwise.verification._rows import CheckedRow
from initwise.verification._verify import verify

__all__ = ["CheckedRow", "verify"]
