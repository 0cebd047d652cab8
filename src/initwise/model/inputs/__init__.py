"""Example inputs: as a user gives them, in words, or built for a model from its library or its first layer."""

from initwise.model.inputs._candidates import candidates, example_inputs
from initwise.model.inputs._example import Example, as_example
from initwise.model.inputs._transformers import mended
from initwise.model.inputs._words import parse_inputs

__all__ = ["Example", "as_example", "candidates", "example_inputs", "mended", "parse_inputs"]
