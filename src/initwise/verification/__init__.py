"""Proof that the weights are what a plan asked for."""

from initwise.verification._verify import CheckedRow, verify

__all__ = ["CheckedRow", "verify"]
