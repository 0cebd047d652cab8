"""`Initializer`: the one protocol. A frozen value that declares a law and says what to draw; it writes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from torch import Tensor

from initwise.errors import NotSupportedError
from initwise.initializers._law import Law
from initwise.initializers._product import Fill, Product
from initwise.initializers._stream import Stream
from initwise.initializers._target import Target
from initwise.random import Draw


@dataclass(frozen=True, repr=False)
class Initializer(ABC):
    """What a parameter shall hold, as a value: comparable, hashable, with a `repr` that can be pasted back.

    Element-wise initializers answer `draw`, the others `values`. `law` is what either of them promises.
    """

    def law(self, target: Target) -> Law | None:
        """Return the law of the values drawn for `target`; None where nothing is declared.

        Raises:
            ArgumentError: the initializer cannot be drawn for this target (dtype, shape, fans).
        """
        target.checked(type(self).__name__)
        return self._law(target)

    def draw(self, target: Target) -> Draw | Fill | Product | None:
        """Return what to draw for each element (each half of a complex one), or None where `values` says it.

        Raises:
            ArgumentError: the initializer cannot be drawn for this target (dtype, shape, fans).
        """
        target.checked(type(self).__name__)
        return self._draw(target)

    def values(self, target: Target, stream: Stream) -> Tensor:
        """Return all values of a law that is not element-wise, of the target's shape, on the CPU, not yet rounded.

        Raises:
            ArgumentError: the initializer cannot be drawn for this target (dtype, shape, fans).
            NotSupportedError: the law is element-wise: use `draw`.
        """
        target.checked(type(self).__name__)
        return self._values(target, stream)

    @abstractmethod
    def _law(self, target: Target) -> Law | None: ...

    def _draw(self, target: Target) -> Draw | Fill | Product | None:
        return None

    def _values(self, target: Target, stream: Stream) -> Tensor:
        raise NotSupportedError(f"{self!r} is drawn element by element: use draw(target), not values")

    def __repr__(self) -> str:
        shown = [_shown(f, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _store(self, **values: object) -> None:
        """Set fields while the frozen value is being made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _shown(field: Field[Any], value: object) -> str:
    return repr(value) if field.default is MISSING else f"{field.name}={value!r}"
