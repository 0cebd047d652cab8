"""Paths of source files as machines want them: relative to the folder that is worked in."""

from __future__ import annotations

from pathlib import Path, PurePath
from urllib.parse import quote

_LIBRARIES = frozenset({"site-packages", "dist-packages"})


def inside(file: str, root: Path) -> str:
    """Return a file of the project relative to its root, with forward slashes; empty for one of a library.

    >>> inside("/project/nets/model.py", Path("/project")), inside("/usr/lib/torch.py", Path("/project"))
    ('nets/model.py', '')
    """
    path = PurePath(file)
    if not file or not path.is_relative_to(root) or _LIBRARIES & set(path.parts):
        return ""
    return path.relative_to(root).as_posix()


def uri(path: str) -> str:
    """Return a path with forward slashes as a URI reference.

    >>> uri("my nets/größe.py")
    'my%20nets/gr%C3%B6%C3%9Fe.py'
    """
    return quote(path)
