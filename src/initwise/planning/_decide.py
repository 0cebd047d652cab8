"""From a choice to a row: what is drawn for a parameter, checked against its shape and dtype."""

from __future__ import annotations

from dataclasses import replace

from initwise.errors import NotSupportedError
from initwise.initializers import Initializer, Keep
from initwise.model import Parameter
from initwise.planning._reasons import reason_for
from initwise.planning._resolve import Choice
from initwise.planning._row import Row


def undecided_row(parameter: Parameter, canonical: str, why: str) -> Row:
    """Return the row of a parameter that the plan leaves alone."""
    return replace(_row(parameter, canonical, Keep()), reason=why)


def decided_row(parameter: Parameter, canonical: str, choice: Choice) -> Row:
    """Return the row of a parameter that a rule decides about.

    Raises:
        InitwiseError: the initializer cannot be drawn for this parameter.
    """
    rule = choice.rule
    row = _row(parameter, canonical, choice.match.initializer)
    row = replace(row, axes=rule.axes or parameter.axes, rule=repr(rule))
    if row.kept:
        return replace(row, reason=rule.why or "left as it is by a rule")
    if parameter.parametrized:
        raise NotSupportedError(
            f"it is computed from {', '.join(map(repr, parameter.originals))}, and this version cannot write through a "
            f'parametrization; remove it first, or leave the parameter: iw.rule("{parameter.name}", iw.Keep())'
        )
    _ = row.law, row.parts  # whatever cannot be drawn says so here
    return replace(row, reason=reason_for(row, parameter, rule))


def _row(parameter: Parameter, canonical: str, initializer: Initializer) -> Row:
    return Row(
        name=parameter.name,
        canonical=canonical,
        path=parameter.path,
        aliases=parameter.aliases,
        shape=parameter.shape,
        dtype=parameter.dtype,
        requires_grad=parameter.requires_grad,
        initializer=initializer,
        axes=parameter.axes,
        blocks=parameter.blocks,
        padding=parameter.padding,
        operation=parameter.operation,
        role=parameter.role,
    )
