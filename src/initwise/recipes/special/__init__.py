"""Implicit functions, agents and adapters: networks with a purpose of their own."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.special._lora import LORA
from initwise.recipes.special._rl import rl
from initwise.recipes.special._siren import siren

RECIPES: tuple[Recipe, ...] = (LORA, rl(), siren())

__all__ = ["RECIPES", "rl", "siren"]
