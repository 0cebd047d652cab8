"""From a torch operation to what a reader knows it by: the initializer that was called, and the line that called it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType, FrameType
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["torch", "initwise", "writer", "python", "code"]

_TORCH = os.path.join(os.path.dirname(torch.__file__), "")  # noqa: PTH118, PTH120 - a code object holds a string
_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # noqa: PTH118, PTH120 - as above
_WRITER = os.path.join(_OURS, "writing", "_write.py")  # noqa: PTH118 - as above
_PYTHON = os.path.join(sysconfig.get_path("stdlib"), "")  # noqa: PTH118 - as above
_PACKAGES = tuple(os.path.join(sysconfig.get_path(each), "") for each in ("purelib", "platlib"))  # noqa: PTH118
# Files of torch through which calls only pass.
_DECORATORS = tuple(
    f"{os.sep}{name}.py" for name in "_compile _contextlib _device _ops _tensor eval_frame overrides parameter".split()
)
# Functions that a reader knows although they are handed no tensor: by name, the end of their file and what to say.
_LANDMARKS = {
    "load_state_dict": ("modules/module.py", "load_state_dict"),
    "apply": ("writing/_apply.py", "initwise.apply"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a reader knows it.

    Attributes:
        operation: the initializer, or torch's own operation where there is none.
        values: its arguments by name, those that are plain numbers or words.
        function: the function that made the call, such as "Linear.reset_parameters"; empty at a module's top level.
        line: the innermost line that belongs to neither torch nor initwise, as "file.py:12".
    """

    operation: str
    values: Mapping[str, Any]
    function: str
    line: str

    @property
    def place(self) -> str:
        """The operation, and where it was called."""
        return (
            f"{self.operation} at {self.line} ({self.function})"
            if self.function
            else f"{self.operation} at {self.line}"
        )

    @property
    def arguments(self) -> str:
        """The arguments in words, such as "mean=0, std=0.02"."""
        return ", ".join(f"{name}={_shown(value)}" for name, value in self.values.items())


class Site:
    """Where a write came from: the call, and the initializer's frame, by which its several writes are known as one."""

    __slots__ = ("call", "frame", "ours")

    def __init__(self, call: Call, frame: FrameType | None, *, ours: bool) -> None:
        self.call = call
        self.frame = frame
        self.ours = ours  # made by our own writer, which tells of it itself


class _Code:
    """What frames of one code object mean, looked up once: a construction has millions of frames."""

    __slots__ = ("builds", "code", "initializer", "landmark", "line", "passing", "writer")

    def __init__(self, code: CodeType) -> None:
        kind = kind_of(code.co_filename)
        name = code.co_name
        landmark, words = _LANDMARKS.get(name, ("", ""))
        self.code = code  # held, so that no other code takes its address
        self.initializer = name.endswith("_") and not name.startswith("_") and code.co_argcount > 0
        self.landmark = words if words and kind != "code" and code.co_filename.endswith(landmark) else ""
        self.line = kind == "code"
        self.builds = name == "__init__" and kind in {"code", "torch"}
        self.writer = kind == "writer"
        passing = kind not in {"code", "torch"} or (kind == "torch" and code.co_filename.endswith(_DECORATORS))
        self.passing = passing and not (self.initializer or self.landmark or self.writer)


_CODES: dict[int, _Code] = {}


def locate(memory: int | None, name: str, values: Callable[[], Mapping[str, Any]], boundary: FrameType | None) -> Site:
    """Walk up the stack from a write into `memory` (a storage's address), as far as the frame `boundary`.

    The outermost function whose name ends in an underscore and whose first argument lies in that memory is the
    initializer; where there is none, torch's operation `name` stands for itself.
    """
    initializer: FrameType | None = None
    function: FrameType | None = None
    line: FrameType | None = None
    ours = False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        known = _CODES.get(id(frame.f_code))
        if known is None:
            known = _CODES[id(frame.f_code)] = _Code(frame.f_code)
        if not known.passing:
            if known.landmark or (known.initializer and memory is not None and _holds(frame, memory)):
                initializer, function, line = frame, None, None
            elif known.writer:
                ours = True
            elif function is None or (line is None and known.line):
                function = function or frame
                line = frame if known.line and line is None else line
        if frame is boundary or (known.builds and line is not None):  # no initializer calls a constructor
            break
        frame = frame.f_back
    if initializer is not None:
        landmark = _CODES[id(initializer.f_code)].landmark
        name = landmark or initializer.f_code.co_name
        values = values if landmark else partial(_arguments, initializer)
    return Site(Call(name, values(), _name(function), _place(line or function)), initializer, ours=ours)


def forget() -> None:
    """Let go of what was looked up: another block may run in another folder, with other code."""
    _CODES.clear()
    _path.cache_clear()


@cache
def kind_of(filename: str) -> Kind:
    """Whose code a file holds: torch's, ours (and in it the writer's), Python's own, or anybody else's."""
    if filename.startswith(_TORCH):
        return "torch"
    if filename.startswith(_OURS):
        return "writer" if filename == _WRITER else "initwise"
    if (
        filename.startswith("<frozen")
        or filename.endswith("typing_extensions.py")
        or (filename.startswith(_PYTHON) and not filename.startswith(_PACKAGES))
    ):
        return "python"
    return "code"


def _holds(frame: FrameType, memory: int) -> bool:
    tensor = frame.f_locals.get(frame.f_code.co_varnames[0])
    return isinstance(tensor, Tensor) and address(tensor) == memory


def address(tensor: Tensor) -> int | None:
    """Return the address of a tensor's storage; None for tensors that have none of their own."""
    try:
        place: int = tensor.untyped_storage()._cdata
    except Exception:  # noqa: BLE001 - lazy, sparse and foreign kinds of tensors each refuse in their own way
        return None
    return place


def _arguments(frame: FrameType) -> dict[str, Any]:
    code = frame.f_code
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    local = frame.f_locals
    return {name: local[name] for name in names if isinstance(local.get(name), (bool, int, float, str))}


def _name(frame: FrameType | None) -> str:
    if frame is None:
        return ""
    named = [part for part in frame.f_code.co_qualname.split(".<locals>.") if not part.startswith("<")]
    return named[-1] if named else ""


def _place(frame: FrameType | None) -> str:
    return "" if frame is None else f"{_path(frame.f_code.co_filename)}:{frame.f_lineno}"


@cache
def _path(filename: str) -> str:
    """Return a file as seen from the folder that it is imported from, or from the current one."""
    folders = {os.path.join(os.path.abspath(folder), "") for folder in (*sys.path, ".")}  # noqa: PTH100, PTH118
    inside = [folder for folder in folders if filename.startswith(folder)]
    return filename.removeprefix(max(inside, key=len)) if inside else filename


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
