"""What a log holds: one row a parameter or buffer, with the writes that made it what it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["written", "never", "partly", "unseen", "given", "meta", "lazy"]

STATES: Mapping[str, str] = {
    "written": "written",
    "never": "NEVER WRITTEN",
    "partly": "PARTLY WRITTEN",
    "unseen": "written by something that torch does not show: another thread, NumPy, ctypes",
    "given": "not written in the block: memory from before it, or from NumPy or a file",
    "meta": "on the meta device: there is no memory",
    "lazy": "lazy: it has no shape yet",
}


@dataclass(frozen=True, slots=True)
class Write:
    """One write into a parameter.

    Attributes:
        operation: the initializer ("trunc_normal_"), or torch's operation ("normal_", "randn -> mul").
        arguments: its arguments in words, "mean=0, std=0.02".
        function: the function that called it, "Linear.reset_parameters"; empty at a module's top level.
        line: the innermost source line outside torch and initwise, "my.py:12"; torch's own where there is none.
        order: its place among all writes of the block, from 1.
        elements: how many elements of the parameter it wrote.
        replaces: all of the parameter was written, and what was there before played no part.
        born: the memory was made with these values.
        values: the arguments that are numbers or words, by name.
    """

    operation: str
    arguments: str
    function: str
    line: str
    order: int
    elements: int
    replaces: bool
    born: bool = False
    values: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        if self.operation == "copied":
            return f"copied {self.arguments}"
        return f"{self.operation}({self.arguments})" if self.arguments or self.operation[-1] == "_" else self.operation

    @property
    def where(self) -> str:
        """The line, and the function that made the call."""
        return f"{self.line} ({self.function})" if self.function else self.line

    def to_dict(self) -> dict[str, Any]:
        """The write as plain data."""
        names = ("operation", "arguments", "function", "line", "order", "elements", "replaces")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter or buffer at the end of the block.

    Attributes:
        name: its name in the model; behind the model's class where the block left several models.
        aliases: the names of its ties.
        kind: "parameter" or "buffer".
        shape: its shape.
        dtype: its dtype, "float32".
        memory: what made its memory, "empty at my.py:12"; empty where that was not in the block.
        writes: in their order.
        state: what is known at the end; `STATES` has it in words.
        unwritten: how many elements nobody wrote.
        replaced: earlier writes, of this parameter or of one that stood in its place, of which nothing is left.
    """

    name: str
    aliases: tuple[str, ...]
    kind: Literal["parameter", "buffer"]
    shape: tuple[int, ...]
    dtype: str
    memory: str
    writes: tuple[Write, ...]
    state: State
    unwritten: int = 0
    replaced: tuple[Write, ...] = ()

    @property
    def last(self) -> Write | None:
        """The last write that replaced everything, or the last one at all."""
        whole = [write for write in self.writes if write.replaces]
        found = whole or self.writes
        return found[-1] if found else None

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        names = ("name", "aliases", "kind", "shape", "dtype", "memory", "state", "unwritten")
        found = {name: getattr(self, name) for name in names}
        return {
            **found,
            "writes": [write.to_dict() for write in self.writes],
            "replaced": [write.to_dict() for write in self.replaced],
        }
