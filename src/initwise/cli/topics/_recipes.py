"""Recipes, explained from what they say of themselves."""

from __future__ import annotations

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
        Section(
            "Use",
            (
                f"initwise plan TARGET --recipe {found.name}",
                f'iw.plan(model, "{found.name}")',
                f'iw.plan(model, ["{found.name}", iw.rule(...)]): a rule of yours wins over the recipe',
            ),
        ),
    )
    return Topic(found.name, "recipe", found.summary, sections)
