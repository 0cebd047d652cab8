"""How a parameter is used: the operation that consumes it, its axes, its blocks, its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from initwise.axes import Axes, Blocks

Role = Literal["weight", "recurrent", "embedding", "bias", "norm_weight", "norm_bias", "slope"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a module type tells about one of its parameters.

    Attributes:
        operation: what consumes the parameter, such as "linear", "conv2d" or "lstm".
        role: what it is there: a weight, a recurrent weight, an embedding, a bias, a norm's scale or shift, a slope.
        axes: which axes are contracted and which are kept; None where the question has no meaning (biases, norms).
        blocks: the matrices that are packed into one parameter, such as the gates of an LSTM.
        padding: the row of an embedding that stays zero.
        neutral: the value with which the module does nothing: 1 for most norms, 0 where it adds one to its weight.
    """

    operation: str
    role: Role
    axes: Axes | None = None
    blocks: Blocks | None = None
    padding: int | None = None
    neutral: float | None = None
