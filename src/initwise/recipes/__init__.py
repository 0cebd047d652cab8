"""Named rule sets, one file each, with the paper or release they reproduce."""

from initwise.recipes._recipe import Decision, Multiplier, Recipe
from initwise.recipes._registry import RECIPES, find, names, rules
from initwise.recipes.parametrization._completep import completep
from initwise.recipes.parametrization._mup import mup
from initwise.recipes.sequence import chrono, lru
from initwise.recipes.special import rl, siren

__all__ = [
    "RECIPES",
    "Decision",
    "Multiplier",
    "Recipe",
    "chrono",
    "completep",
    "find",
    "lru",
    "mup",
    "names",
    "rl",
    "rules",
    "siren",
]
