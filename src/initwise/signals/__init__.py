"""Signals: what a real forward and backward pass shows."""

from initwise.signals._probe import Probe

__all__ = ["Probe"]
