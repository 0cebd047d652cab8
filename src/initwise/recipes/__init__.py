"""Named rule sets, one file each, with the paper or release they reproduce."""

from initwise.recipes._recipe import Recipe
from initwise.recipes._registry import RECIPES, names, rules

__all__ = ["RECIPES", "Recipe", "names", "rules"]
