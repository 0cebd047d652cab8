"""Reasons: what was decided about a parameter, in words."""

from __future__ import annotations

import math

from initwise.fans import Fans
from initwise.initializers import Initializer, Keep, NewRows, VarianceScaling
from initwise.model import Parameter
from initwise.planning._row import Row
from initwise.rules import Rule


def reason_for(row: Row, parameter: Parameter, rule: Rule) -> str:
    """Return the reason of a decision: the rule's own words where it has some, then the formula with its numbers."""
    subject = rule.why or f"{parameter.kind} {parameter.attribute}"
    formula = _formula(row)
    words = f"{subject}, {formula}" if formula else subject
    if not formula and not rule.why:
        words = f"{subject}: {row.law.describe() if row.law else repr(row.parts[-1].initializer)}"
    notes = [f"tied with {', '.join(row.aliases)}"] if row.aliases else []
    notes += [f"row {row.padding} stays zero"] if row.padding is not None and row.is_written(row.padding) else []
    return "; ".join([words, *notes])


def _formula(row: Row) -> str:
    """Return the formula of a law that scales with fans, with the numbers put in; empty for other laws."""
    parts = row.parts[-1:] if isinstance(row.initializer, NewRows) else row.parts
    formulas = dict.fromkeys(_scaled(part.initializer, part.target.fans) for part in parts)
    if len(formulas) > 1:
        return "by block"
    (formula,) = formulas
    return f"{formula} (each of {' '.join(row.blocks.names)})" if formula and row.blocks is not None else formula


def _scaled(initializer: Initializer, fans: Fans | None) -> str:
    scaling = initializer if isinstance(initializer, VarianceScaling) else getattr(initializer, "scaling", None)
    if isinstance(initializer, Keep) or not isinstance(scaling, VarianceScaling) or fans is None:
        return ""
    gain = math.sqrt(scaling.scale)
    above = "1" if gain == 1 else f"gain {gain:.5g}"
    if scaling.mode in ("fan_in", "fan_out"):
        fan = getattr(fans, scaling.mode)
        return f"{scaling.mode} {fan:g}: std = {above} / sqrt({fan:g})"
    both = f"fan_in {fans.fan_in:g}, fan_out {fans.fan_out:g}"
    inner = (
        f"({fans.fan_in:g} + {fans.fan_out:g}) / 2"
        if scaling.mode == "fan_avg"
        else f"{fans.fan_in:g} * {fans.fan_out:g}"
    )
    return f"{both}: std = {above} / {'sqrt' if scaling.mode == 'fan_avg' else 'fourth_root'}({inner})"
