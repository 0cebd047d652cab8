"""Coordinate checks: how activations and their changes in the first steps go with width or depth."""

from initwise.signals.coordinates._check import coordinate_check
from initwise.signals.coordinates._groups import scale_groups
from initwise.signals.coordinates._result import CoordinateCheck
from initwise.signals.coordinates._row import Coordinate, CoordinateRecord

__all__ = ["Coordinate", "CoordinateCheck", "CoordinateRecord", "coordinate_check", "scale_groups"]
