"""Signals: what a real forward and backward pass shows."""

from initwise.signals._built import built_inputs
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
from initwise.signals.theory import (
    Chain,
    Critical,
    DepthMap,
    FiniteWidth,
    FixedCorrelation,
    FixedPoint,
    FixedPoints,
    HalfStable,
    batch_norm_growth,
    chains,
    critical,
    expected_loss,
    finite_width,
    half_stable,
    residual_trajectory,
)
from initwise.signals.verdicts import culprits, judge, probed

__all__ = [
    "LAYERS",
    "Call",
    "Chain",
    "Coordinate",
    "CoordinateCheck",
    "CoordinateRecord",
    "Critical",
    "CrossEntropy",
    "Culprit",
    "DepthMap",
    "Event",
    "FiniteWidth",
    "FixedCorrelation",
    "FixedPoint",
    "FixedPoints",
    "Growth",
    "HalfStable",
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
    "batch_norm_growth",
    "built_inputs",
    "chains",
    "coordinate_check",
    "critical",
    "culprits",
    "expected_loss",
    "finite_width",
    "half_stable",
    "judge",
    "measure",
    "predict",
    "probe",
    "probed",
    "residual_trajectory",
    "rule",
    "scale_groups",
]
