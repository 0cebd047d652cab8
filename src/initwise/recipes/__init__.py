"""Named rule sets, one file each, with the paper or release they reproduce."""

from initwise.recipes._recipe import Decision, Multiplier, Recipe
from initwise.recipes._registry import RECIPES, find, names, rules

__all__ = ["RECIPES", "Decision", "Multiplier", "Recipe", "find", "names", "rules"]
