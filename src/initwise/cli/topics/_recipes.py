"""Recipes, explained from what they say of themselves."""

from __future__ import annotations

import inspect
from types import ModuleType

from initwise import recipes
from initwise.cli.topics._topic import Section, Topic
from initwise.findings import Column, Table
from initwise.recipes import RECIPES


def recipe_names() -> tuple[str, ...]:
    """All recipes."""
    return tuple(RECIPES)


def recipe(name: str) -> Topic | None:
    """The explanation of a recipe; None if it is none."""
    found = RECIPES.get(name.lower())
    if found is None:
        return None
    laws = Table("", (Column("what"), Column("law")), found.laws)
    sections = (
        Section("Laws", table=laws),
        Section("Source", (found.source,)),
        Section("Use", _uses(found.name)),
    )
    return Topic(found.name, "recipe", found.summary, sections)


def maker(room: ModuleType, name: str) -> str:
    """The call of the public function of `room` that makes a recipe of this name; "" if there is none.

    >>> maker(recipes, "siren"), maker(recipes, "gpt2")
    ('iw.recipes.siren(omega=30.0)', '')
    """
    function = getattr(room, name.replace("-", "_"), None)
    if not inspect.isfunction(function):
        return ""
    parameters = inspect.signature(function).parameters.values()
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return f"iw.recipes.{function.__name__}{inspect.Signature(plain)}"


def _uses(name: str) -> tuple[str, ...]:
    call = maker(recipes, name)
    by_name = (
        f"initwise plan TARGET --recipe {name}",
        f'iw.plan(model, "{name}")',
        f'iw.plan(model, ["{name}", iw.rule(...)]): a rule of yours wins over the recipe',
    )
    if not call:
        return by_name
    if _has_required(name):
        return (f"iw.plan(model, {call})", f"iw.plan(model, [{call}, iw.rule(...)]): a rule of yours wins")
    return (*by_name, f"iw.plan(model, {call}): with its arguments")


def _has_required(name: str) -> bool:
    parameters = inspect.signature(getattr(recipes, name.replace("-", "_"))).parameters.values()
    return any(
        each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters
    )
