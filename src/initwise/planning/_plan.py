"""`plan`: read a model, ask the rules, and decide about every parameter; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from torch import nn

from initwise import recipes
from initwise._arguments import show
from initwise.errors import ArgumentError, InitwiseError, PlanError
from initwise.model import Parameter, flattened, hiding, survey
from initwise.planning import _complaints
from initwise.planning._decide import decided_row, undecided_row
from initwise.planning._names import Names, mapped
from initwise.planning._partial import partial as find_partial
from initwise.planning._resolve import Choice, Resolution, resolve
from initwise.planning._row import Row
from initwise.planning._usage import with_usage
from initwise.planning._value import Plan
from initwise.recipes import RECIPES, Recipe
from initwise.rules import Rule
from initwise.selectors import as_selector


def plan(
    model: nn.Module,
    rules: str | Rule | Recipe | Sequence[str | Rule | Recipe] = "auto",
    *,
    seed: int = 0,
    inputs: Any = None,
    names: Names | None = None,
    only: Any = None,
    include_frozen: bool = False,
    checkpoint: Any = None,
    old_rows: Mapping[str, int] | None = None,
) -> Plan:
    """Decide what every parameter of `model` shall hold; the model is only read, on any device, meta included.

    Of the rules that match a parameter the most specific decides: exact name (the parameter's own before its module's),
    then glob or regular expression, then module type (the nearest in the inheritance order), then predicate; and a rule
    of yours before any rule of a recipe.

    Args:
        model: any `nn.Module`. Wrappers (`torch.compile`, DDP, FSDP, checkpointing) do not change the names.
        rules: the name of a recipe (`"gpt2"`), a recipe made by a function (`iw.recipes.mup(...)`), a rule, or a
            sequence of these.
        seed: an integer in [0, 2**64). A weight depends on it, on the parameter's name and on the element's index only.
        inputs: example inputs of the model's forward: a tensor, a tuple of positional arguments, a mapping of keyword
            arguments, `(args, kwargs)`, or words such as "2x3x224x224". One pass on the meta device then shows which
            operations use each parameter, and how. Without them, inputs are built for models of transformers, timm and
            torchvision, and for others by their first layer where the recipe decides by usage; what remains unknown is
            read from module types, and the plan's notes say so.
        names: `{name here: canonical name}`, of parameters or of modules with all below them, or a function of the
            name here; the parameter gets the random numbers of the canonical name, so that a renamed model keeps its
            weights. For a part of a model, whose laws may depend on the whole, see `Plan.part`.
        only: what to plan: a name, glob, type, predicate, selector, or a tuple of these. All else is kept as it is.
            `"missing"` plans what `checkpoint` did not load.
        include_frozen: plan parameters with `requires_grad=False` too, which are otherwise kept as they are.
        checkpoint: with `only="missing"`: what `load_state_dict(strict=False)` returned, names of missing parameters, a
            state dict, or the path of a safetensors file, its index or a folder of them (only headers are read). A
            parameter that has more rows in the model than in the checkpoint keeps its old rows.
        old_rows: `{name: count}`: so many first rows of a parameter are kept, and those beyond are planned.

    Returns:
        A `Plan`: print it, iterate over its rows, save it with `to_dict`, carry it out with `initwise.apply`.

    Raises:
        PlanError: rules and model do not make a plan. All reasons are told together: parameters without a rule, rules
            that match nothing, equally specific rules, parameters that cannot be drawn, wrong arguments.

    >>> import initwise as iw
    >>> decided = iw.plan(nn.Linear(4, 2), [iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros())], seed=7)
    >>> round(decided["weight"].law.std ** 2, 6), decided["bias"].initializer
    (0.333333, Zeros())
    """
    wanted = _Wanted(only, checkpoint, old_rows)
    return _Planner(model, rules, seed, inputs, names, wanted, include_frozen).plan()


class _Wanted(NamedTuple):
    """The arguments that say which parameters are planned."""

    only: Any
    checkpoint: Any
    old_rows: Any


class _Planner:
    """One call of `plan`: collects everything that is wrong, and raises it together."""

    def __init__(
        self, model: nn.Module, rules: Any, seed: Any, inputs: Any, names: Any, wanted: _Wanted, include_frozen: Any
    ) -> None:
        self.problems: list[str] = []
        self.unknown_recipes: list[str] = []
        self.misfits: list[str] = []
        self.recipes: list[str] = []
        self.multipliers: list[recipes.Multiplier] = []
        self.warnings: list[str] = []
        self.seed = seed
        self.include_frozen = include_frozen
        self.names = names
        self._check_arguments(model)
        self.reading, unreadable = survey(model)
        if shapeless := [*hiding(self.reading), *flattened(self.reading)]:
            raise PlanError("plan", [*self.problems, *shapeless])
        self.problems += unreadable
        if not unreadable:
            self.reading, self.misfits = with_usage(self.reading, inputs, needed=_needs_usage(rules))
            self.problems += self.misfits
        self.rules = self._collected(rules)
        self.only = wanted.only
        self.partial = find_partial(self.reading, *wanted)
        self.problems += self.partial.problems
        self.selected = self._selected(self.only)
        self.problems += [
            f"old_rows: {name!r} is outside only={show(self.only)}; select it too"
            for name in self.partial.old_rows
            if name not in self.selected
        ]

    def plan(self) -> Plan:
        resolution = resolve(self.reading, self.rules)
        self.problems += resolution.problems
        canonical = self._canonical_names()
        found = [
            self._row(parameter, canonical[parameter.name], resolution.choices[parameter.name])
            for parameter in self.reading.parameters
        ]
        rows = tuple(row for row in found if row is not None)
        self._complain({row.name for row in rows}, resolution)
        if self.problems:
            raise PlanError("plan", list(dict.fromkeys(self.problems)))
        origins = dict.fromkeys(rule.origin for rule in self.rules if rule.origin)
        notes = [*self.reading.notes, *self.warnings, *self.partial.notes, *self._shadowed(resolution)]
        return Plan(rows, self.seed, ", ".join(origins), tuple(dict.fromkeys(notes)), tuple(self.multipliers))

    def _check_arguments(self, model: object) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, Integral):
            kind = type(self.seed).__name__
            self.problems.append(f"seed is {show(self.seed)} of type {kind}; give an integer in [0, 2**64)")
        elif not 0 <= int(self.seed) < 2**64:
            self.problems.append(f"seed is {self.seed}; give an integer in [0, 2**64)")
        else:
            self.seed = int(self.seed)
        if not isinstance(self.include_frozen, bool):
            self.problems.append(f"include_frozen is {show(self.include_frozen)}; give True or False")
        if not isinstance(model, nn.Module):
            hint = f"an instance such as {model.__name__}(...)" if isinstance(model, type) else "an nn.Module"
            raise PlanError(
                "plan", [*self.problems, f"model is {show(model)} of type {type(model).__name__}; give {hint}"]
            )

    def _collected(self, rules: Any) -> list[Rule]:
        collected: list[Rule] = []
        several = isinstance(rules, Iterable) and not isinstance(rules, (str, Mapping))
        for entry in rules if several else [rules]:
            if isinstance(entry, Rule):
                collected.append(entry)
            elif isinstance(entry, (str, Recipe)):
                collected += self._recipe(entry)
            else:
                self.problems.append(
                    f"rules holds {show(entry)} of type {type(entry).__name__}; give iw.rule(...) or a recipe's name"
                )
        return collected

    def _recipe(self, named: str | Recipe) -> list[Rule]:
        try:
            recipe = named if isinstance(named, Recipe) else recipes.find(named)
        except ArgumentError as error:
            self.problems.append(str(error))
            self.unknown_recipes.append(str(named))
            return []
        try:
            self.recipes.append(recipe.name)
            self.multipliers += recipe.multipliers(self.reading)
            self.warnings += recipe.warnings(self.reading)
            return recipe.rules(self.reading)
        except InitwiseError as error:
            self.problems.append(f"recipe {recipe.name!r}: {error}")
            self.unknown_recipes.append(recipe.name)
            return []

    def _selected(self, only: Any) -> set[str]:
        """Return the names of the parameters that are to be planned."""
        if self.partial.active:
            return {p.name for p in self.reading.parameters} - self.partial.loaded.keys()
        if only is None:
            return {parameter.name for parameter in self.reading.parameters}
        try:
            selector = as_selector(only)
            self.problems += _complaints.unselected("only", selector, self.reading)
            return {p.name for p in self.reading.parameters if selector.parameter(p) is not None}
        except Exception as error:  # noqa: BLE001 - a user's predicate may raise anything
            kind = "" if isinstance(error, InitwiseError) else f"the predicate raised {type(error).__name__}: "
            self.problems.append(f"only: {kind}{error}")
            return set()

    def _canonical_names(self) -> dict[str, str]:
        """Return the stream's name of every parameter, by its name here."""
        wanted = [parameter.name for parameter in self.reading.parameters]
        found = mapped(self.names, self.reading, wanted, self.problems)
        self.problems += _collisions(found)
        return found

    def _row(self, parameter: Parameter, canonical: str, choice: Choice | None) -> Row | None:
        kept = self._why_kept(parameter, choice)
        if kept is not None:
            return undecided_row(parameter, canonical, kept)
        if choice is None:
            return None
        try:
            return decided_row(parameter, canonical, choice, self.partial.old_rows.get(parameter.name, 0))
        except InitwiseError as error:
            self.problems.append(f"{parameter.name!r} (shape {parameter.shape}): {error}")
            return None

    def _why_kept(self, parameter: Parameter, choice: Choice | None) -> str | None:
        if parameter.name in self.partial.loaded:
            return self.partial.loaded[parameter.name]
        if parameter.name not in self.selected:
            return f"outside only={show(self.only)}"
        if not parameter.requires_grad and not self.include_frozen:
            passed = f"; include_frozen=True would apply {choice.rule!r}" if choice and not choice.rule.origin else ""
            return f"frozen (requires_grad is False){passed}"
        if parameter.numel() == 0 and (choice is None or choice.rule.origin):
            return "it has no elements"
        if parameter.role == "unused" and (choice is None or choice.rule.origin):
            return "never used in the forward pass; a rule of yours that selects it would plan it"
        return None

    def _complain(self, kept: set[str], resolution: Resolution) -> None:
        unmatched = [
            parameter
            for parameter in self.reading.parameters
            if resolution.choices[parameter.name] is None and parameter.name not in kept
        ]
        if not (self.unknown_recipes or self.misfits):  # else most would only repeat that usage or rules are not there
            named = dict.fromkeys([*self.recipes, *(rule.origin for rule in self.rules if rule.origin)])
            traced = self.reading.roles is not None
            self.problems += _complaints.unmatched(unmatched, tuple(named), traced=traced)
        for index, rule in enumerate(self.rules):
            used = rule.initializer is not None and resolution.used[index]
            if not (rule.optional or used or index in resolution.broken):
                self.problems += _complaints.unused(rule, self.reading)

    def _shadowed(self, resolution: Resolution) -> list[str]:
        """Return a note for each rule of the user's that matched and never decided."""
        return [
            f"overridden everywhere: {rule!r}"
            for index, rule in enumerate(self.rules)
            if not rule.origin and resolution.used[index] and not resolution.won[index]
        ]


def _needs_usage(rules: Any) -> bool:
    """Tell whether a recipe among the rules decides by usage."""
    several = isinstance(rules, Iterable) and not isinstance(rules, (str, Mapping))
    found = (RECIPES.get(each) if isinstance(each, str) else each for each in (rules if several else [rules]))
    return any(isinstance(each, Recipe) and each.needs_trace for each in found)


def _collisions(canonical: Mapping[str, str]) -> list[str]:
    shared: dict[str, list[str]] = {}
    for here, name in canonical.items():
        shared.setdefault(name, []).append(here)
    return [
        f"names: {' and '.join(map(repr, same))} would both be called {name!r}; give each its own name"
        for name, same in shared.items()
        if len(same) > 1
    ]
