"""`Losses`: what every strategy reached on every seed; a run that diverged is a result too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

from initwise._arguments import Arguments, nearest, show
from initwise.errors import ArgumentError

Scale = Literal["log", "identity"]
Loss = float | None


@dataclass(frozen=True, slots=True)
class Losses:
    """Final losses, a row for each strategy and a column for each seed; None is a run that diverged.

    A row may be shorter than the longest: that strategy was stopped, and its later seeds were not run. `scale` is that
    of differences: "log", or "identity" where any loss is zero or negative and has no logarithm. Make the table with
    `Losses.of`, which checks.

    >>> losses = Losses.of({"classic": [0.5, 0.4, float("nan")], "auto": [0.3, 0.2, 0.2]})
    >>> losses.seeds, losses.row("classic"), losses.scale
    (3, (0.5, 0.4, None), 'log')
    """

    strategies: tuple[str, ...]
    rows: tuple[tuple[Loss, ...], ...]
    scale: Scale

    @classmethod
    def of(cls, table: Mapping[str, Sequence[Loss]]) -> Losses:
        """Make the table from final losses by strategy, in the same order of seeds; None, NaN, ±inf mean diverged.

        Raises:
            ArgumentError: fewer than two strategies, a strategy without a loss, a loss that is no number.
        """
        arguments = Arguments("Losses.of")
        if len(table) < 2:
            arguments.refuse(f"there is {len(table)} strategy, and a comparison needs at least 2; add a contender")
        rows = {name: _row(arguments, name, row) for name, row in table.items()}
        arguments.done()
        return cls(tuple(rows), tuple(rows.values()), _scale(rows.values()))

    @property
    def seeds(self) -> int:
        """How many seeds the longest row has."""
        return max(map(len, self.rows))

    def row(self, strategy: str) -> tuple[Loss, ...]:
        """The losses of one strategy.

        Raises:
            ArgumentError: there is no such strategy.
        """
        if strategy not in self.strategies:
            known = ", ".join(map(repr, self.strategies))
            hint = nearest(strategy, self.strategies)
            raise ArgumentError(f"Losses: there is no strategy {strategy!r}; there are {known}{hint}")
        return self.rows[self.strategies.index(strategy)]

    def first(self, seeds: int) -> Losses:
        """The table as it stood after so many seeds, with the scale that it had then."""
        rows = tuple(row[:seeds] for row in self.rows)
        return Losses(self.strategies, rows, _scale(rows))

    def without(self, strategies: Sequence[str]) -> Losses:
        """The same table without some strategies, on the same scale."""
        kept = [name for name in self.strategies if name not in strategies]
        return Losses(tuple(kept), tuple(map(self.row, kept)), self.scale)

    def to_dict(self) -> dict[str, Any]:
        """The table as plain data, for JSON."""
        return {"scale": self.scale, "losses": {name: list(self.row(name)) for name in self.strategies}}


def _scale(rows: Iterable[Sequence[Loss]]) -> Scale:
    return "log" if all(loss > 0 for row in rows for loss in row if loss is not None) else "identity"


def _row(arguments: Arguments, name: Any, row: Sequence[Loss]) -> tuple[Loss, ...]:
    if not isinstance(name, str) or not name:
        arguments.refuse(f"a strategy is named {show(name)}, and needs a text that is not empty", wrong_type=True)
    if not len(row):
        arguments.refuse(f"strategy {name!r} has no losses; run at least one seed, or leave it out")
    return tuple(_loss(arguments, f"{name!r}, seed {index}", loss) for index, loss in enumerate(row))


def _loss(arguments: Arguments, place: str, loss: Any) -> Loss:
    if loss is None:
        return None
    if isinstance(loss, bool) or not isinstance(loss, Real):
        found = f"{show(loss)} of type {type(loss).__name__}"
        arguments.refuse(f"the loss of {place} is {found}, not a number or None", wrong_type=True)
        return None
    value = float(loss)
    return value if math.isfinite(value) else None
