"""Signals: what a real forward and backward pass shows."""

from initwise.signals._entropy import CrossEntropy
from initwise.signals._errors import ProbeError
from initwise.signals._event import Event
from initwise.signals._growth import LAYERS, Growth, Measure
from initwise.signals._probe import Probe, probe

__all__ = ["LAYERS", "CrossEntropy", "Event", "Growth", "Measure", "Probe", "ProbeError", "probe"]
