"""What is computed before anything is written, because it may fail: users' functions, and means of old rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from initwise.errors import ApplyError, ArgumentError, InitwiseError
from initwise.initializers import Custom, MeanOfRows, Stream
from initwise.model import Parameter
from initwise.planning import Part, Plan, Row
from initwise.shards import Held, is_sharded
from initwise.writing._parts import mean_rows

Prepared = dict[str, dict[str, Tensor]]  # values by the row's name and the part's label


def prepare(plan: Plan, parameters: Mapping[str, Parameter], places: Mapping[str, Held]) -> Prepared:
    """Return the values of all parts that a function of the user's or old rows decide about; those of `add_gathered`
    are left out.

    Raises:
        ApplyError: a function failed, or old rows are no numbers or not here; the message names all of them.
    """
    return prepare_rows([row for row in plan if not _is_gathered(row, parameters)], parameters, plan.seed, places)


def add_gathered(
    prepared: Prepared, plan: Plan, parameters: Mapping[str, Parameter], places: Mapping[str, Held]
) -> None:
    """Add new rows of DTensors that old ones decide about: a collective of all ranks of the mesh, which gathers these.

    Raises:
        ApplyError: old rows are no numbers, which all ranks find.
    """
    rows = [row for row in plan if _is_gathered(row, parameters)]
    if rows:
        prepared.update(prepare_rows(rows, parameters, plan.seed, places))


def _is_gathered(row: Row, parameters: Mapping[str, Parameter]) -> bool:
    made = any(isinstance(part.initializer, MeanOfRows) for part in row.parts)
    return made and is_sharded(parameters[row.name].tensor)


def prepare_rows(
    rows: Iterable[Row], parameters: Mapping[str, Parameter], seed: int, places: Mapping[str, Held] | None = None
) -> Prepared:
    """Return the same for some rows of a plan, under a seed of choice."""
    prepared: Prepared = {}
    found: list[str] = []
    for row in rows:
        for part in row.parts:
            try:
                values = _values(parameters[row.name], row, part, seed, (places or {}).get(row.name))
            except InitwiseError as error:
                found.append(f"{row.name!r}: {error}")
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything; it is reported by name
                said = f"{type(error).__name__}: {error}"
                found.append(f"{row.name!r}: the function of {part.initializer!r} raised {said}")
            else:
                if values is not None:
                    prepared.setdefault(row.name, {})[part.label] = values
    if found:
        raise ApplyError("apply", found)
    return prepared


def _values(parameter: Parameter, row: Row, part: Part, seed: int, place: Held | None) -> Tensor | None:
    if isinstance(part.initializer, Custom):
        return _custom_values(part, Stream(seed, row.canonical, part.label))
    return mean_rows(parameter, row, part, seed, place)


def _custom_values(part: Part, stream: Stream) -> Tensor:
    """Return what a user's function makes of the stream, in the parameter's dtype; torch's generators stay put."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(devices)):
        values = part.initializer.values(part.target, stream).to(part.target.dtype)
    if not bool(torch.isfinite(values).all()):
        raise ArgumentError(f"{part.initializer!r}: the function returned values beyond the largest of {values.dtype}")
    return values
