"""What one step showed: a row for each layer, one for each parameter."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LayerRow:
    """The output of one call of a layer, or of a function that activates units outside of any layer.

    Attributes:
        module: the canonical name of the module; "" for the root.
        call: how often the module had been called before in this step.
        operation: the class of the module, or the name of the function, such as "Linear" or "relu".
        feeder: the layer with parameters whose output it takes, as far as shapes and order tell; "" for none.
        parameters: the canonical names of the module's own parameters.
        shape: of the output.
        mean, second_moment: of its elements; None where one of them is not finite.
        low, peak: the smallest and the largest absolute value; `peak` is NaN or infinite where an element is.
        nan, infinite: how many elements are.
        units, dead: of ReLU and its kin, how many units there are, and the share that is positive for no sample at
            no place.
        saturated: of tanh, sigmoid and their kin, the share of elements within 1.5 % of the range of a bound.
        deviation: of those, the standard deviation of what goes in, around each unit's own mean.
        effective_rank: exp of the entropy of the squared singular values of 128 samples and places x units.
        grad_second_moment: of the gradient that arrives at the output, unscaled; None where none arrived.
        grad_peak: its largest absolute value.
    """

    module: str
    call: int
    operation: str
    feeder: str
    parameters: tuple[str, ...]
    shape: tuple[int, ...]
    mean: float | None = None
    second_moment: float | None = None
    low: float | None = None
    peak: float = 0.0
    nan: int = 0
    infinite: int = 0
    units: int = 0
    dead: float | None = None
    saturated: float | None = None
    deviation: float | None = None
    effective_rank: float | None = None
    grad_second_moment: float | None = None
    grad_peak: float | None = None

    @property
    def finite(self) -> bool:
        """Whether all elements are finite."""
        return not (self.nan or self.infinite)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, without what is unknown."""
        return _known(self)


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One trained parameter in one step.

    Attributes:
        name: its canonical name.
        rms: the root of its mean square, before the optimizer's step, over the elements that are looked at.
        grad_mean, grad_second_moment: of its gradient as the optimizer takes it: accumulated, reduced over processes,
            unscaled and clipped. None without a gradient, or where an element is not finite.
        grad_peak: the largest absolute value of the gradient.
        grad_nan, grad_infinite: how many elements are.
        update_ratio: |w_after - w_before| / |w_before|, of the optimizer's step, weight decay included.
        distance: |w - w_0| / |w_0|, from the weights at initialization, after the step.
        rate: the learning rate of its group; None where no optimizer took it, or that one finds its own.
        why: why there is no gradient or no update; "" where there are both.
    """

    name: str
    rms: float | None = None
    grad_mean: float | None = None
    grad_second_moment: float | None = None
    grad_peak: float | None = None
    grad_nan: int = 0
    grad_infinite: int = 0
    update_ratio: float | None = None
    distance: float | None = None
    rate: float | None = None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, without what is unknown."""
        return _known(self)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one step showed.

    Attributes:
        step: its number, from 0; a step is one step of the optimizer.
        loss: as it was given; None where none was.
        layers: in the order of execution.
        parameters: those that are trained, in the order of the model.
        rate: the learning rate of the optimizer's first group; None where no optimizer was seen, or it finds its own.
        skipped: the gradient scaler skipped the optimizer's step, because a gradient overflowed.
        light: only `low`, `peak` and what is not finite was looked at, as the flight recorder does.
    """

    step: int
    loss: float | None
    layers: tuple[LayerRow, ...]
    parameters: tuple[ParameterRow, ...]
    rate: float | None = None
    skipped: bool = False
    light: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The frame as plain data."""
        return {
            "step": self.step,
            "loss": self.loss,
            "rate": self.rate,
            "skipped": self.skipped,
            "layers": [row.to_dict() for row in self.layers],
            "parameters": [row.to_dict() for row in self.parameters],
        }


def _known(row: LayerRow | ParameterRow) -> dict[str, Any]:
    values = {each.name: getattr(row, each.name) for each in fields(row)}
    return {name: value for name, value in values.items() if value is not None and value not in ((), "")}
