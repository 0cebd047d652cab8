"""`apply`: carry a plan out on a model, all parameters or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from initwise.errors import ApplyError, InitwiseError, PlanError
from initwise.initializers import Keep
from initwise.model import Parameter, Reading, Solution, elsewhere, read
from initwise.planning import Names, Plan, Row, refuse_other_than_plan
from initwise.random import Batch, Filler, fill
from initwise.shards import Held, Shard, held, is_sharded
from initwise.writing._agreement import compare_ranks, refuse_other_than_group
from initwise.writing._checks import problems
from initwise.writing._parts import write_parts, write_zero_padding
from initwise.writing._places import find_places
from initwise.writing._prepare import Prepared, add_gathered, prepare
from initwise.writing._progress import progress
from initwise.writing._through import solved, write_solution


def apply(
    model: nn.Module,
    plan: Plan,
    *,
    shards: Mapping[str, Shard] | None = None,
    names: Names | None = None,
    agree: Any = True,
) -> None:
    """Write the weights that `plan` describes into `model`, in place.

    Everything is checked before the first write: names, shapes, dtypes, devices and ties must be those that were
    planned, user functions are called, and parametrizations are inverted and read back on copies. A plan that does not
    fit changes no weight. Tied parameters are written once, padding rows are zeroed, strides and `requires_grad` stay,
    and torch's random state is not touched.

    A parametrized weight (weight norm, an orthogonal or any other parametrization with a right inverse) is written
    through, so that the weight that the module computes follows the law. Where there is no right inverse, and under
    spectral norm and pruning masks, the original follows it; the plan's reason says so.

    Of parameters that are DTensors (`fully_shard`, tensor parallel, replicas) each rank writes its own part, equal bit
    for bit to that part of the whole: no rank waits for another, but for one comparison of 16 bytes a rank before the
    first write. Laws that are drawn at once (orthogonal, sparse, `Custom`) are computed, block by block, on every rank
    that holds some of the block, and cut. Rows that are made from old ones (`MeanOfRows`) take one collective more,
    which gathers the old rows.

    Args:
        model: the model that was planned, or one with the same parameters; wrapped by `torch.compile` or DDP is fine.
        plan: what `initwise.plan` returned, here or in another process.
        shards: what plain tensors hold of the parameters that were planned: `{name: Slice(...)}`, or `FlatRange`.
        names: where `model` is a part of the model that was planned: `{name or prefix here: there}`, or a function of
            the name here; see `Plan.part`.
        agree: compare plan and seed with the ranks of the same meshes, and of DDP's and FSDP's process groups; a
            process group compares within it, False sends nothing.

    Raises:
        ApplyError: model and plan do not fit, or ranks differ; the message lists every difference.
        ArgumentTypeError: `plan` is not a plan, or `agree` no process group.
    """
    refuse_other_than_plan("apply", plan)
    refuse_other_than_group(agree)
    reading = read(model)
    try:
        ready = _worked_out(reading, plan, shards, names)
    except Exception:
        compare_ranks(reading, plan, agree, ["an error"])  # no other rank shall wait for this one
        raise
    found = compare_ranks(reading, ready.plan, agree, ready.problems)
    if found:
        raise ApplyError("apply", found)
    add_gathered(ready.prepared, ready.plan, ready.parameters, ready.places)
    with Batch() as batch:
        for row in progress([row for row in ready.plan if not isinstance(row.initializer, Keep)], _elements):
            parameter = ready.parameters[row.name]
            if row.name in ready.solutions:
                write_solution(parameter, ready.solutions.pop(row.name))
                continue
            filler = batch if row.padding is None else fill  # zeros follow at once
            _write_row(ready.places[row.name], row, ready.plan.seed, ready.prepared, filler)
            if is_sharded(parameter.tensor):
                increment_version(parameter.tensor)  # what autograd saved is the wrapper, not its local part


class _Ready(NamedTuple):
    """What is known before the first write."""

    plan: Plan
    parameters: Mapping[str, Parameter]
    places: Mapping[str, Held]
    prepared: Prepared
    solutions: dict[str, Solution]
    problems: list[str]


def _worked_out(reading: Reading, plan: Plan, shards: Any, names: Any) -> _Ready:
    """Check and compute what this rank can by itself; nothing is written or sent."""
    parameters = {parameter.name: parameter for parameter in reading.parameters}
    ready = _Ready(plan, parameters, {}, {}, {}, elsewhere(reading))
    if ready.problems:
        return ready
    try:
        plan = plan if names is None else plan.part(reading.model, names)
    except PlanError as error:
        return ready._replace(problems=list(error.problems))
    places, found = find_places(reading, shards)
    ready = ready._replace(plan=plan, places=places, problems=problems(plan, parameters, places, found))
    if ready.problems:
        return ready
    try:
        prepared = prepare(plan, parameters, places)
        return ready._replace(prepared=prepared, solutions=_solve(plan, parameters, prepared))
    except ApplyError as error:
        return ready._replace(problems=list(error.problems))


def _write_row(where: Held, row: Row, seed: int, prepared: Prepared, filler: Filler = fill) -> None:
    write_parts(where, row.parts, seed=seed, name=row.canonical, values=prepared.get(row.name), filler=filler)
    if row.padding is not None and row.is_written(row.padding):
        write_zero_padding(where, row.padding)


def _solve(plan: Plan, parameters: Mapping[str, Parameter], prepared: Prepared) -> dict[str, Solution]:
    """Compute what is behind each parametrized weight before anything is written: a right inverse may fail."""
    solutions: dict[str, Solution] = {}
    found: list[str] = []
    for row in plan:
        parameter = parameters[row.name]
        if parameter.sources and not isinstance(row.initializer, Keep):
            try:
                values = drawn_values(parameter, row, plan.seed, prepared)
                solutions[row.name] = solved(parameter, row, values, plan.seed)
            except InitwiseError as error:
                found.append(f"{row.name!r}: {error}")
    if found:
        raise ApplyError("apply", found)
    return solutions


def drawn_values(
    parameter: Parameter, row: Row, seed: int, prepared: Prepared, device: torch.device | None = None
) -> Tensor:
    """Return what a parametrized weight shall be, as a tensor of its own; kept blocks are what they are now.

    It lies where the parameter does, or on `device` where no block is kept.
    """
    if any(isinstance(part.initializer, Keep) for part in row.parts):
        values = parameter.values().clone()
    else:
        values = torch.empty(row.shape, dtype=row.dtype, device=device or parameter.device)
    _write_row(held(values), row, seed, prepared)
    return values


def _elements(row: Row) -> int:
    return math.prod(row.shape)
