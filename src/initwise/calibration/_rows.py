"""Rows of a plan, scaled and shifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from initwise.errors import ArgumentError
from initwise.initializers import Constant, Given, Initializer, Keep, Law, NewRows, Scaled
from initwise.model import Parameter
from initwise.planning import Row

RECURRENT = frozenset("lstm gru rnn rnn_tanh rnn_relu lstm_cell gru_cell rnn_cell rnn_tanh_cell rnn_relu_cell".split())


def why_not(row: Row) -> str:
    """Return why a weight cannot be scaled; "" where it can."""
    if row.kept or isinstance(row.initializer, NewRows):
        return "it is kept as it is" if row.kept else "its old rows are kept"
    if row.role == "recurrent" or row.operation in RECURRENT:
        return "it is recurrent, and its output no output of one layer"
    try:
        scaled(row.initializer, 1.0)
        law = _law(row)
    except ArgumentError as error:
        return str(error)
    if law is not None and law.std == 0 and law.mean == 0:
        return "its law is zero, which no factor changes"
    return ""


def is_weight(row: Row) -> bool:
    """Tell whether a parameter is contracted with the signal."""
    return row.role in {"weight", "recurrent"} or (row.role is None and len(row.shape) > 1)


def times(row: Row, factor: float, why: str) -> Row:
    """Return the row whose values are `factor` times those of a row."""
    return replace(row, initializer=scaled(row.initializer, factor)).because(f"{row.reason}; {why}")


def by_channel(row: Row, factors: Sequence[float], axis: int, why: str) -> Row:
    """Return the row whose channels are their factor times those of a row."""
    made = Scaled(row.initializer, tuple(factors), axis=axis)
    return replace(row, initializer=made).because(f"{row.reason}; {why}")


def given(row: Row, values: Sequence[float], why: str) -> Row:
    """Return the row with values of its own."""
    same = len(set(values)) == 1
    made: Initializer = Constant(values[0]) if same else Given(tuple(values))
    return replace(row, initializer=made).because(why)


def scaled(initializer: Initializer, factor: float) -> Initializer:
    """Return the initializer whose values are `factor` times another's; factors on factors become one.

    >>> from initwise.initializers import Normal
    >>> scaled(scaled(Normal(), 2.0), 1.5)
    Scaled(Normal(), 3.0)
    """
    if isinstance(initializer, Scaled) and initializer.axis is None:
        return Scaled(initializer.inner, initializer.factors[0] * factor)
    return Scaled(initializer, factor)


def out_axis(row: Row) -> int | None:
    """Return the axis of a weight that its output's channels run along; None where there is no such axis."""
    if row.axes is None:
        return None
    axes = row.axes.normalized(row.shape)
    return axes.fan_out[0] if len(axes.fan_out) == 1 and not axes.batch else None


def values_of(parameter: Parameter) -> list[float]:
    """Return what a parameter holds, as numbers."""
    numbers: list[float] = parameter.values().detach().double().flatten().tolist()
    return numbers


def _law(row: Row) -> Law | None:
    return None if isinstance(row.initializer, Keep) else row.law
