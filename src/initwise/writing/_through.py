"""Writing through a parametrization: values for the weight become values for the tensors that it is computed from."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError
from initwise.initializers import Stream
from initwise.model import Parameter, Solution
from initwise.planning import Row
from initwise.writing._write import write_values

_ADVICE = "draw values that it can make (iw.Orthogonal() for an orthogonal one), remove it, or use iw.Keep()"
_START = "start"  # the label of the numbers from which directions and singular vectors are made


def solved(parameter: Parameter, row: Row, values: Tensor, seed: int) -> Solution:
    """Return the tensors that make `parameter` hold `values`, once a copy of them was read back; nothing is written.

    Raises:
        ArgumentError: there are none: a right inverse fails, or the parametrization makes something else of them.
    """
    stream = Stream(seed, row.canonical, _START)
    first, second = stream.words(2)
    solution = parameter.solve(values, partial(_start, stream), int(first) << 32 | int(second))
    if solution.effective is not None:
        _compare(solution.effective, values, parameter)
    return solution


def write_solution(parameter: Parameter, solution: Solution) -> None:
    """Write the tensors of a solution, and let hooks that keep the weight as an attribute compute it again."""
    for tensor, values in solution.tensors:
        write_values(tensor, values)
    for module, name, values in solution.buffers:
        _write_buffer(module, name, values)
    for source in parameter.sources:
        kept = vars(source.module).get(source.attribute)
        if isinstance(kept, Tensor):
            with torch.set_grad_enabled(kept.requires_grad):
                setattr(source.module, source.attribute, source.computed())


def _start(stream: Stream, count: int) -> Tensor:
    return stream.normal((count,))


def _compare(found: Tensor, asked: Tensor, parameter: Parameter) -> None:
    """Refuse what is farther from the values than rounding explains, relative to the largest of them."""
    words = "" if parameter.way is None else parameter.way.words
    if (found.shape, found.dtype) != (asked.shape, asked.dtype):
        raise ArgumentError(f"{words}: it became {tuple(found.shape)} {found.dtype}; {_ADVICE}")
    largest = float(asked.abs().max())
    error = float((found - asked).abs().max())
    if not error <= tolerance(asked.dtype) * largest:
        raise ArgumentError(
            f"{words}: the weight is off by {error:.3g} where the largest value is {largest:.3g}; {_ADVICE}"
        )


def tolerance(dtype: torch.dtype) -> float:
    """Return how far a weight may be off after its parametrization, as a part of the largest value.

    >>> tolerance(torch.float32)
    2e-05
    """
    return 2e-5 if dtype in {torch.float32, torch.complex64} else max(4 * torch.finfo(dtype).eps, 1e-12)


def _write_buffer(module: nn.Module, name: str, values: Tensor) -> None:
    there = module.get_buffer(name) if isinstance(getattr(module, name), Tensor) else None
    if there is not None and (there.shape, there.dtype) == (values.shape, values.dtype):
        write_values(there, values)
    else:
        setattr(module, name, values)
