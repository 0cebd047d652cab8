"""Ties that nobody meant: one module in the place of many, as `[layer] * 6` makes them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.shared._declared import is_declared
from initwise.model import Parameter, Reading

_MEANT = {"embedding", "position", "token", "table"}
# In many detectors one head reads every layer or every level of a pyramid, and position biases are often shared.
_SHARED = re.compile(r"embed|class|cls|box|pred|score|logit|lm_head|rel_?pos|pos_?(enc|bias)|rope|rotary")
_MANY = 3


class Place(NamedTuple):
    """A parameter's place in numbered siblings: `layers`, (0, 1, 2), `ff.weight` for layers.*.ff.weight."""

    container: str
    numbers: tuple[int, ...]
    rest: tuple[str, ...]


def accidental(subject: Subject) -> Iterator[Finding]:
    """TIE702: numbered siblings share a parameter that nothing declares as tied."""
    reading = subject.reading
    shared: defaultdict[Place, list[Parameter]] = defaultdict(list)
    for parameter in reading.parameters:
        place = _place(reading, parameter) if len(parameter.owners) > 1 and not _is_meant(parameter) else None
        if place is not None and not is_declared(reading, parameter):
            shared[_topmost(reading, place)].append(parameter)
    for place, parameters in shared.items():
        words = ".".join((place.container.rpartition(".")[2], *place.rest))
        if not (_SHARED.search(words) or _is_pyramid(words, parameters) or _is_held_above(place, parameters)):
            yield _finding(reading, place, parameters)


def _is_meant(parameter: Parameter) -> bool:
    tables = any(isinstance(owner.module, (nn.Embedding, nn.EmbeddingBag)) for owner in parameter.owners)
    return tables or parameter.role in _MEANT


def _is_pyramid(words: str, parameters: Sequence[Parameter]) -> bool:
    """Tell whether a convolutional head is listed once a level; heads of linear layers are those of attention."""
    return "head" in words and any(each.ndim > 2 for each in parameters)


def _is_held_above(place: Place, parameters: Sequence[Parameter]) -> bool:
    """Tell whether a part of each layer has a name outside the layers too: the model owns it once and hands it out."""
    inside = re.compile(rf"{re.escape(place.container)}\.?\d+\.")
    return bool(place.rest) and any(not inside.match(name) for each in parameters for name in each.names)


def _place(reading: Reading, parameter: Parameter) -> Place | None:
    """Return where most siblings share the parameter: at least three, or all that there are."""
    places: defaultdict[tuple[str, tuple[str, ...]], set[int]] = defaultdict(set)
    for name in parameter.names:
        segments = name.split(".")
        for index, segment in enumerate(segments[:-1]):
            if segment.isdigit():
                places[".".join(segments[:index]), tuple(segments[index + 1 :])].add(int(segment))
    if not places:
        return None
    (container, rest), numbers = max(places.items(), key=lambda item: len(item[1]))
    enough = len(numbers) >= _MANY or (len(numbers) > 1 and len(numbers) == _siblings(reading, container))
    return Place(container, tuple(sorted(numbers)), rest) if enough else None


def _siblings(reading: Reading, container: str) -> int:
    places = (name.rpartition(".") for name in reading.modules)
    return sum(last.isdigit() and above == container for above, _, last in places)


def _topmost(reading: Reading, place: Place) -> Place:
    """Return the place of the whole module that is shared, or of the parameter where only it is."""
    for depth in range(len(place.rest)):
        paths = [_path(place.container, number, place.rest[:depth]) for number in place.numbers]
        modules = {id(reading.modules.get(path)) for path in paths}
        if len(modules) == 1 and paths[0] in reading.modules:
            return Place(place.container, place.numbers, place.rest[:depth])
    return place


def _finding(reading: Reading, place: Place, parameters: Sequence[Parameter]) -> Finding:
    count = len(place.numbers)
    first = _path(place.container, place.numbers[0], place.rest)
    module = reading.modules.get(first)
    kind = type(module).__name__ if module is not None else "parameter"
    pattern = _path(place.container, "*", place.rest)
    many = f"{len(parameters)} parameters, " if len(parameters) > 1 else ""
    names = ", ".join(_path(place.container, number, place.rest) for number in place.numbers[:4])
    return found(
        "TIE702",
        parameters[0].name,
        f"{pattern} is one {kind} in {count} places: {many}{sum(each.numel() for each in parameters):,} values",
        f"{names}{', ...' if count > 4 else ''} are one object",
        f"{count} of them, each with weights of its own",
        f"Make one for each: [{kind}(...) for _ in range({count})], not [layer] * {count}."
        if module is not None
        else "Make a parameter for each module, or register the shared one once, in the module above them.",
    )


def _path(container: str, number: int | str, rest: Sequence[str]) -> str:
    return ".".join(filter(None, (container, str(number), *rest)))
