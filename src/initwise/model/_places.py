"""Places: the class that owns each parameter, and the line of its source."""

from __future__ import annotations

import inspect
import linecache
import re
from pathlib import Path

from initwise.findings import Place
from initwise.model._parameters import Reading


def places(reading: Reading) -> dict[str, Place]:
    """Return where every parameter and every module stands, by canonical name; aliases stand where their owner does.

    The source of a layer of PyTorch says nothing about the model: the line is that of the nearest class around it that
    is not PyTorch's.

    >>> from torch import nn
    >>> from initwise.model import read
    >>> places(read(nn.Linear(2, 3)))["weight"].shape
    (3, 2)
    """
    sources = _Sources(reading)
    found = {name: sources.place(name, type(module)) for name, module in reading.modules.items()}
    for parameter in reading.parameters:
        for name, owner in zip(parameter.names, parameter.owners, strict=False):
            found[name] = sources.place(owner.module_name, type(owner.module), parameter.shape)
    return found


class _Sources:
    """Looks up each class once: reading source is slow, and layers repeat."""

    def __init__(self, reading: Reading) -> None:
        self._modules = reading.modules
        self._known: dict[type, tuple[str, int]] = {}

    def place(self, module: str, kind: type, shape: tuple[int, ...] = ()) -> Place:
        return Place(kind.__name__, shape, *self._source(self._builder(module, kind)))

    def _builder(self, module: str, kind: type) -> type:
        name, around = module, kind
        while _of_torch(around) and name:
            name = name.rpartition(".")[0]
            around = type(self._modules[name]) if name in self._modules else around
        return kind if _of_torch(around) else around

    def _source(self, kind: type) -> tuple[str, int]:
        if kind not in self._known:
            self._known[kind] = _looked_up(kind)
        return self._known[kind]


def _of_torch(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "torch"


def _looked_up(kind: type) -> tuple[str, int]:
    try:
        file = inspect.getsourcefile(kind)
        return ("", 0) if file is None else (str(Path(file).resolve()), _line(kind, file))
    except (OSError, TypeError):  # typed into a session, or compiled
        return "", 0


def _line(kind: type, file: str) -> int:
    """Return the line of a class. `inspect` parses the whole file for it, which is slow where models are long."""
    heading = re.compile(rf"\s*class\s+{re.escape(kind.__name__)}\b")
    lines = [number for number, line in enumerate(linecache.getlines(file), 1) if heading.match(line)]
    return lines[0] if len(lines) == 1 else inspect.getsourcelines(kind)[1]
