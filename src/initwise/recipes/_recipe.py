"""`Recipe`: a named rule set with its source; and how a recipe turns decisions into rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from initwise.initializers import Initializer
from initwise.model import Parameter, Reading
from initwise.rules import Rule, rule
from initwise.selectors import Name

Decision = tuple[Initializer, str] | None
"""What a recipe says about a parameter: its initializer and the reason in words; None where it says nothing."""


@dataclass(frozen=True)
class Recipe:
    """A named rule set.

    Attributes:
        name: as it is given to `plan`.
        summary: one line.
        source: the paper or release that it reproduces.
        laws: (role, law) pairs in words, as `initwise explain NAME` shows them.
        decide: from a model that was read, a function that decides about each of its parameters.
    """

    name: str
    summary: str
    source: str
    laws: tuple[tuple[str, str], ...]
    decide: Callable[[Reading], Callable[[Parameter], Decision]]

    def rules(self, reading: Reading) -> list[Rule]:
        """Return one optional rule for each parameter that the recipe knows."""
        decide = self.decide(reading)
        decided = ((parameter.name, decide(parameter)) for parameter in reading.parameters)
        return [_rule(name, decision).from_recipe(self.name) for name, decision in decided if decision is not None]


def _rule(name: str, decision: tuple[Initializer, str]) -> Rule:
    initializer, why = decision
    return rule(Name(name), initializer, optional=True, why=why)
