"""Errors of the user's own code, told with the line that raised them."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from initwise.errors import InitwiseError

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OURS = str(Path(__file__).parents[1])


class CellError(InitwiseError, RuntimeError):
    """The user's own code raised an error while a cell ran, or was tried."""


def raised(error: BaseException) -> str:
    """Return what was raised and where: the last line that is neither in a library nor in initwise, if there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not each.filename.startswith((*_LIBRARIES, _OURS))]
    frame = (theirs or frames)[-1]
    return f"raised {type(error).__name__}: {error} ({frame.filename}:{frame.lineno}, in {frame.name})"
