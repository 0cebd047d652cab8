"""Write docs/recipes.md from what the recipes say of themselves: `make docs`. A test fails where it is not current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from initwise import recipes
from initwise.cli.topics import maker
from initwise.recipes import RECIPES, Recipe, frameworks, language, parametrization, sequence, special, vision

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
FAMILIES = {
    "Language models": language.RECIPES,
    "Vision models": vision.RECIPES,
    "Recurrent and state-space layers": sequence.RECIPES,
    "Parametrizations": parametrization.RECIPES,
    "Implicit functions, agents, adapters": special.RECIPES,
    "Defaults of frameworks": frameworks.RECIPES,
}
HEAD = """# Recipes

Written by `make docs` from the recipes themselves; `initwise recipes` lists them and `initwise explain NAME` shows one.

    iw.plan(model, "gpt2")                          # a recipe by its name
    iw.plan(model, ["gpt2", iw.rule("head", ...)])  # a rule of yours wins over the recipe
    iw.plan(model, iw.recipes.siren(omega=10.0))    # a recipe that takes arguments

What weights cannot hold, such as a factor of the learning rate or of a residual branch, is in `plan.multipliers`; what
a recipe needs of the forward pass, in `plan.notes`.
"""


def page() -> str:
    """The whole page."""
    of_families = {recipe.name for family in FAMILIES.values() for recipe in family}
    general = tuple(recipe for recipe in RECIPES.values() if recipe.name not in of_families)
    lines = [HEAD.rstrip()]
    for title, family in {"For any model": general, **FAMILIES}.items():
        lines += _section(title, sorted(family, key=lambda recipe: recipe.name))
    return "\n".join(lines) + "\n"


def _section(title: str, family: list[Recipe]) -> Iterator[str]:
    if family:
        yield f"\n## {title}"
    for recipe in family:
        yield f"\n### {recipe.name}\n"
        yield f"{_sentence(recipe.summary)} Source: {_sentence(recipe.source)}"
        call = maker(recipes, recipe.name)
        if call:
            yield f"\n`{call}` makes it."
        yield "\n| what | law |\n|---|---|"
        yield from (f"| {_cell(what)} | {_cell(law)} |" for what, law in recipe.laws)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}".rstrip(".") + "." if not text.startswith("`") else f"{text}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
