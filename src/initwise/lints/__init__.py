"""Lints: what is wrong with a model as it stands, without a plan."""

from initwise.lints._baseline import Baseline, read_baseline
from initwise.lints._check import check
from initwise.lints._codes import codes
from initwise.lints._configuration import Configuration, nearest_configuration, read_configuration
from initwise.lints._rows import CheckedParameter
from initwise.lints._suppression import Suppression

__all__ = [
    "Baseline",
    "CheckedParameter",
    "Configuration",
    "Suppression",
    "check",
    "codes",
    "nearest_configuration",
    "read_baseline",
    "read_configuration",
]
