"""`Verdicts`: all that an experiment showed, as one value that prints itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from initwise.comparison.statistics._contender import Contender
from initwise.comparison.statistics._divergence import Divergence
from initwise.comparison.statistics._family import Test
from initwise.comparison.statistics._losses import Scale
from initwise.comparison.statistics._racing import Lost
from initwise.comparison.statistics._summaries import InterquartileMean
from initwise.comparison.statistics._table import changes, rows_of
from initwise.findings import Column, Table


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of every strategy, with which error rate.

    Attributes:
        reference: who the contenders are compared with; `named` before the experiment, or the best of the table.
        scale: of differences and margin: "log" or "identity".
        seeds: of the longest row.
        alpha: the probability that any of the verdicts is wrong is at most this.
        margin: the difference that does not matter; None where nothing can be found equivalent.
        test: "exact" or "t".
        contenders: the verdicts, in the order of the table.
        divergences, means: of each strategy, the reference included, in the order of the table.
        lost: who was stopped by the race.
        notes: what one should know about this table.
    """

    reference: str
    named: bool
    scale: Scale
    seeds: int
    alpha: float
    margin: float | None
    test: Test
    contenders: tuple[Contender, ...]
    divergences: tuple[Divergence, ...]
    means: tuple[InterquartileMean, ...]
    lost: tuple[Lost, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, strategy: str) -> Contender | None:
        """The verdict on a strategy; None for the reference, and for one that is not there."""
        return next((each for each in self.contenders if each.strategy == strategy), None)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return asdict(self)

    def table(self) -> Table:
        """All of it as a table, a row for each strategy."""
        said = {each.strategy: each for each in self.contenders}
        pairs = zip(self.divergences, self.means, strict=True)
        word = "reference" if self.named else "best"
        rows = tuple(rows_of(fate, mean, said.get(fate.strategy), word, self.scale) for fate, mean in pairs)
        right = ("middle loss", "difference", "interval", "lower on", "diverged")
        columns = (Column("strategy"), Column("verdict"), *(Column(name, "right") for name in right), Column("grounds"))
        size = (
            ""
            if self.margin is None
            else f"; equivalent: within {changes([self.margin], self.scale)[0]} of the reference"
        )
        note = f"any verdict is wrong with at most {self.alpha:.0%}{size}"
        return Table("", columns, rows, (note, *self.notes))

    def __str__(self) -> str:
        return str(self.table())
