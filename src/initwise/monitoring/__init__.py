"""Monitoring: a model watched while it is trained, on few steps, and what to change when it does not go well."""

from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame, LayerRow, ParameterRow
from initwise.monitoring._monitor import Monitor
from initwise.monitoring._schedule import Every, Logarithmic
from initwise.monitoring._step import Step
from initwise.monitoring._suggestion import Change, Suggestion
from initwise.monitoring.callbacks import lightning_callback, transformers_callback
from initwise.monitoring.sinks import Csv, JsonLines, Onlooker, Sink, TensorBoard, WandB, scalars

__all__ = [
    "Alert",
    "Change",
    "Csv",
    "Every",
    "Flight",
    "Frame",
    "JsonLines",
    "LayerRow",
    "Logarithmic",
    "Monitor",
    "Onlooker",
    "ParameterRow",
    "Sink",
    "Step",
    "Suggestion",
    "TensorBoard",
    "WandB",
    "lightning_callback",
    "scalars",
    "transformers_callback",
]
