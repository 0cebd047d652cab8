"""Tracing: one forward pass on meta, written down as a graph of operations with everything that they were given."""

from initwise.model.graph._graph import Graph, Operation, Ref, Value, references
from initwise.model.graph._state import undisturbed
from initwise.model.graph._tracer import TraceError, trace

__all__ = ["Graph", "Operation", "Ref", "TraceError", "Value", "references", "trace", "undisturbed"]
