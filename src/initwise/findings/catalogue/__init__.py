"""The catalogue of codes: one file a family. A code is never given to anything else."""

from collections.abc import Mapping
from types import MappingProxyType

from initwise.findings._code import Code
from initwise.findings.catalogue import (
    _declared,
    _distributed,
    _gradients,
    _scale,
    _signals,
    _statistics,
    _symmetry,
    _ties,
    _training,
    _values,
    _zeros,
)

_FAMILIES = (
    _declared,
    _values,
    _statistics,
    _scale,
    _symmetry,
    _zeros,
    _signals,
    _gradients,
    _ties,
    _distributed,
    _training,
)

_CODES = sorted((code for family in _FAMILIES for code in family.CODES), key=lambda code: code.code[3:])

CATALOGUE: Mapping[str, Code] = MappingProxyType({code.code: code for code in _CODES})

CATALOGUE_VERSION = 1  # grows where the meaning of a code changes; a baseline says which one it was written with

__all__ = ["CATALOGUE", "CATALOGUE_VERSION"]
