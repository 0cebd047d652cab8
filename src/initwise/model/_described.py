"""Shards that a caller describes, and those of FSDP1: what plain tensors hold of the parameters of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from initwise._arguments import nearest, show
from initwise.model._elsewhere import elsewhere
from initwise.model._flat_params import flat_ranges
from initwise.model._parameters import Reading
from initwise.shards import FlatRange, Shard, Slice


def described(reading: Reading, shards: Any, found: list[str]) -> dict[str, Shard]:
    """Return the shards of a caller under canonical names, and the flat views of FSDP1, which needs nobody to say.

    What is wrong with `shards` is added to `found`, a sentence each.
    """
    found += elsewhere(reading)
    return {name: FlatRange(*where) for name, where in flat_ranges(reading).items()} | _said(reading, shards, found)


def _said(reading: Reading, shards: Any, found: list[str]) -> dict[str, Shard]:
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
