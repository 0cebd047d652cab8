"""Where each parameter's elements are: whole tensors, DTensors, and what a caller says that plain tensors hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError
from initwise.model import Parameter, Reading, flat_ranges
from initwise.shards import FlatRange, Held, Shard, Slice, held, is_sharded


def find_places(reading: Reading, shards: Any) -> tuple[dict[str, Held], list[str]]:
    """Return what is held of every parameter, by name, and a sentence for each shard that contradicts its tensor.

    A parametrized parameter, which is computed from others, has no place.
    """
    found: list[str] = []
    said = {name: FlatRange(*where) for name, where in flat_ranges(reading).items()} | _said(reading, shards, found)
    places: dict[str, Held] = {}
    for parameter in reading.parameters:
        if parameter.parametrized:
            found += _behind(parameter)
            continue
        try:
            places[parameter.name] = held(parameter.tensor, said.get(parameter.name))
        except ArgumentError as error:
            found.append(f"{parameter.name!r}: {error}")
    return places, found


def _said(reading: Reading, shards: Any, found: list[str]) -> dict[str, Shard]:
    """Return the shards of a caller under canonical names."""
    if shards is None:
        return {}
    if not isinstance(shards, Mapping):
        found.append(f"shards is {show(shards)}; give a mapping from names to Slice(...) or FlatRange(...)")
        return {}
    said: dict[str, Shard] = {}
    given: dict[str, str] = {}
    for name, shard in shards.items():
        if name not in reading:
            found.append(f"shards: the model has no parameter {name!r}{nearest(name, reading.by_name)}")
        elif not isinstance(shard, Slice | FlatRange):
            found.append(f"shards: {name!r} is {show(shard)}; give a Slice(...) or FlatRange(...)")
        elif reading[name].name in given:
            other = given[reading[name].name]
            found.append(f"shards: {other!r} and {name!r} are two names for one parameter; give one of them")
        else:
            given[reading[name].name] = name
            said[reading[name].name] = shard
    return said


def _behind(parameter: Parameter) -> list[str]:
    if not any(is_sharded(tensor) for tensor in parameter.tensors):
        return []
    return [
        f"{parameter.name!r} is computed from DTensors by a parametrization, which may need all of each; apply the "
        "plan before the model is sharded, or remove the parametrization"
    ]
