"""Lints: what is wrong with a model as it stands, without a plan."""

from initwise.lints._check import check

__all__ = ["check"]
