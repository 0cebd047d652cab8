"""The base model of a parametrization: its parameters under the names of the model that is planned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from initwise._arguments import show
from initwise.axes import Axes, Blocks
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Parameter, Reading, Usage, read

BaseModel = nn.Module | Reading | Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Base:
    """A base as it was read for one model.

    Attributes:
        parameters: by the canonical names of the model that is planned.
        modules: of the base model, by canonical name; empty where only shapes were given.
        reading: the base as rules read it.
    """

    parameters: Mapping[str, Parameter]
    modules: Mapping[str, nn.Module]
    reading: Reading


def checked_base(what: str, value: Any) -> BaseModel:
    """Return `value` if it can be a base; a model is read when the recipe is.

    Raises:
        ArgumentTypeError: it is no model, no reading and no mapping from names to shapes.
    """
    if isinstance(value, (nn.Module, Reading)):
        return value
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(
            f"mup: {what} is {show(value)} of type {type(value).__name__}; give the narrow model (the meta device is "
            "enough), what initwise.model.read returned for it, or a mapping from parameter names to shapes"
        )
    wrong = [name for name, shape in value.items() if not _is_shape(shape)]
    if wrong:
        raise ArgumentTypeError(f"mup: {what}[{wrong[0]!r}] is {show(value[wrong[0]])}; give a tuple of sizes above 0")
    return value


def base_for(what: str, given: BaseModel, reading: Reading) -> Base:
    """Return the base for the model that `reading` is of.

    Raises:
        ArgumentError: its parameters have other names or other numbers of axes; all of them are told.
    """
    if isinstance(given, Mapping):
        shapes = {reading[name].name if name in reading else name: tuple(shape) for name, shape in given.items()}
        _refuse_other(what, shapes, reading)
        known = {each.name: _reshaped(each, shapes[each.name], each.usage) for each in reading.parameters}
        return Base(known, {}, replace(reading, parameters=tuple(known.values())))
    base = given if isinstance(given, Reading) else read(given)
    _refuse_other(what, {each.name: each.shape for each in base.parameters}, reading)
    known = {each.name: _like(base[each.name], each) for each in reading.parameters}
    return Base(known, base.modules, replace(base, parameters=tuple(known.values())))


def _is_shape(value: Any) -> bool:
    return isinstance(value, Sequence) and all(isinstance(size, int) and size > 0 for size in value)


def _refuse_other(what: str, shapes: Mapping[str, tuple[int, ...]], reading: Reading) -> None:
    problems = list(_differences(what, shapes, reading))
    if problems:
        more = f"; and {len(problems) - 6} more" if len(problems) > 6 else ""
        raise ArgumentError(f"{'; '.join(problems[:6])}{more}; give the same architecture at another width")


def _differences(what: str, shapes: Mapping[str, tuple[int, ...]], reading: Reading) -> Iterator[str]:
    names = {each.name for each in reading.parameters}
    for parameter in reading.parameters:
        shape = shapes.get(parameter.name)
        if shape is None:
            yield f"{what} has no parameter {parameter.name!r}, which the model has"
        elif len(shape) != parameter.ndim:
            yield f"{parameter.name!r} has shape {parameter.shape} here and {shape} in {what}: other numbers of axes"
    for name in shapes:
        if name not in names:
            yield f"{what} has a parameter {name!r} that the model does not have"


def _like(base: Parameter, parameter: Parameter) -> Parameter:
    """Return the base's parameter, used as a traced forward pass of either model shows, else as its type says."""
    told, seen = base.usage, parameter.usage
    traced = seen is not None and seen.source == "trace" and (told is None or told.source == "type")
    if told is None or traced:
        return _reshaped(base, base.shape, seen, parameter.shape)
    return base


def _reshaped(
    parameter: Parameter, shape: tuple[int, ...], usage: Usage | None, of: tuple[int, ...] | None = None
) -> Parameter:
    """Return a parameter with another shape, used in the same way."""
    wide = of if of is not None else parameter.shape
    tensor = torch.empty(shape, dtype=parameter.dtype, device="meta")
    if usage is not None:
        axes = None if usage.axes is None else _grouped(usage.axes, shape)
        usage = replace(usage, axes=axes, blocks=_blocks(usage.blocks, wide, shape))
    return replace(parameter, tensor=tensor, usage=usage)


def _grouped(axes: Axes, shape: tuple[int, ...]) -> Axes:
    """A depthwise kernel has as many groups as channels, at every width; other kernels keep their groups."""
    return axes if axes.groups == 1 else replace(axes, groups=math.gcd(axes.groups, shape[0]))


def _blocks(blocks: Blocks | None, wide: tuple[int, ...], shape: tuple[int, ...]) -> Blocks | None:
    """Return blocks in the same proportions; None where they would not be whole."""
    if blocks is None or shape[blocks.axis] == wide[blocks.axis]:
        return blocks
    scaled = [size * shape[blocks.axis] for size in blocks.sizes]
    if any(size % wide[blocks.axis] for size in scaled):
        return None
    return replace(blocks, sizes=tuple(size // wide[blocks.axis] for size in scaled))
