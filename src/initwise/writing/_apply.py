"""`apply`: carry a plan out on a model, all parameters or none."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from initwise.errors import ApplyError, InitwiseError
from initwise.initializers import Keep
from initwise.model import Parameter, Solution, read
from initwise.planning import Plan, Row, refuse_other_than_plan
from initwise.writing._checks import problems
from initwise.writing._parts import part_of, write_parts
from initwise.writing._prepare import Prepared, prepare
from initwise.writing._progress import progress
from initwise.writing._through import solved, write_solution
from initwise.writing._write import write_values, write_zero_row


def apply(model: nn.Module, plan: Plan) -> None:
    """Write the weights that `plan` describes into `model`, in place.

    Everything is checked before the first write: names, shapes, dtypes, devices and ties must be those that were
    planned, user functions are called, and parametrizations are inverted and read back on copies. A plan that does not
    fit changes no weight. Tied parameters are written once, padding rows are zeroed, strides and `requires_grad` stay,
    and torch's random state is not touched.

    A parametrized weight (weight norm, an orthogonal or any other parametrization with a right inverse) is written
    through, so that the weight that the module computes follows the law. Where there is no right inverse, and under
    spectral norm and pruning masks, the original follows it; the plan's reason says so.

    Args:
        model: the model that was planned, or one with the same parameters; wrapped by `torch.compile` or DDP is fine.
        plan: what `initwise.plan` returned, here or in another process.

    Raises:
        ApplyError: model and plan do not fit; the message lists every difference.
        ArgumentTypeError: `plan` is not a plan.
    """
    refuse_other_than_plan("apply", plan)
    parameters = {parameter.name: parameter for parameter in read(model).parameters}
    found = problems(plan, parameters)
    if found:
        raise ApplyError("apply", found)
    prepared = prepare(plan, parameters)
    solutions = _solve(plan, parameters, prepared)
    for row in progress([row for row in plan if not isinstance(row.initializer, Keep)], _elements):
        parameter = parameters[row.name]
        if row.name in solutions:
            write_solution(parameter, solutions.pop(row.name))
        else:
            _write_row(parameter.tensor, row, plan.seed, prepared)


def _write_row(tensor: Tensor, row: Row, seed: int, prepared: Prepared) -> None:
    padding = row.padding if row.padding is not None and row.is_written(row.padding) else None
    if not any((row.name, part.label) in prepared for part in row.parts):
        write_parts(tensor, row.parts, seed=seed, name=row.canonical, padding=padding)
        return
    for part in row.parts:
        values = prepared.get((row.name, part.label))
        if values is None:
            write_parts(tensor, (part,), seed=seed, name=row.canonical)
        else:
            write_values(part_of(tensor.detach(), part), values)
    if padding is not None:
        write_zero_row(tensor, padding)


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
    _write_row(values, row, seed, prepared)
    return values


def _elements(row: Row) -> int:
    return math.prod(row.shape)
