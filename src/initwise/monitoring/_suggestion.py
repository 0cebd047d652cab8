"""`Suggestion`: the change to try next, as rules and as a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from initwise.findings import Column, Table
from initwise.planning import Plan
from initwise.rules import Rule

Kind = Literal["law", "gain", "depth scaling", "learning rate"]


@dataclass(frozen=True)
class Change:
    """One thing to change.

    Attributes:
        kind: "law" for another initializer, "gain" for the same one with another scale, "depth scaling" for a scale
            that counts residual branches, "learning rate".
        parameter: the canonical name of the parameter; "" for the learning rate.
        old, new: what it was and what it should be, as one would write it.
        evidence: what was seen that asks for it.
    """

    kind: Kind
    parameter: str
    old: str
    new: str
    evidence: str

    def __str__(self) -> str:
        what = self.kind if not self.parameter else f"{self.kind} of {self.parameter}"
        return f"{what}: {self.old} -> {self.new}, because {self.evidence}"


@dataclass(frozen=True)
class Suggestion:
    """What to try next; `print` shows it. Nothing in it is proven: compare it on your task.

    Attributes:
        changes: each with its evidence; empty where nothing speaks for a change.
        rules: the changes of laws as rules, to stand before those of a recipe: `iw.plan(model, [*rules, "auto"])`.
        plan: the plan that was given with these changes; None where none was given or none of its laws is changed.
        rate: by which factor to multiply the learning rate; 1.0 to leave it.
        notes: what else is worth knowing.
    """

    changes: tuple[Change, ...] = ()
    rules: tuple[Rule, ...] = ()
    plan: Plan | None = None
    rate: float = 1.0
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def table(self) -> Table:
        """The changes as a table."""
        columns = tuple(map(Column, ("change", "of", "from", "to", "because")))
        rows = tuple((each.kind, each.parameter or "all", each.old, each.new, each.evidence) for each in self.changes)
        return Table("To try next" if rows else "Nothing speaks for a change", columns, rows, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """The suggestion as plain data."""
        return {
            "changes": [vars(each) for each in self.changes],
            "rules": [repr(each) for each in self.rules],
            "plan": self.plan.to_dict() if self.plan is not None else None,
            "rate": self.rate,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return str(self.table()) if self.changes else "\n".join([self.table().title, *self.notes])
