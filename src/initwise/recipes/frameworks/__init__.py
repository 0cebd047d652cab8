"""Other frameworks' defaults, so that a port starts from the same laws; and muP."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
