"""Implicit functions, agents and adapters: networks with a purpose of their own."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
