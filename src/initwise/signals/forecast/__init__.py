"""Prediction: the signals of a model at initialization, from the laws of its parameters, on the meta device."""

from initwise.signals.forecast._predict import predict
from initwise.signals.forecast._state import Call
from initwise.signals.forecast._table import Rule, rule

__all__ = ["Call", "Rule", "predict", "rule"]
