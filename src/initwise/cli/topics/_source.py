"""Where the installed PyTorch says what it draws: file and line, read from its source, never from memory."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import torch

_METHODS = ("reset_parameters", "_reset_parameters", "_fill_padding_idx_with_zero", "__init__")
_TELLING = re.compile(
    r"\binit\.\w+_\(|xavier_\w+_\(|constant_\(|_get_clones\(|\.reset_parameters\(|\.fill_\(|stdv =|bound ="
)


def lines_of(kind: type) -> tuple[str, ...]:
    """The lines in which `kind` draws its parameters, as "torch/nn/modules/linear.py:122  init.kaiming_uniform_(...)".

    Looks in the methods that reset parameters and, where there are none, in the constructor; empty without a source.
    """
    found: list[str] = []
    for name in _METHODS:
        if not found or name.startswith("_fill"):
            found += _telling(getattr(kind, name, None))
    return tuple(found)


def place_of(function: Any) -> str:
    """The file and line of a function of torch, as "torch/nn/init.py:417"; empty without a source."""
    try:
        file, (_, first) = inspect.getsourcefile(function), inspect.getsourcelines(function)
    except (TypeError, OSError):
        return ""
    return f"{_short(file)}:{first}"


def _telling(method: Any) -> list[str]:
    try:
        file, (lines, first) = inspect.getsourcefile(method), inspect.getsourcelines(method)
    except (TypeError, OSError):
        return []
    numbered = ((first + index, line.split("  #")[0].strip()) for index, line in enumerate(lines))
    return [f"{_short(file)}:{number}  {line}" for number, line in numbered if _TELLING.search(line)]


def _short(file: str | None) -> str:
    path = Path(file or "")
    root = Path(torch.__file__).parent.parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
