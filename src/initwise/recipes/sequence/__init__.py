"""Recurrent and state-space layers."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.sequence._gates import KERAS_RNN, chrono
from initwise.recipes.sequence._irnn import IRNN
from initwise.recipes.sequence._lru import LRU, lru
from initwise.recipes.sequence._mamba import MAMBA, MAMBA_SSM

RECIPES: tuple[Recipe, ...] = (chrono(), IRNN, KERAS_RNN, LRU, MAMBA, MAMBA_SSM)

__all__ = ["RECIPES", "chrono", "lru"]
