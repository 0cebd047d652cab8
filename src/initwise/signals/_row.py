"""What is known of one operation's output and of one parameter: the same rows whether predicted or measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from initwise.reporting import plain


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the finite elements of a tensor are spread, in bins of equal width; NaN and infinities are counted apart.

    Attributes:
        low, high: the smallest and the largest finite element.
        counts: how many elements lie in each bin from `low` to `high`.
        nan, infinite: how many elements are NaN, and how many are infinite.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    nan: int = 0
    infinite: int = 0


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One call of a torch function that takes the signal. Rows are found by (module, operation, call).

    Attributes:
        index: its place in `Signals.rows`, in the order of execution.
        module: the canonical name of the innermost module that was running; "" for the root.
        operation: the function's name, such as "linear" or "relu".
        call: how often that module had been called before in this pass.
        line: the source line outside torch, as "path/file.py:123".
        parameters: the canonical names of the parameters that took part, directly or as what was made of them.
        inputs: the rows that made the signals it takes, the main one first; -1 for the model's inputs.
        shape: of its output.
        mean, second_moment: of the elements of its output, E[x] and E[x^2]; None where unknown.
        grad_second_moment: E[g^2] of the gradient of its output; None where unknown or where none arrives.
        sample_correlation: E<x_a, x_b> / E|x|^2 over pairs of different samples a, b at the same place (first axis);
            None for one sample. 1 where the input makes no difference.
        token_correlation: the same over pairs of different places of one sample (tokens, pixels); None without places.
        why: why something is unknown, and what to do; "" where all is known.
        spread: the standard deviation of log(second_moment) over seeds; None for one seed.
        grad_spread: the same of log(grad_second_moment).
        peak: the largest absolute value (measured only, as all that follows).
        nan, infinite: how many elements of the output are NaN or infinite.
        units, dead: of an activation of the ReLU family, how many units it has, and the share of them that is positive
            nowhere.
        saturated: of a bounded activation, the share of elements near its bounds.
        histogram: of the output's elements.
        effective_rank: exp(entropy of the squared singular values) of the output as samples x units.
    """

    index: int
    module: str
    operation: str
    call: int
    line: str
    parameters: tuple[str, ...]
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    mean: float | None = None
    second_moment: float | None = None
    grad_second_moment: float | None = None
    sample_correlation: float | None = None
    token_correlation: float | None = None
    why: str = ""
    spread: float | None = None
    grad_spread: float | None = None
    peak: float | None = None
    nan: int | None = None
    infinite: int | None = None
    units: int = 0
    dead: float | None = None
    saturated: float | None = None
    histogram: Histogram | None = None
    effective_rank: float | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """By what the same operation is found in another pass: (module, operation, call)."""
        return (self.module, self.operation, self.call)

    @property
    def is_layer(self) -> bool:
        """Whether it multiplies the signal with a weight: a dense layer, a convolution, a recurrent layer, a lookup."""
        return bool(self.parameters) and self.operation in WEIGHTED

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return {name: plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ParameterSignal:
    """What one parameter meets in the backward pass.

    Attributes:
        name: its canonical name.
        law: what its values follow, in words ("normal: mean 0, std 0.02"); where they are measured, "".
        second_moment: E[w^2] of its values.
        grad_second_moment: E[g^2] of its gradient's elements; None where unknown, 0 where it is exactly zero.
        why: why something is unknown, and what to do.
        grad_spread: the standard deviation of log(grad_second_moment) over seeds.
        grad_norm: the Euclidean norm of its gradient (measured only, as all that follows).
        nan, infinite: how many elements of the gradient are.
        update_ratios: |update| / |weight| of the first step by optimizer ("sgd", "adam") at `Signals.learning_rate`.
        histogram: of its values.
    """

    name: str
    law: str = ""
    second_moment: float | None = None
    grad_second_moment: float | None = None
    why: str = ""
    grad_spread: float | None = None
    grad_norm: float | None = None
    nan: int | None = None
    infinite: int | None = None
    update_ratios: Mapping[str, float] = field(default_factory=dict)
    histogram: Histogram | None = None

    def to_dict(self) -> dict[str, Any]:
        """The parameter's signals as plain data."""
        return {name: plain(getattr(self, name)) for name in self.__slots__}


WEIGHTED = frozenset(
    """linear matmul __matmul__ mm bmm addmm baddbmm einsum bilinear embedding embedding_bag conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d grouped_mm _grouped_mm lstm gru rnn_tanh rnn_relu lstm_cell
    gru_cell rnn_tanh_cell rnn_relu_cell tensordot""".split()
)
