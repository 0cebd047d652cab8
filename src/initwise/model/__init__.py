"""Reading a model: its parameters under canonical names, with owners, ties, axes and blocks. Nothing is changed."""

from initwise.model._layers import usages
from initwise.model._names import canonical_name, walk
from initwise.model._parameters import Owner, Parameter, Reading
from initwise.model._read import read, survey
from initwise.model._usage import Role, Usage

__all__ = ["Owner", "Parameter", "Reading", "Role", "Usage", "canonical_name", "read", "survey", "usages", "walk"]
