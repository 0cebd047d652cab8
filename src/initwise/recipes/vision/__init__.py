"""Vision models: convolutional networks, vision transformers, generators and detectors."""

from initwise.recipes._recipe import Recipe

RECIPES: tuple[Recipe, ...] = ()
