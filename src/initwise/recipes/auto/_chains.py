"""How many writers a residual stream has, with the streams that it goes on in behind norms."""

from __future__ import annotations

from collections import Counter

from initwise.model import Roles
from initwise.model.graph._vocabulary import NORMS, PRODUCTS

_STEPS = 6


def writers(roles: Roles) -> dict[int, int]:
    """Return the additions of each stream, by its identity; streams that follow each other through a norm are one.

    In post-norm blocks every norm begins a stream of one writer. If each block counted as much as all before it,
    attention would average the positions away, and the gradients of queries and keys with them.
    """
    chain: dict[int, int] = {}
    streams = roles.residuals.streams
    for place, stream in enumerate(streams):
        before = _before(roles, stream.start)
        chain[id(stream)] = chain.get(before, place) if before is not None else place
    totals: Counter[int] = Counter()
    for stream in streams:
        totals[chain[id(stream)]] += len(stream.additions)
    return {id(stream): totals[chain[id(stream)]] for stream in streams}


def _before(roles: Roles, start: int) -> int | None:
    """Return the identity of the stream that a norm turned into the one that starts here."""
    flow, graph = roles.flow, roles.graph
    value = start
    for _ in range(_STEPS):
        value = flow.root(value)
        stream = roles.residuals.stream(value)
        if stream is not None:
            return id(stream)
        maker = graph.maker(value)
        if maker is None or maker.name not in NORMS | PRODUCTS:
            return None
        shape = graph.values[value].tensor.shape
        inputs = [index for index in flow.signals(maker) if graph.values[index].tensor.shape == shape]
        if not inputs or not (maker.name in NORMS or flow.normalized(value) or flow.normalized(inputs[0])):
            return None
        value = inputs[0]
    return None
