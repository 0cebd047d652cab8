"""`Verdict`: whether the signal keeps its size along one path, and who is to blame where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["forward", "backward"]


@dataclass(frozen=True, slots=True)
class Culprit:
    """The parameter whose law is to blame, and the operation in which it acts.

    Attributes:
        row: its place in `Signals.rows`.
        parameter: the weight to blame; "" where none is (an operation without weights, a missing norm).
        law: what that weight follows, in words.
        found, wanted: its standard deviation, and the one that would keep the signal; None where it is not about that.
        message: what happens there, in one sentence.
        fix: what to do: "std 0.0354 instead of 0.09: fan_in was counted as fan_out".
    """

    row: int
    parameter: str
    law: str
    found: float | None
    wanted: float | None
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Step:
    """One block on a path: a repeated module, or a layer where nothing repeats.

    Attributes:
        name: of the module.
        rows: its first and last row on the path.
        growth: the factor of E[x^2] (backward: of E[g^2], from the block's end to its beginning); None where unknown,
            and where it does not matter: at the input, in an output layer, where a norm takes the scale away at once.
    """

    name: str
    rows: tuple[int, int]
    growth: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One path from an input to an output, in one direction.

    Attributes:
        path: in words, "input_ids -> lm_head".
        direction: "forward" or "backward".
        rows: the rows on the path, in the order of execution.
        steps: its blocks.
        growth: the geometric mean of the blocks' known factors; None where none is known.
        band: (low, high), in which it should lie: the more blocks, the nearer to one.
        ok: whether it does, and nothing is to blame.
        culprit: who is to blame; None where all is well or unknown. A law can be wrong though the growth lies in its
            band: of one block among many, of attention scores, of an output layer.
        message: the verdict in one sentence.
    """

    path: str
    direction: Direction
    rows: tuple[int, ...]
    steps: tuple[Step, ...]
    growth: float | None
    band: tuple[float, float]
    ok: bool
    culprit: Culprit | None
    message: str
