"""Embeddings of zeros."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Graph, Parameter
from initwise.model.graph import references

_NARROW = 4  # tables of fewer columns are biases of items


def empty_tables(subject: Subject) -> Iterator[Finding]:
    """ZER402: a trained embedding is all zeros, and nothing else knows the indices that are looked up in it."""
    for parameter in subject.parameters:
        if _is_empty(subject, parameter) and (subject.graph is None or _knows_alone(subject.graph, parameter.name)):
            yield found(
                "ZER402",
                parameter.name,
                f"all {parameter.shape[0]:,} rows are zero: what is looked up is the same for every index",
                "zeros",
                "drawn rows, and at most a padding row of zeros",
            )


def _is_empty(subject: Subject, parameter: Parameter) -> bool:
    table = parameter.role == "embedding" and parameter.requires_grad and parameter.ndim == 2
    return table and parameter.shape[1] >= _NARROW and subject.sample(parameter).zero


def _knows_alone(graph: Graph, name: str) -> bool:
    """Tell whether the indices are looked up in this table only."""
    table = graph.parameters.get(name)
    if table is None:
        return False
    indices = {value for use in graph.users(table) for value in use.inputs if value != table}
    others = {
        value
        for index in indices
        for use in graph.users(index)
        for value in references(use.args)
        if graph.values[value].kind == "parameter" and value != table
    }
    return not others
