"""Which parameter of one side is which of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """A plan's row or a model's parameter."""

    @property
    def name(self) -> str:
        """The canonical name."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other names, of its ties."""
        ...


A = TypeVar("A", bound=Named)
B = TypeVar("B", bound=Named)


def matched(left: Sequence[A], right: Sequence[B]) -> Iterator[tuple[A | None, B | None]]:
    """Yield pairs, in the order of `left` and then of what only `right` has; None stands for what is not there.

    Names decide, then the names of ties, then the names that random numbers are drawn under. A parameter that is tied
    on one side only meets both of the other side.
    """
    there, here = _index(right), _index(left)
    met: set[str] = set()
    for one in left:
        other = _find(one, there)
        if other is not None:
            met.add(other.name)
        yield one, other
    for other in right:
        if other.name not in met:
            yield _find(other, here), other


def name_of(left: Named, right: Named) -> str:
    """Return the name that a pair goes by: one that both have, and the left one's where there is none or a choice."""
    return right.name if right.name in names(left) and left.name not in names(right) else left.name


def names(item: Named) -> frozenset[str]:
    """Return all names of a parameter."""
    return frozenset((item.name, *item.aliases))


def _index(items: Sequence[A]) -> dict[str, A]:
    found = {_canonical(item): item for item in items}
    for item in items:
        found.update(dict.fromkeys(item.aliases, item))
    found.update((item.name, item) for item in items)
    return found


def _find(item: Named, index: dict[str, B]) -> B | None:
    keys = (item.name, *item.aliases, _canonical(item))
    return next((index[key] for key in keys if key in index), None)


def _canonical(item: Named) -> str:
    return str(getattr(item, "canonical", item.name))
