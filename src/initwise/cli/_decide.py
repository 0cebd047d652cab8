"""From the options of a command to a plan: which rules, which seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from initwise._arguments import nearest
from initwise.cli._output import note
from initwise.cli._rules_file import read_rules
from initwise.errors import PlanError, TargetError
from initwise.planning import Plan, plan
from initwise.random import key
from initwise.recipes import RECIPES
from initwise.rules import Rule

DEFAULT_RECIPE = "auto"


@dataclass(frozen=True)
class Choice:
    """What was asked for: rules and recipes in the form that `initwise.plan` takes, and the seed."""

    rules: tuple[str | Rule, ...]
    seed: int
    include_frozen: bool = False
    inputs: str | None = None

    def plan(self, model: nn.Module) -> Plan:
        """Plan a model so; what is worth knowing about the plan is in its notes, which every table shows."""
        try:
            return plan(model, self.rules, seed=self.seed, inputs=self.inputs, include_frozen=self.include_frozen)
        except PlanError as error:
            if len(self.rules) == 1 and any("no rule matches" in problem for problem in error.problems):
                note(f"rules beside a recipe go into a file, --rules rules.yaml, that says recipe: {self.rules[0]}")
            raise


def choose(
    recipe: str | None,
    rules: Path | None,
    seed: int | None,
    *,
    include_frozen: bool = False,
    inputs: str | None = None,
) -> Choice:
    """Check the options before a model is built. --seed wins over a rule file's seed; without both it is 0."""
    if recipe is not None and rules is not None:
        raise TargetError(
            "--recipe and --rules: give one of them; a rule file may name a recipe to start from (recipe: classic)."
        )
    given, from_file = _rules(recipe, rules)
    chosen = next(each for each in (seed, from_file, 0) if each is not None)
    key(chosen, "")  # The stream says what a seed may be.
    return Choice(given, chosen, include_frozen, inputs)


def _rules(recipe: str | None, rules: Path | None) -> tuple[tuple[str | Rule, ...], int | None]:
    if rules is not None:
        file = read_rules(rules)
        return file.rules, file.seed
    if recipe is None:
        note(f"no --recipe and no --rules: planning {DEFAULT_RECIPE}, by how the model uses each parameter")
        return (DEFAULT_RECIPE,), None
    check_recipe(recipe)
    return (recipe,), None


def check_recipe(name: str, option: str = "--recipe") -> None:
    """Refuse a recipe that does not exist."""
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise TargetError(f"{option} {name}: there is no such recipe; there are {known}{nearest(name, RECIPES)}")
