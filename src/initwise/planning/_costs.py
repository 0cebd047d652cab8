"""What a law costs on parameters in shards: most are drawn element by element, and some only all at once."""

from __future__ import annotations

import math

from initwise.initializers import Given, Keep, MeanOfRows
from initwise.model import Parameter
from initwise.planning._row import Part, Row
from initwise.shards import is_sharded


def cost_in_shards(row: Row, parameter: Parameter) -> str:
    """Return what every rank computes beyond its own elements of a DTensor; "" for element-wise laws.

    >>> from torch import nn
    >>> import initwise as iw
    >>> from initwise.model import read
    >>> row = iw.plan(nn.Linear(2, 2, bias=False), iw.rule("weight", iw.Orthogonal()))["weight"]
    >>> cost_in_shards(row, read(nn.Linear(2, 2)).parameters[0])
    ''
    """
    if not is_sharded(parameter.tensor):
        return ""
    words = dict.fromkeys(_words(part) for part in row.parts)
    return "; ".join(word for word in words if word)


def _words(part: Part) -> str:
    if isinstance(part.initializer, MeanOfRows):
        old = math.prod(part.whole) - math.prod(part.target.shape)
        return f"the old rows ({_size(part, old)}) are gathered on every rank"
    if isinstance(part.initializer, Keep | Given) or part.draw is not None:
        return ""
    shape = " x ".join(map(str, part.target.shape))
    size = _size(part, math.prod(part.target.shape))
    whose = "each block that it holds part of," if part.label else "all of it,"
    return f"drawn at once: every rank that holds part of it computes {whose} {shape} ({size}), and keeps its part"


def _size(part: Part, count: int) -> str:
    """Return how much memory so many elements take while they are computed.

    A size of less than a tenth of a MiB is told in KiB.
    """
    dtype = part.target.computed_in
    size = count * dtype.itemsize / 2**20
    number = f"{size:.3g} MiB" if size >= 0.1 else f"{1024 * size:.3g} KiB"
    return f"{number} in {str(dtype).removeprefix('torch.')}"
