"""Recurrent and state-space layers."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
