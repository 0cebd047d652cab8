"""Gains: the factor by which a weight's standard deviation makes up for the nonlinearity that follows."""

from initwise.gains._gain import gain

__all__ = ["gain"]
