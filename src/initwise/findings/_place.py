"""`Place`: where a parameter or a module stands in a program."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"( \[[^\]]*\]| \([^)]*\))+$")


@dataclass(frozen=True, slots=True)
class Place:
    """What locates a finding outside of this process.

    Attributes:
        owner: the class of the module that owns the parameter, or of the module itself.
        shape: the parameter's shape; empty for a module.
        file: the file with the source of that class; empty where there is none (a class typed into a session).
        line: the line of the class there, from 1; 0 without a file.
    """

    owner: str
    shape: tuple[int, ...] = ()
    file: str = ""
    line: int = 0


def bare(parameter: str) -> str:
    """Return the name a finding is about without what it says of a part: "qkv.weight [q]", "w (nonzero)".

    >>> bare("attn.qkv.weight [q]"), bare("conv.weight")
    ('attn.qkv.weight', 'conv.weight')
    """
    return _PART.sub("", parameter)
