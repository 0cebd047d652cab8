"""Language models: transformers, state-space models, and what changes them for depth and width."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
