"""`Seen`: what alerts and suggestions are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from initwise.monitoring._frame import Frame
from initwise.planning import Plan


@dataclass(frozen=True)
class Seen:
    """What an alert is made from.

    Attributes:
        frames: all full frames that are kept, the newest last; never empty.
        plan: what the model was initialized with, if that is known.
        matrices: the trained parameters with two axes or more.
        held: the parameters that the optimizers hold; None where none was given.
    """

    frames: Sequence[Frame]
    plan: Plan | None
    matrices: frozenset[str]
    held: frozenset[str] | None

    @property
    def now(self) -> Frame:
        """The newest frame."""
        return self.frames[-1]
