"""Recurrent and state-space layers, implicit functions, agents and adapters."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
