"""`Keep` and `PerBlock`: leave a parameter as it is; give each block of a packed one its own initializer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from initwise.errors import ArgumentError, NotSupportedError
from initwise.initializers._base import Initializer
from initwise.initializers._custom import as_initializer
from initwise.initializers._law import Law
from initwise.initializers._product import Fill, Product
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import Draw


@dataclass(frozen=True, repr=False)
class Keep(Initializer):
    """Leave the parameter as it is: the spelled way to skip one. It fits every parameter, of any dtype."""

    def law(self, target: Target) -> Law | None:
        """Return None: nothing is promised about values that are not ours."""
        return None

    def draw(self, target: Target) -> Draw | Fill | Product | None:
        """Return None: nothing is drawn."""
        return None

    def _law(self, target: Target) -> Law | None:
        return None

    def values(self, target: Target, stream: Stream) -> Tensor:
        """Refuse: there is nothing to write.

        Raises:
            NotSupportedError: always.
        """
        raise NotSupportedError("Keep() writes nothing")


@dataclass(frozen=True, repr=False, init=False)
class PerBlock(Initializer):
    """An initializer for each block of a packed parameter, by the block's name; `rest` is for those not named.

    Blocks are called `q k v`, `i f g o` (LSTM), `r z n` (GRU), `gate up`, or `0 1 2 ...`; a plan shows them. The plan
    gives each block its own initializer, so `PerBlock` itself has no law and draws nothing.

    Raises:
        ArgumentError: nothing is given, or a `PerBlock` stands within another.
        ArgumentTypeError: a value is neither an initializer nor a function.

    >>> import initwise as iw
    >>> iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())
    PerBlock(f=Ones(), rest=Zeros())
    """

    blocks: tuple[tuple[str, Initializer], ...]
    rest: Initializer | None

    def __init__(self, *, rest: Initializer | None = None, **blocks: Initializer) -> None:
        named = tuple((name, as_initializer(blocks[name])) for name in sorted(blocks))
        other = None if rest is None else as_initializer(rest)
        if not named and other is None:
            raise ArgumentError("PerBlock: no block is given; write PerBlock(f=Ones(), rest=Zeros())")
        nested = [name for name, inner in (*named, ("rest", other)) if isinstance(inner, PerBlock)]
        if nested:
            raise ArgumentError(f"PerBlock: {', '.join(nested)} is a PerBlock itself; blocks have no blocks")
        self._store(blocks=named, rest=other)

    def block(self, name: str) -> Initializer | None:
        """Return the initializer for the block of this name; None where neither it nor `rest` is given."""
        return dict(self.blocks).get(name, self.rest)

    def __repr__(self) -> str:
        plain = [f"{name}={inner!r}" for name, inner in self.blocks if name.isidentifier()]
        other = ", ".join(f"{name!r}: {inner!r}" for name, inner in self.blocks if not name.isidentifier())
        shown = [*plain, *([f"**{{{other}}}"] if other else []), *([f"rest={self.rest!r}"] if self.rest else [])]
        return f"PerBlock({', '.join(shown)})"

    def _law(self, target: Target) -> Law | None:
        raise NotSupportedError(f"{self!r} has no law of its own; ask block(name) for each block")
