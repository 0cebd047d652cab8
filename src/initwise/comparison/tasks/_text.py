"""Text to model: what Python itself carries, its standard library's own source."""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from initwise.errors import NotSupportedError

# Old modules of pure Python, long and stable: prose in docstrings and code in about equal shares.
MODULES = ("argparse", "calendar", "configparser", "difflib", "inspect", "pickle", "tarfile", "textwrap", "zipfile")
LENGTH = 150_000  # characters in all
FIRST, LAST = 32, 126  # printable ASCII; everything else is one more character
CHARACTERS = LAST - FIRST + 3  # and the end of a line, and the rest


@cache
def characters() -> Tensor:
    """Return the text as indices in [0, CHARACTERS).

    Raises:
        NotSupportedError: this Python carries no source of its standard library.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    places = [folder / f"{name}.py" for name in MODULES]
    found = [path.read_text(encoding="utf-8") for path in places if path.is_file()]
    text = "".join(each[: LENGTH // len(MODULES)] for each in found)
    if len(text) < LENGTH // 4:
        raise NotSupportedError(
            f"task characters: {folder} holds no source of the standard library ({', '.join(MODULES)}); give a task of"
            " your own, with your text"
        )
    return torch.tensor([_index(each) for each in text])


def _index(character: str) -> int:
    code = ord(character)
    if FIRST <= code <= LAST:
        return code - FIRST + 2
    return 1 if character == "\n" else 0
