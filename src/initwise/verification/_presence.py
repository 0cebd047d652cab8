"""Before any value is looked at: do plan and model have the same parameters, shapes, dtypes and ties?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from initwise.findings import Finding, found
from initwise.model import Parameter
from initwise.planning import Plan, Row
from initwise.shards import Held

_SHOWN = 8


def strangers(plan: Plan, parameters: Mapping[str, Parameter]) -> Iterator[Finding]:
    """INI106 for each parameter that the plan does not know; an alias that came loose is told by `mismatch`."""
    loose = {alias for row in plan if row.name in parameters for alias in _loose(row, parameters)}
    for name in parameters:
        if name not in plan and name not in loose:
            fix = "make a new plan for this model"
            yield found("INI106", name, "the plan does not know this parameter", "present", "absent", fix)


def mismatch(row: Row, parameters: Mapping[str, Parameter], place: Held | None) -> list[Finding]:
    """INI106 for what keeps the values of a row from being looked at, and for ties that are no longer there."""
    parameter = parameters.get(row.name)
    if parameter is None:
        return [_missing(row, parameters)]
    shape = parameter.shape if place is None else place.whole
    there, asked = (tuple(shape), parameter.dtype), (tuple(row.shape), row.dtype)
    if there != asked:
        said = "the parameter is not the one that was planned"
        return [found("INI106", row.name, said, f"{there[0]} {there[1]}", f"{asked[0]} {asked[1]}", "plan again")]
    if parameter.tensor.is_meta:
        said, fix = "the parameter is on the meta device", "iw.materialize(model, plan, device=...)"
        return [found("INI106", row.name, said, "no memory", "values", fix)]
    return [_untied(row, alias) for alias in _loose(row, parameters)]


def absent_and_unknown(plan: Plan, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    """One line each that names what the plan has and the model lacks, and the other way."""
    missing = [row.name for row in plan if row.name not in parameters]
    loose = {alias for row in plan for alias in row.aliases}
    unknown = [name for name in parameters if name not in plan and name not in loose]
    if missing:
        yield f"planned, and not in the model: {_named(missing)}"
    if unknown:
        yield f"in the model, and not planned: {_named(unknown)}"


def _missing(row: Row, parameters: Mapping[str, Parameter]) -> Finding:
    holder = next((each for each in parameters.values() if row.name in each.aliases), None)
    if holder is not None:
        said = f"it was planned on its own and is tied to {holder.name}"
        return found("INI106", row.name, said, f"tied to {holder.name}", "memory of its own", "untie it, or plan again")
    fix = "make a new plan, or map renamed parameters with names={here: planned}"
    return found("INI106", row.name, "the model has no such parameter", "absent", "present", fix)


def _untied(row: Row, alias: str) -> Finding:
    said = f"{alias} was planned as a tie of it and has memory of its own: training will drive the two apart"
    return found("INI106", row.name, said, "two parameters", f"one, also known as {alias}", "tie them, or plan again")


def _loose(row: Row, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    return (alias for alias in row.aliases if alias in parameters)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
