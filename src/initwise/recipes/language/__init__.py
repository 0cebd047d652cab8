"""Language models: transformers, state-space models, and what changes them for depth and width."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.language._gpt2 import GPT2

RECIPES: tuple[Recipe, ...] = (GPT2,)
