"""`apply`: carry a plan out on a model, all parameters or none."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from initwise.errors import ApplyError, ArgumentError, InitwiseError
from initwise.initializers import Custom, Keep, Stream
from initwise.model import Parameter, Solution, read
from initwise.planning import Part, Plan, Row, refuse_other_than_plan
from initwise.writing._checks import problems
from initwise.writing._parts import part_of, write_parts
from initwise.writing._progress import progress
from initwise.writing._through import solved, write_solution
from initwise.writing._write import write_values, write_zero_row

Prepared = dict[tuple[str, str], Tensor]  # what users' functions gave, by the row's name and the part's label


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
    prepared = _prepare(plan)
    solutions = _solve(plan, parameters, prepared)
    for row in progress([row for row in plan if not isinstance(row.initializer, Keep)], _elements):
        parameter = parameters[row.name]
        if row.name in solutions:
            write_solution(parameter, solutions.pop(row.name))
        else:
            _write_row(parameter.tensor, row, plan.seed, prepared)


def _write_row(tensor: Tensor, row: Row, seed: int, prepared: Prepared) -> None:
    if not any((row.name, part.label) in prepared for part in row.parts):
        write_parts(tensor, row.parts, seed=seed, name=row.canonical, padding=row.padding)
        return
    for part in row.parts:
        values = prepared.get((row.name, part.label))
        if values is None:
            write_parts(tensor, (part,), seed=seed, name=row.canonical)
        else:
            write_values(part_of(tensor.detach(), part), values)
    if row.padding is not None:
        write_zero_row(tensor, row.padding)


def _solve(plan: Plan, parameters: Mapping[str, Parameter], prepared: Prepared) -> dict[str, Solution]:
    """Compute what is behind each parametrized weight before anything is written: a right inverse may fail."""
    solutions: dict[str, Solution] = {}
    found: list[str] = []
    for row in plan:
        parameter = parameters[row.name]
        if parameter.sources and not isinstance(row.initializer, Keep):
            try:
                values = _drawn(parameter, row, plan.seed, prepared)
                solutions[row.name] = solved(parameter, row, values, plan.seed)
            except InitwiseError as error:
                found.append(f"{row.name!r}: {error}")
    if found:
        raise ApplyError("apply", found)
    return solutions


def _drawn(parameter: Parameter, row: Row, seed: int, prepared: Prepared) -> Tensor:
    """Return what a parametrized weight shall be, as a tensor of its own; kept blocks are what they are now."""
    if any(isinstance(part.initializer, Keep) for part in row.parts):
        values = parameter.values().clone()
    else:
        values = torch.empty(row.shape, dtype=row.dtype, device=parameter.device)
    _write_row(values, row, seed, prepared)
    return values


def _prepare(plan: Plan) -> Prepared:
    """Call the users' functions before anything is written, because only they can fail halfway."""
    prepared: Prepared = {}
    found: list[str] = []
    for row in plan:
        for part in row.parts:
            if isinstance(part.initializer, Custom):
                try:
                    prepared[row.name, part.label] = _custom_values(part, Stream(plan.seed, row.canonical, part.label))
                except InitwiseError as error:
                    found.append(f"{row.name!r}: {error}")
                except Exception as error:  # noqa: BLE001 - a user's function may raise anything; it is reported by name
                    said = f"{type(error).__name__}: {error}"
                    found.append(f"{row.name!r}: the function of {part.initializer!r} raised {said}")
    if found:
        raise ApplyError("apply", found)
    return prepared


def _custom_values(part: Part, stream: Stream) -> Tensor:
    """Return what a user's function makes of the stream, in the parameter's dtype; torch's generators stay put."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(devices)):
        values = part.initializer.values(part.target, stream).to(part.target.dtype)
    if not bool(torch.isfinite(values).all()):
        raise ArgumentError(f"{part.initializer!r}: the function returned values beyond the largest of {values.dtype}")
    return values


def _elements(row: Row) -> int:
    return math.prod(row.shape)
