"""What other frameworks, and PyTorch itself, draw where nobody asks for anything else."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.frameworks._flax_default import FLAX_DEFAULT
from initwise.recipes.frameworks._keras_default import KERAS_DEFAULT
from initwise.recipes.frameworks._torch_default import TORCH_DEFAULT

RECIPES: tuple[Recipe, ...] = (FLAX_DEFAULT, KERAS_DEFAULT, TORCH_DEFAULT)
