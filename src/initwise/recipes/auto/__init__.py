"""`auto`: the default. Every parameter is decided by how the model uses it, from a traced forward pass."""

from initwise.recipes.auto._auto import AUTO

__all__ = ["AUTO"]
