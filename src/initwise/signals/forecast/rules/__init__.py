"""The families of rules; importing this fills the table."""

from initwise.signals.forecast.rules import (
    _attention,
    _elementwise,
    _joins,
    _layers,
    _lookups,
    _norms,
    _products,
    _reductions,
    _spatial,
    _views,
    _whole,
)

__all__ = [
    "_attention",
    "_elementwise",
    "_joins",
    "_layers",
    "_lookups",
    "_norms",
    "_products",
    "_reductions",
    "_spatial",
    "_views",
    "_whole",
]
