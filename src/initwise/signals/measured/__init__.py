"""`measure`: real forward and backward passes, told in the same rows as a prediction."""

from initwise.signals.measured._measure import measure

__all__ = ["measure"]
