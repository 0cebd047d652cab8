"""Signals: what a real forward and backward pass shows."""

from initwise.signals._entropy import CrossEntropy
from initwise.signals._errors import ProbeError
from initwise.signals._event import Event
from initwise.signals._growth import LAYERS, Growth, Measure
from initwise.signals._jacobian import Jacobian
from initwise.signals._probe import Probe, probe
from initwise.signals._row import Histogram, ParameterSignal, SignalRow
from initwise.signals._signals import Signals, Unknown
from initwise.signals._verdict import Culprit, Step, Verdict
from initwise.signals.coordinates import Coordinate, CoordinateCheck, CoordinateRecord, coordinate_check, scale_groups
from initwise.signals.forecast import Call, Rule, predict, rule
from initwise.signals.measured import measure
from initwise.signals.verdicts import culprits, judge, probed

__all__ = [
    "LAYERS",
    "Call",
    "Coordinate",
    "CoordinateCheck",
    "CoordinateRecord",
    "CrossEntropy",
    "Culprit",
    "Event",
    "Growth",
    "Histogram",
    "Jacobian",
    "Measure",
    "ParameterSignal",
    "Probe",
    "ProbeError",
    "Rule",
    "SignalRow",
    "Signals",
    "Step",
    "Unknown",
    "Verdict",
    "coordinate_check",
    "culprits",
    "judge",
    "measure",
    "predict",
    "probe",
    "probed",
    "rule",
    "scale_groups",
]
