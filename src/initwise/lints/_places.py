"""Places: the class that owns each parameter, and the line of its source."""

from __future__ import annotations

import inspect

from initwise.findings import Place
from initwise.model import Reading


def places(reading: Reading) -> dict[str, Place]:
    """Return where every parameter and every module stands, by canonical name; aliases stand where their owner does.

    >>> from torch import nn
    >>> from initwise.model import read
    >>> places(read(nn.Linear(2, 3)))["weight"].shape
    (3, 2)
    """
    known: dict[type, tuple[str, int]] = {}
    found = {}
    for name, module in reading.modules.items():
        found[name] = Place(type(module).__name__, (), *_source(type(module), known))
    for parameter in reading.parameters:
        for name, owner in zip(parameter.names, parameter.owners, strict=False):
            kind = type(owner.module)
            found[name] = Place(kind.__name__, parameter.shape, *_source(kind, known))
    return found


def _source(kind: type, known: dict[type, tuple[str, int]]) -> tuple[str, int]:
    if kind not in known:
        known[kind] = _looked_up(kind)
    return known[kind]


def _looked_up(kind: type) -> tuple[str, int]:
    kind = next((each for each in kind.__mro__ if each.__module__ != "torch.nn.utils.parametrize"), kind)
    try:
        file = inspect.getsourcefile(kind)
        return ("", 0) if file is None else (file, inspect.getsourcelines(kind)[1])
    except (OSError, TypeError):  # typed into a session, or compiled
        return "", 0
