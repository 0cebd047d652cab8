"""Reading a model: its parameters under canonical names, with owners, ties, axes and blocks. Nothing is changed."""

from initwise.model._described import described
from initwise.model._elsewhere import elsewhere, hiding, is_partitioned
from initwise.model._flat_params import flat_groups, flat_ranges, flattened
from initwise.model._layers import usages
from initwise.model._names import canonical_name, is_parallel, join, walk
from initwise.model._parameters import Owner, Parameter, Reading
from initwise.model._parametrized import Solution, Way
from initwise.model._places import places
from initwise.model._read import read, survey
from initwise.model._traced import graph_of, traced
from initwise.model._usage import Residual, Role, Usage
from initwise.model.graph import Graph, TraceError
from initwise.model.inputs import Example, as_example, candidates
from initwise.model.roles import Roles

__all__ = [
    "Example",
    "Graph",
    "Owner",
    "Parameter",
    "Reading",
    "Residual",
    "Role",
    "Roles",
    "Solution",
    "TraceError",
    "Usage",
    "Way",
    "as_example",
    "candidates",
    "canonical_name",
    "described",
    "elsewhere",
    "flat_groups",
    "flat_ranges",
    "flattened",
    "graph_of",
    "hiding",
    "is_parallel",
    "is_partitioned",
    "join",
    "places",
    "read",
    "survey",
    "traced",
    "usages",
    "walk",
]
