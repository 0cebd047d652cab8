"""What a comparison found: one value a parameter, and all of them together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from initwise._arguments import nearest
from initwise.differences import _table
from initwise.findings import Table
from initwise.reporting import plain, text

_SAME = frozenset({"same", "agrees", "kept", "not testable"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One parameter on both sides.

    Attributes:
        name: the canonical name, that of `a` where the two sides call it differently.
        status: of two plans "same", "law differs", "blocks differ", "kept in a", "kept rows differ", "padding
            differs"; of a plan and a model "agrees", "differs", "kept", "not testable", "no values"; of two models
            "same" (bit for bit), "same law" (other numbers), "differs", "no values"; of any two "only in a", "shape
            differs", "dtype differs", "ties differ". Where several fit it is the gravest; `reason` tells of all.
        shape: the shape, in `a` where it has the parameter.
        law_a, law_b: the laws, in words; of a model what its values look like, where that can be said.
        mean_a, mean_b: the means: of a plan those of its laws, of a model those of its values.
        std_a, std_b: the standard deviations, likewise.
        fans: "fan_in -> fan_out", of both sides where they differ; empty for models.
        largest: the largest |difference| of two models' values.
        reason: what differs and why, in words.
    """

    name: str
    status: str
    shape: tuple[int, ...] = ()
    law_a: str = ""
    law_b: str = ""
    mean_a: float | None = None
    mean_b: float | None = None
    std_a: float | None = None
    std_b: float | None = None
    fans: str = ""
    largest: float | None = None
    reason: str = ""

    @property
    def same(self) -> bool:
        """True where nothing differs; what a plan keeps, or what cannot be tested, differs in nothing known."""
        return self.status in _SAME

    @property
    def ratio(self) -> float | None:
        """The standard deviation of `b` in units of that of `a`; None where there is none."""
        return self.std_b / self.std_a if self.std_a and self.std_b is not None else None

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "ratio": self.ratio, "same": self.same}

    def turned(self) -> Compared:
        """The row with its sides exchanged."""
        status = self.status
        if status[-2:] in {" a", " b"}:
            status = status[:-1] + ("b" if status[-1] == "a" else "a")
        return replace(
            self,
            status=status,
            law_a=self.law_b,
            law_b=self.law_a,
            mean_a=self.mean_b,
            mean_b=self.mean_a,
            std_a=self.std_b,
            std_b=self.std_a,
        )


@dataclass(frozen=True)
class Difference:
    """How two plans, a plan and a model, or two models differ. Printing it shows what differs, like names in one line.

    Attributes:
        a, b: the two sides, in words.
        rows: one `Compared` for each parameter of either side, and for each buffer of two models.
        notes: what concerns no single parameter: another seed, multipliers, what one of the plans notes.
    """

    a: str
    b: str
    rows: tuple[Compared, ...]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """True where no row differs: of plans the laws, of a plan and a model what was asked, of models the bits."""
        return all(row.same for row in self.rows)

    @property
    def ok(self) -> bool:
        """The same as `same`, as reports have it."""
        return self.same

    def __getitem__(self, name: str) -> Compared:
        """Return the row of one parameter."""
        for row in self.rows:
            if row.name == name:
                return row
        known = [row.name for row in self.rows]
        raise KeyError(f"the difference has no row {name!r}{nearest(name, known)}")

    def verdict(self) -> str:
        """One line: how many rows there are of each status, the differing ones first."""
        counts = Counter(row.status for row in sorted(self.rows, key=lambda row: row.same))
        plural = {"agrees": "agree", "differs": "differ"}
        listed = ", ".join(f"{count:,} {plural.get(status, status)}" for status, count in counts.items())
        return f"{len(self.rows):,} compared: {listed or 'nothing'}."

    def table(self, *, all: bool = False) -> Table:  # noqa: A002 - the word that the command line has
        """Return the table: rows that differ first, one line for names that differ only in numbers.

        `all`: show the rows that are the same, too.
        """
        shown = [row for row in self.rows if all or not row.same or row.status == "not testable"]
        notes = (f"a: {self.a}", f"b: {self.b}", *self.notes, self.verdict())
        return _table.grouped(sorted(shown, key=lambda row: row.same), notes)

    def text(self, *, all: bool = False, terminal: bool | None = None, width: int | None = None) -> str:  # noqa: A002
        """The table as text; where nothing is to be shown, its notes."""
        table = self.table(all=all)
        return text(table, terminal=terminal, width=width) if table.rows else "\n".join(table.notes)

    def to_dict(self) -> dict[str, Any]:
        """The difference as plain data, ready for `json.dumps`."""
        head = {"a": self.a, "b": self.b, "same": self.same, "notes": list(self.notes)}
        return {**head, "rows": plain(self.rows)}

    def turned(self) -> Difference:
        """The difference with its sides exchanged."""
        return Difference(self.b, self.a, tuple(row.turned() for row in self.rows), self.notes)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Difference of {self.a} and {self.b}: {self.verdict()}>"
