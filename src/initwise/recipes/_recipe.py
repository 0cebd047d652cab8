"""`Recipe`: a named rule set with its source; and how a recipe turns decisions into rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from initwise.initializers import Initializer
from initwise.model import Parameter, Reading
from initwise.rules import Rule, rule
from initwise.selectors import Name

Decision = tuple[Initializer, str] | None
"""What a recipe says about a parameter: its initializer and the reason in words; None where it says nothing."""


@dataclass(frozen=True)
class Multiplier:
    """A number that belongs to an initialization and that weights cannot hold: the caller applies it in training.

    Attributes:
        target: the canonical name of a parameter or module; "" for the whole model.
        kind: what to multiply: the learning rate of a parameter, a module's output, a residual branch or stream, the
            attention logits, the weight decay or the optimizer's epsilon.
        value: the factor.
        why: the reason in words, with the formula.
    """

    target: str
    kind: Literal["learning_rate", "output", "branch", "stream", "attention", "weight_decay", "epsilon"]
    value: float
    why: str


def _nothing(reading: Reading) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Recipe:
    """A named rule set.

    Attributes:
        name: as it is given to `plan`.
        summary: one line.
        source: the paper or release that it reproduces.
        laws: (role, law) pairs in words, as `initwise explain NAME` shows them.
        decide: from a model that was read, a function that decides about each of its parameters.
        multipliers: from a model that was read, the numbers that go with the weights; `plan.multipliers` holds them.
        warnings: from a model that was read, sentences about what initialization cannot do here, such as a change of
            the forward pass that the recipe needs; `plan.notes` holds them.
        needs_trace: it decides by usage: without example inputs, `plan` builds some and runs the model on meta.
    """

    name: str
    summary: str
    source: str
    laws: tuple[tuple[str, str], ...]
    decide: Callable[[Reading], Callable[[Parameter], Decision]]
    multipliers: Callable[[Reading], tuple[Multiplier, ...]] = _nothing
    warnings: Callable[[Reading], tuple[str, ...]] = _nothing
    needs_trace: bool = False

    def rules(self, reading: Reading) -> list[Rule]:
        """Return one optional rule for each parameter that the recipe knows."""
        decide = self.decide(reading)
        decided = ((parameter.name, decide(parameter)) for parameter in reading.parameters)
        return [_rule(name, decision).from_recipe(self.name) for name, decision in decided if decision is not None]


def _rule(name: str, decision: tuple[Initializer, str]) -> Rule:
    initializer, why = decision
    return rule(Name(name), initializer, optional=True, why=why)
