"""Strategies: names for ways to initialize, each of which makes a plan for a model and a seed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from initwise._arguments import nearest, show
from initwise.comparison._steps import STEPS, step
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError
from initwise.planning import Plan, plan
from initwise.recipes import RECIPES, Recipe
from initwise.rules import Rule

Batches = Sequence[Any]


@dataclass(frozen=True)
class Strategy:
    """A way to initialize, by name.

    Attributes:
        name: as it is shown.
        made: rules for `iw.plan` (a recipe's name, a `Recipe`, a rule, or several of these), a `Plan`, or a function
            `(model, batches) -> Plan` (with a third parameter `seed`, if it has one of that name).
        steps: names of calibration steps over that plan, in order, such as "lsuv".
    """

    name: str
    made: Any
    steps: tuple[str, ...] = ()

    def plan(self, model: nn.Module, batches: Batches, inputs: Any, seed: int) -> Plan:
        """Return the plan for a model; `model` is changed by strategies that look at data."""
        try:
            decided = self._decided(model, batches, inputs, seed)
            for name in self.steps:
                decided = step(name)(model, batches, decided)
        except InitwiseError as error:
            raise ArgumentError(f"compare: strategy {self.name!r}: {error}") from error
        return decided

    def _decided(self, model: nn.Module, batches: Batches, inputs: Any, seed: int) -> Plan:
        if isinstance(self.made, Plan):
            return replace(self.made, seed=seed)
        if callable(self.made) and not isinstance(self.made, (Recipe, Rule)):
            return self._called(model, batches, seed)
        return plan(model, self.made, seed=seed, inputs=inputs)

    def _called(self, model: nn.Module, batches: Batches, seed: int) -> Plan:
        known = inspect.signature(self.made).parameters
        found = self.made(model, batches, seed=seed) if "seed" in known else self.made(model, batches)
        if not isinstance(found, Plan):
            raise ArgumentTypeError(f"it returned {show(found)} of type {type(found).__name__}; return a Plan")
        return found if "seed" in known else replace(found, seed=seed)


def strategies(given: Any, own: Mapping[str, Any]) -> tuple[Strategy, ...]:
    """Return the strategies that `compare` was given: a mapping by name, or a sequence of names.

    Args:
        given: `{"classic": "classic", "mine": [iw.rule(...)]}`, or `["classic", "auto+lsuv"]`: a name of the task's own
            strategies or of a recipe, then calibration steps; a step alone works over `auto`.
        own: the task's own strategies.

    Raises:
        ArgumentError: fewer than two, a name twice, a name that nobody knows.
    """
    problems: list[str] = []
    found = tuple(_found(_pairs(given), own, problems))
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(f"strategies: {', '.join(map(repr, twice))} stands there twice; name each once")
    if len(found) < 2 and not problems:
        problems.append(
            f"strategies: there is {f'1 ({names[0]})' if found else 'none'}; a comparison needs at least two, such as"
            ' ["classic", "auto"]'
        )
    if problems:
        raise ArgumentError(f"compare: {'; '.join(problems)}")
    return found


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        yield from given.items()
    elif isinstance(given, Sequence) and not isinstance(given, str):
        yield from ((each.name if isinstance(each, Recipe) else each, each) for each in given)
    else:
        raise ArgumentTypeError(
            f"compare: strategies is {show(given)} of type {type(given).__name__}; give a mapping of names to rules, or"
            ' a list of names such as ["classic", "auto"]'
        )


def _found(pairs: Iterator[tuple[Any, Any]], own: Mapping[str, Any], problems: list[str]) -> Iterator[Strategy]:
    for name, made in pairs:
        if not isinstance(name, str) or not name:
            problems.append(f"strategies: {show(name)} is no name; give a mapping of names to rules")
        elif isinstance(made, Strategy):
            yield replace(made, name=name)
        elif isinstance(made, str):
            yield from _named(name, made, own, problems)
        else:
            yield Strategy(name, made)


def _named(name: str, words: str, own: Mapping[str, Any], problems: list[str]) -> Iterator[Strategy]:
    base, *steps = [word.strip() for word in words.split("+")]
    if base in STEPS and base not in own:
        base, steps = "auto", [base, *steps]
    wrong = [each for each in steps if each not in STEPS]
    if wrong:
        problems.append(f"strategies: {words!r}: there is no step {wrong[0]!r}; there are {', '.join(STEPS)}")
    elif base not in own and base not in RECIPES:
        known = [*own, *RECIPES, *STEPS]
        problems.append(
            f"strategies: there is no strategy {base!r}{nearest(base, known)}; give a recipe (`initwise recipes` lists"
            f" them), a step ({', '.join(STEPS)})" + (f" or one of the task's own ({', '.join(own)})" if own else "")
        )
    else:
        yield from _joined(name, own.get(base, base), tuple(steps))


def _joined(name: str, made: Any, steps: tuple[str, ...]) -> Iterator[Strategy]:
    if isinstance(made, Strategy):
        yield Strategy(name, made.made, (*made.steps, *steps))
    else:
        yield Strategy(name, made, steps)
