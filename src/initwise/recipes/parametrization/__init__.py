"""Parametrizations: how initial weights and learning rates go with the width of a network."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.parametrization._described import COMPLETEP, MUP

RECIPES: tuple[Recipe, ...] = (COMPLETEP, MUP)
