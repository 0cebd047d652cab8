"""From a choice to a row: what is drawn for a parameter, checked against its shape and dtype."""

from __future__ import annotations

from initwise.errors import ArgumentError, NotSupportedError
from initwise.initializers import Initializer, Keep, NewRows
from initwise.model import Parameter
from initwise.planning._costs import cost_in_shards
from initwise.planning._explain import around
from initwise.planning._reasons import reason_for
from initwise.planning._resolve import Choice
from initwise.planning._row import Row
from initwise.rules import Rule


def undecided_row(parameter: Parameter, canonical: str, why: str) -> Row:
    """Return the row of a parameter that the plan leaves alone."""
    return _row(parameter, canonical, Keep(), None).because(why)


def decided_row(parameter: Parameter, canonical: str, choice: Choice, old_rows: int = 0) -> Row:
    """Return the row of a parameter that a rule decides about; its first `old_rows` rows are kept.

    Raises:
        InitwiseError: the initializer cannot be drawn for this parameter.
    """
    rule = choice.rule
    initializer = choice.match.initializer
    if old_rows and not isinstance(initializer, Keep | NewRows):
        initializer = NewRows(initializer, after=old_rows)
    row = _row(parameter, canonical, initializer, rule)
    if row.kept:
        return row.because(rule.why or "left as it is by a rule")
    way = parameter.way
    if way is not None and way.problem:
        raise NotSupportedError(
            f'{way.problem}; remove the parametrization, or leave the parameter: iw.rule("{parameter.name}", iw.Keep())'
        )
    if way is not None and way.inverse and isinstance(initializer, NewRows):
        raise NotSupportedError(f"{way.words}, old rows would not stay exactly as they are; remove the parametrization")
    _ = row.law, row.parts  # whatever cannot be drawn says so here
    _refuse_broken_padding(row)
    reason = "; ".join(filter(None, (reason_for(row, parameter, rule), cost_in_shards(row, parameter))))
    if isinstance(initializer, NewRows):
        reason = f"{reason}; rows {initializer.after} to {row.shape[0] - 1}, the first {initializer.after} are kept"
    return row.because(f"{reason}; {way.words}" if way is not None else reason)


def _row(parameter: Parameter, canonical: str, initializer: Initializer, rule: Rule | None) -> Row:
    return Row(
        name=parameter.name,
        canonical=canonical,
        path=parameter.path,
        aliases=parameter.aliases,
        shape=parameter.shape,
        dtype=parameter.dtype,
        requires_grad=parameter.requires_grad,
        initializer=initializer,
        axes=(rule.axes if rule is not None else None) or parameter.axes,
        blocks=parameter.blocks,
        padding=parameter.padding,
        operation=parameter.operation,
        role=parameter.role,
        rule="" if rule is None else f"recipe {rule.origin}" if rule.origin else repr(rule),
        source=parameter.usage.source if parameter.usage is not None else "",
        line=parameter.usage.line if parameter.usage is not None else "",
        context=tuple(around(parameter.usage)) if parameter.usage is not None else (),
    )


def _refuse_broken_padding(row: Row) -> None:
    """A padding row is set to zero after the draw, which an orthogonal or identity matrix does not survive."""
    structured = (part for part in row.parts if part.law is not None and part.draw is None and part.law.std > 0)
    if row.padding is not None and (part := next(structured, None)) is not None:
        raise ArgumentError(
            f"its padding row {row.padding} is set to zero, and {part.initializer!r} would not hold any more; use an "
            "element-wise initializer such as iw.Normal(std=0.02), or build the layer without padding_idx"
        )
