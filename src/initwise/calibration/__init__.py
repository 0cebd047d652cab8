"""Calibration: steps over a plan that look at data, and return a new plan with what they found."""

from initwise.calibration._actnorm import actnorm_init
from initwise.calibration._gradinit import gradinit
from initwise.calibration._lsuv import lsuv
from initwise.calibration._metainit import metainit
from initwise.calibration._prior import output_prior
from initwise.calibration._weight_norm import weight_norm_init
from initwise.calibration._within import within_channel

__all__ = ["actnorm_init", "gradinit", "lsuv", "metainit", "output_prior", "weight_norm_init", "within_channel"]
