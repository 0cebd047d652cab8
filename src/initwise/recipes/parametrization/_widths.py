"""Which axes of a parameter are widths, and what kind of parameter that makes it in Tensor Programs V."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from torch import nn

from initwise.errors import ArgumentError
from initwise.fans import Fans, fans
from initwise.model import Parameter, Reading
from initwise.recipes.parametrization._base import Base

Kind = Literal["hidden", "input", "output", "vector", "fixed"]


@dataclass(frozen=True)
class Width:
    """A parameter beside the same one of the base.

    Attributes:
        parameter: of the model.
        base: of the base model.
        kind: "hidden" where fan_in and fan_out grow with the width, "input" where only fan_out does, "output" where
            only fan_in does, "vector" for one number a channel (biases, norms, scales, depthwise kernels), "fixed".
        fan_in: how many times the base's its fan_in is; 1 where that does not grow.
        fan_out: the same of its fan_out, or of a vector's size.
    """

    parameter: Parameter
    base: Parameter
    kind: Kind
    fan_in: float = 1.0
    fan_out: float = 1.0

    @property
    def is_tied(self) -> bool:
        """Whether the parameter is both an embedding and another layer's weight."""
        lookups = [isinstance(owner.module, nn.Embedding) for owner in self.parameter.owners]
        return any(lookups) and not all(lookups)

    @property
    def readouts(self) -> tuple[str, ...]:
        """The modules (or bare parameters) whose product must shrink with the width; empty for other kinds."""
        if self.is_tied:
            owners = [owner for owner in self.parameter.owners if not isinstance(owner.module, nn.Embedding)]
            return tuple(owner.module_name for owner in owners) if self.kind != "fixed" else ()
        if self.kind != "output":
            return ()
        return (self.parameter.module_name if self.parameter.attribute == "weight" else self.parameter.name,)

    @property
    def growth(self) -> float:
        """How many times the base's the contracted width of the readout is."""
        return self.fan_out if self.kind == "input" else self.fan_in


def widths(reading: Reading, base: Base, delta: Base | None) -> Mapping[str, Width]:
    """Compare every parameter with the base's; with `delta`, widths are the axes in which that differs from the base.

    Raises:
        ArgumentError: an axis differs that cannot be a width; all such parameters are told.
    """
    found, problems = {}, []
    for parameter in reading.parameters:
        try:
            wider = None if delta is None else delta.parameters[parameter.name]
            found[parameter.name] = _width(parameter, base.parameters[parameter.name], wider)
        except ArgumentError as error:
            problems.append(f"{parameter.name!r} (shape {parameter.shape}): {error}")
    if problems:
        more = f"; and {len(problems) - 6} more" if len(problems) > 6 else ""
        raise ArgumentError(f"{'; '.join(problems[:6])}{more}")
    return found


def _width(parameter: Parameter, base: Parameter, delta: Parameter | None) -> Width:
    wider = delta if delta is not None else parameter  # what differs from the base in its widths
    wide = _differing(base.shape, wider.shape)
    strays = [axis for axis in _differing(base.shape, parameter.shape) if axis not in wide]
    if strays:
        raise ArgumentError(f"it differs from base, {base.shape}, in {_named(strays)}, and delta does not")
    if not wide:
        return Width(parameter, base, "fixed")
    if parameter.axes is None or base.axes is None:
        return _vector(parameter, base, wide)
    roles = parameter.axes.normalized(parameter.shape)
    others = [axis for axis in wide if axis not in roles.fan_in + roles.fan_out]
    if others:
        raise ArgumentError(
            f"it differs from base, {base.shape}, in {_named(others)}, which is looked up, stacked or a window and no "
            "width; build base with the same size there"
        )
    there, here, reference = _fans(base), _fans(parameter), _fans(wider)
    contracted, kept = reference.fan_in != there.fan_in, reference.fan_out != there.fan_out
    if not (contracted or kept):  # a depthwise kernel
        return _vector(parameter, base, wide)
    kind: Kind = "hidden" if contracted and kept else "output" if contracted else "input"
    return Width(parameter, base, kind, here.fan_in / there.fan_in, here.fan_out / there.fan_out)


def _vector(parameter: Parameter, base: Parameter, wide: list[int]) -> Width:
    if len(wide) > 1:
        raise ArgumentError(
            f"it differs from base, {base.shape}, in {_named(wide)}, and nothing tells which of them is contracted; "
            "plan with inputs=, so that a forward pass shows it"
        )
    growth = prod(parameter.shape[axis] / base.shape[axis] for axis in wide)
    return Width(parameter, base, "vector", fan_out=growth)


def _fans(parameter: Parameter) -> Fans:
    if parameter.axes is None:
        raise ArgumentError("its axes are not known; plan with inputs=, so that a forward pass shows them")
    return fans(parameter.shape, parameter.axes)


def _differing(base: tuple[int, ...], other: tuple[int, ...]) -> list[int]:
    return [axis for axis, (one, two) in enumerate(zip(base, other, strict=True)) if one != two]


def _named(axes: Iterable[int]) -> str:
    return " and ".join(f"axis {axis}" for axis in axes)
