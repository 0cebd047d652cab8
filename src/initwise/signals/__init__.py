"""Signals: what a real forward and backward pass shows."""

from initwise.signals._entropy import CrossEntropy
from initwise.signals._errors import ProbeError
from initwise.signals._event import Event
from initwise.signals._probe import Probe, probe

__all__ = ["CrossEntropy", "Event", "Probe", "ProbeError", "probe"]
