"""What `auto` decides about a weight, and the sizes that it takes from elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

from initwise.model import Parameter
from initwise.model.graph._vocabulary import JOINS
from initwise.model.roles import Writer

LOGITS = 0.1  # the std of an output layer's outputs: the loss is ln C + 0.005, on a small batch too
TIED = 0.25  # the same of a tied one, whose embeddings a norm must still tell from its eps: ln C + 0.03
SMALL = 0.02  # tokens among others, and tables of relative positions
INSERTS = frozenset(
    "where masked_fill masked_fill_ masked_scatter masked_scatter_ __setitem__ index_put index_put_".split()
)
POSITION = 0.5  # of the rms of what it is added to, as in GPT-2's release: 0.01 for positions, 0.02 for tokens
SMALLEST = 1e-20


@dataclass(frozen=True)
class Weight:
    """What was decided about one weight.

    Attributes:
        square: the second moment of the signal that comes in; None where it is not known and taken as one.
        target: the second moment that its output shall have.
        writer: where it writes into a residual stream, if it does.
        level: the second moment at which that stream starts.
        closed: a norm closes the branch, and carries the scale in its stead.
        share: how many weights write at the same addition.
        writers: how many additions the stream has, with those that it goes on in behind norms.
        covered: the part of a kernel's window that lies on the image and not on its padding, where that is little.
    """

    square: float | None
    target: float
    writer: Writer | None = None
    level: float = 1.0
    closed: bool = False
    share: int = 1
    writers: int = 0
    covered: float = 1.0

    @property
    def scale(self) -> float:
        """The variance times fan_in."""
        return self.target / max((self.square if self.square is not None else 1.0) * self.covered, SMALLEST)


def tied_deviation(parameter: Parameter, found: float) -> float:
    """Return the std of embeddings that are the output layer too: their logits are small for the token itself too.

    With inputs of second moment `found` the logits have the std s = std * sqrt(d * square). It is 0.25, or less where
    the token's own logit, at most about s * sqrt(d), would reach ln C - 3 and weigh in the softmax.
    """
    square = found if found > 1e-6 else 1.0
    rows, width = parameter.shape[0], parameter.shape[-1]
    own = max(1.0, math.log(max(2, rows)) - 3) / math.sqrt(width)
    return min(TIED, own) / math.sqrt(width * max(square, SMALLEST))


def is_query(parameter: Parameter) -> bool:
    """Tell whether a token is a signal of its own (a learned query), and not put among others."""
    return parameter.operation not in JOINS | INSERTS
