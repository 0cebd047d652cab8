"""How a parameter is used: the operation that consumes it, its axes, blocks and role, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from initwise.axes import Axes, Blocks

Role = Literal[
    "weight",  # a matrix or kernel that is contracted with the signal
    "recurrent",  # a weight that is contracted with the state of a recurrent layer
    "embedding",  # rows that are looked up and make the signal
    "position",  # added to the signal, one vector for each position
    "token",  # enters the signal as elements of its own: class, mask, query and register tokens
    "table",  # rows that are looked up and added to attention scores: relative position biases
    "bias",  # added to a weight's output, one number a channel
    "norm_weight",  # multiplies a normalized signal
    "norm_bias",  # is added to a normalized signal
    "scale",  # multiplies the signal: layer scale, temperature, gates
    "slope",  # the negative slope of an activation
    "rate",  # enters through exp, softplus or sigmoid of itself: state-space decays and time steps
    "unused",  # the traced forward pass never touched it
]


@dataclass(frozen=True, slots=True)
class Residual:
    """A residual stream that a weight writes into.

    Attributes:
        stream: a name for the stream, the same for all of its writers.
        index: which addition this writer belongs to, from 0 in the order of execution.
        writers: how many additions the stream has.
        norm: the canonical name of the norm's weight that closes the branch, between this weight and the addition.
    """

    stream: str
    index: int
    writers: int
    norm: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What is known of how a parameter is used, from a traced forward pass or from its module's type.

    Attributes:
        operation: what consumes the parameter, such as "linear", "conv2d" or "lstm".
        role: what it is there: a weight, a recurrent weight, an embedding, a bias, a norm's scale or shift, a slope.
        axes: which axes are contracted and which are kept; None where the question has no meaning (biases, norms).
        blocks: the matrices that are packed into one parameter, such as the gates of an LSTM.
        padding: the row of an embedding that stays zero.
        neutral: the value with which the module does nothing: 1 for most norms, 0 where it adds one to its weight.
        source: "trace" where a forward pass showed it, "type" where the module's type says it.
        line: the source line of the operation, as "file.py:123"; "" from types.
        follows: what produces the operation's input: an activation's name, "norm", "input", ...; "" where unknown.
        activation: the name of the activation that is applied to the output; "" for none or unknown.
        residual: the residual stream that the operation's output is added into; None for none or unknown.
        norm_follows: the output goes into a norm before anything else happens to it.
        output: the operation makes the model's output.
        calls: how often the parameter is consumed in one forward pass; 0 where unknown.
    """

    operation: str
    role: Role
    axes: Axes | None = None
    blocks: Blocks | None = None
    padding: int | None = None
    neutral: float | None = None
    source: Literal["trace", "type"] = "type"
    line: str = ""
    follows: str = ""
    activation: str = ""
    residual: Residual | None = None
    norm_follows: bool = False
    output: bool = False
    calls: int = 0
