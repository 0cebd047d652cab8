"""Lints on symmetry: layers, units and rows that are copies of each other."""

from initwise.lints.symmetry._clones import clones
from initwise.lints.symmetry._constant import constant
from initwise.lints.symmetry._rows import repeated

SYMMETRY = (clones, constant, repeated)

__all__ = ["SYMMETRY"]
