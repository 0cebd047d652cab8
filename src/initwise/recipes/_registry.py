"""All recipes by name."""

from __future__ import annotations

from torch import nn

from initwise._arguments import nearest
from initwise.errors import ArgumentError
from initwise.model import Reading, read
from initwise.recipes import frameworks, language, parametrization, sequence, special, vision
from initwise.recipes._by_type import CLASSIC, KAIMING, XAVIER
from initwise.recipes._recipe import Recipe
from initwise.recipes.auto import AUTO
from initwise.rules import Rule

_FAMILIES = (
    language.RECIPES,
    vision.RECIPES,
    sequence.RECIPES,
    parametrization.RECIPES,
    special.RECIPES,
    frameworks.RECIPES,
)
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in sorted(
        (AUTO, CLASSIC, KAIMING, XAVIER, *(each for family in _FAMILIES for each in family)),
        key=lambda recipe: recipe.name,
    )
}


def names() -> tuple[str, ...]:
    """Return the names of all recipes.

    >>> "gpt2" in names()
    True
    """
    return tuple(RECIPES)


def rules(name: str, model: nn.Module | Reading) -> list[Rule]:
    """Return the rules of a recipe for `model`, to add your own to; yours win.

    Args:
        name: one of `names()`.
        model: the model that will be planned, or what `initwise.model.read` returned for it.

    Raises:
        ArgumentError: there is no recipe of this name.

    >>> [str(rule.selector) for rule in rules("kaiming", nn.Linear(2, 3))]
    ["Name('weight')", "Name('bias')"]
    """
    return find(name).rules(model if isinstance(model, Reading) else read(model))


def find(name: str) -> Recipe:
    """Return the recipe of this name.

    Raises:
        ArgumentError: there is no recipe of this name.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ArgumentError(f"recipe {name!r} is not known{nearest(name, RECIPES)}; known are {', '.join(RECIPES)}")
    return recipe
