"""The values of a coordinate check: one number that was measured, and one slope with its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from initwise.reporting import plain

Along = Literal["width", "depth"]
Statistic = Literal["second_moment", "update"]
Standing = Literal["stable", "grows", "shrinks", "undecided", "zero", "diverged"]


class Key(NamedTuple):
    """What an activation is found by: the module, how often it had been called before, which of its outputs."""

    module: str
    call: int
    output: str


@dataclass(frozen=True, slots=True)
class CoordinateRecord:
    """One number of one training run: a row of the long table (`pandas.DataFrame(check.records)`).

    Attributes:
        size: the width or depth.
        seed: of the run.
        step: how many updates had been made; 0 is at initialization.
        module: the canonical name of the module; "" for the root.
        call: how often that module had been called before in this forward pass.
        output: which of its outputs: "" where it returns one tensor, "[0]" or ".logits" where several; "attention
            logits" and "attention" of an attention that ran in it; "loss" for the loss.
        statistic: "second_moment" for E[x^2], "update" for E[(x_t - x_0)^2], "loss".
        value: the number; NaN from the step on at which training had diverged.
    """

    size: int
    seed: int
    step: int
    module: str
    call: int
    output: str
    statistic: Literal["second_moment", "update", "loss"]
    value: float

    @property
    def key(self) -> Key:
        """By what the same activation is found in another run."""
        return Key(self.module, self.call, self.output)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data."""
        return {name: plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Coordinate:
    """How one statistic of one activation at one step goes with the size: E ~ size^slope.

    Attributes:
        module, call, output, step, statistic: as in `CoordinateRecord`; in a check along depth, "-1" stands for the
            number of a stack's last block.
        verdict: "stable" where the interval lies within the tolerance around 0, "grows" and "shrinks" where it lies
            outside, "undecided" where it lies across the edge, "zero" where all values are exactly zero, "diverged"
            where one is NaN or infinite.
        slopes: of each seed; empty where none can be fitted.
        slope, low, high: their mean, and its t-interval.
        seeds_needed: with how many seeds such slopes would be decided; None where they are, or where no number would.
        why: why there is no slope, or why it is no fault that the activation shrinks.
        allowed: whether it is no fault: stable, zero, or shrinking where that is known to be right.
    """

    module: str
    call: int
    output: str
    step: int
    statistic: Statistic
    verdict: Standing
    slopes: tuple[float, ...] = ()
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    seeds_needed: int | None = None
    why: str = ""
    allowed: bool = False

    @property
    def key(self) -> Key:
        """By what the same activation is found at another step."""
        return Key(self.module, self.call, self.output)

    @property
    def name(self) -> str:
        """The activation in words: "h.0.attn[0]", "block (call 1)"."""
        output = self.output if self.output[:1] in ("", "[", ".") else f" {self.output}"
        return f"{self.module or 'the model'}{output}" + (f" (call {self.call})" if self.call else "")

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return {name: plain(getattr(self, name)) for name in self.__slots__}
