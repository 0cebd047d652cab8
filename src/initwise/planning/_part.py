"""A part of a plan, for a part of the model: a pipeline stage, or a module that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import nn

from initwise._arguments import nearest
from initwise.errors import PlanError
from initwise.model import Parameter, read
from initwise.planning._names import mapped
from initwise.planning._row import Row
from initwise.recipes import Multiplier

if TYPE_CHECKING:
    from initwise.planning._value import Plan


def part(plan: Plan, model: nn.Module, names: Any) -> Plan:
    """Return the rows of `plan` that are about the parameters of `model`, under their names there."""
    reading = read(model)
    problems: list[str] = []
    there = mapped(names, reading, [parameter.name for parameter in reading.parameters], problems)
    rows, taken = [], dict[str, str]()
    for parameter in reading.parameters:
        name = there[parameter.name]
        if name not in plan:
            problems.append(f"{parameter.name!r} is {name!r} in the plan, which has none{nearest(name, _names(plan))}")
            continue
        row = plan[name]
        other = taken.setdefault(row.name, parameter.name)
        if other != parameter.name:
            problems.append(
                f"{other!r} and {parameter.name!r} are both {row.name!r} in the plan; a stage map is one-to-one: give "
                "each its own name there, or tie them"
            )
        elif row.shape != parameter.shape and not parameter.parametrized:
            problems += _other_shape(parameter, row)
        rows.append(replace(row, name=parameter.name, path=parameter.path, aliases=parameter.aliases))
    if problems:
        raise PlanError("part", list(dict.fromkeys(problems)))
    aliases = [alias for parameter in reading.parameters for alias in parameter.aliases]
    asked = there | mapped(names, reading, aliases, [])  # a module may have no other parameter than a tied one
    here = {name: each for each, name in asked.items()} | taken
    return replace(plan, rows=tuple(rows), multipliers=tuple(_multipliers(plan, here)))


def _multipliers(plan: Plan, here: Mapping[str, str]) -> Iterator[Multiplier]:
    """Yield the numbers that belong to a parameter, or to a module with a parameter, of the part, under its name there.

    A module's name there ends where the names of a parameter of it begin to be the same.
    """
    for each in plan.multipliers:
        if not each.target or each.target in here:
            yield replace(each, target=here.get(each.target, ""))
            continue
        below = next((name for name in here if name.startswith(f"{each.target}.")), None)
        suffix = "" if below is None else below.removeprefix(each.target)
        if below is not None and here[below].endswith(suffix):
            yield replace(each, target=here[below].removesuffix(suffix))


def _other_shape(parameter: Parameter, row: Row) -> Iterator[str]:
    """Name another shape; of a shard's it is not known here what it is a part of."""
    if parameter.ndim == len(row.shape) and all(
        mine <= whole for mine, whole in zip(parameter.shape, row.shape, strict=True)
    ):
        return
    if parameter.ndim != 1:
        yield (
            f"{parameter.name!r} has shape {parameter.shape}, and {row.name!r} was planned with shape {row.shape}; "
            "map it to another name"
        )


def _names(plan: Plan) -> list[str]:
    return [name for row in plan for name in (row.name, *row.aliases)]
