"""Samples and laws: moments of tensors in one pass, and the intervals that hold them. It knows no model and no plan."""

from initwise.statistics._intervals import mean_interval, square_interval
from initwise.statistics._moments import Moments, moments, pooled
from initwise.statistics._sample import SOME, Sample

__all__ = ["SOME", "Moments", "Sample", "mean_interval", "moments", "pooled", "square_interval"]
