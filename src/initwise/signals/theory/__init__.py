"""Mean-field theory of deep chains: fixed points, chi, correlation length, and what a prediction should agree with."""

from initwise.signals.theory._activation_moments import Moments, activation_moments
from initwise.signals.theory._chains import Chain, chains
from initwise.signals.theory._depth import DepthMap, FixedCorrelation, FixedPoint, FixedPoints
from initwise.signals.theory._lines import (
    Critical,
    HalfStable,
    batch_norm_growth,
    critical,
    half_stable,
    residual_trajectory,
)
from initwise.signals.theory._loss import expected_loss
from initwise.signals.theory._width import FiniteWidth, finite_width

__all__ = [
    "Chain",
    "Critical",
    "DepthMap",
    "FiniteWidth",
    "FixedCorrelation",
    "FixedPoint",
    "FixedPoints",
    "HalfStable",
    "Moments",
    "activation_moments",
    "batch_norm_growth",
    "chains",
    "critical",
    "expected_loss",
    "finite_width",
    "half_stable",
    "residual_trajectory",
]
