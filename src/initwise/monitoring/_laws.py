"""What a plan knows of a parameter, in the words of an alert."""

from __future__ import annotations

from initwise.initializers import Initializer
from initwise.planning import Plan, Row


def weight_of(parameters: tuple[str, ...], plan: Plan | None) -> str:
    """Return the parameter of a layer that is its matrix: the one with most axes as planned, else the first."""
    if plan is None or not parameters:
        weights = [each for each in parameters if each.rpartition(".")[2].startswith("weight")]
        return [*weights, *parameters, ""][0]
    return max(parameters, key=lambda name: len(plan[name].shape))


def drawn_from(name: str, plan: Plan | None) -> str:
    """Return how a parameter was initialized: "its weights were drawn with fan_out, ..."; "" without a plan."""
    row = _row(name, plan)
    if row is None:
        return ""
    if row.kept:
        return f"{name} was kept as it was ({row.reason})"
    law = row.law
    std = f", std {law.std:.3g}" if law is not None and law.std else ""
    rule = f", by {row.rule}" if row.rule else ""
    return f"its weights were drawn with {by(row.initializer)}{std}{rule}"


def by(initializer: Initializer) -> str:
    """Return an initializer in words, with the fan that it divides by first.

    >>> from initwise.initializers import KaimingNormal, Zeros
    >>> by(KaimingNormal(mode="fan_out")), by(Zeros())
    ("fan_out (KaimingNormal(mode='fan_out'))", 'Zeros()')
    """
    mode = getattr(initializer, "mode", "")
    return f"{mode} ({initializer!r})" if isinstance(mode, str) and mode else repr(initializer)


def starts_at_zero(name: str, plan: Plan | None) -> bool:
    """Tell whether a parameter was planned as zeros: it has no size that an update could be held against."""
    row = _row(name, plan)
    return row is not None and row.law is not None and row.law.mean == 0.0 and row.law.std == 0.0


def _row(name: str, plan: Plan | None) -> Row | None:
    return plan[name] if plan is not None and name in plan else None
