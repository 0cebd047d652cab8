"""Where each parameter's elements are: whole tensors, DTensors, and what a caller says that plain tensors hold."""

from __future__ import annotations

from typing import Any

from initwise.errors import ArgumentError
from initwise.model import Parameter, Reading, described
from initwise.shards import Held, held, is_sharded


def find_places(reading: Reading, shards: Any) -> tuple[dict[str, Held], list[str]]:
    """Return what is held of every parameter, by name, and a sentence for each shard that contradicts its tensor.

    A parametrized parameter, which is computed from others, has no place.
    """
    found: list[str] = []
    said = described(reading, shards, found)
    places: dict[str, Held] = {}
    for parameter in reading.parameters:
        if parameter.parametrized:
            found += _behind(parameter)
            continue
        shard = said.get(parameter.name)
        try:
            places[parameter.name] = held(parameter.tensor, shard)
        except ArgumentError as error:
            found.append(f"{parameter.name!r}: {error}")
            if shard is not None and not is_sharded(
                parameter.tensor
            ):  # the whole is known all the same, so that its shape is not told too
                places[parameter.name] = Held(shard.shape, parameter.tensor.detach(), ())
    return places, found


def _behind(parameter: Parameter) -> list[str]:
    if not any(is_sharded(tensor) for tensor in parameter.tensors):
        return []
    return [
        f"{parameter.name!r} is computed from DTensors by a parametrization, which may need all of each; apply the "
        "plan before the model is sharded, or remove the parametrization"
    ]
