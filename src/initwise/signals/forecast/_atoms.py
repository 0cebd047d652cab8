"""Axes as products of atoms: which axes of which tensors are the same, however they are reshaped and permuted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Dim = tuple[int, ...]  # the atoms of one axis, the outermost first; () for an axis of size 1


class Atoms:
    """Pieces of axes. Two that turn out to be the same are joined, one that is reshaped is split in two.

    An atom that is *held* keeps its size: an operation looks at its elements one by one. The others hold channels of
    which each is as good as any other, so that some of them can stand for all.
    """

    def __init__(self) -> None:
        self._size: list[int] = []
        self._parent: list[int] = []
        self._parts: list[tuple[int, int] | None] = []
        self._held: list[bool] = []

    def new(self, size: int, *, held: bool = False) -> Dim:
        """Return an axis of one new atom."""
        if size == 1:
            return ()
        self._size.append(size)
        self._parent.append(len(self._parent))
        self._parts.append(None)
        self._held.append(held or size == 0)
        return (len(self._size) - 1,)

    def root(self, atom: int) -> int:
        """Return the atom that stands for this one."""
        while self._parent[atom] != atom:
            self._parent[atom] = atom = self._parent[self._parent[atom]]
        return atom

    def leaves(self, dim: Iterable[int]) -> list[int]:
        """Return an axis as atoms that are not split."""
        found: list[int] = []
        for atom in dim:
            root = self.root(atom)
            parts = self._parts[root]
            found += [root] if parts is None else self.leaves(parts)
        return found

    def size(self, atom: int) -> int:
        """Return how long an atom is."""
        return self._size[self.root(atom)]

    def length(self, dim: Iterable[int]) -> int:
        """Return how long an axis is."""
        return math.prod(self.size(atom) for atom in dim)

    def is_held(self, atom: int) -> bool:
        """Tell whether an atom keeps its size."""
        return self._held[self.root(atom)]

    def hold(self, dim: Iterable[int]) -> None:
        """Let an axis keep its size."""
        for atom in dim:
            root = self.root(atom)
            self._held[root] = True
            self.hold(self._parts[root] or ())

    def split(self, atom: int, inner: int) -> tuple[int, int]:
        """Split a leaf into (outer, inner), of which the inner one has the given size."""
        root = self.root(atom)
        (outer,) = self.new(self._size[root] // inner, held=self._held[root])
        (made,) = self.new(inner, held=self._held[root])
        self._parts[root] = (outer, made)
        return outer, made

    def join(self, one: int, other: int) -> None:
        """Note that two leaves or split atoms of the same size are the same."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return
        parts, others = self._parts[one], self._parts[other]
        self._parent[other] = one
        self._parts[one] = parts or others
        if self._held[one] or self._held[other]:
            self.hold((one,))
            self.hold(others or ())
        if parts and others:
            self.unify(parts, others)

    def unify(self, one: Iterable[int], other: Iterable[int]) -> None:
        """Note that two axes are the same; where their atoms do not nest, both are held."""
        left, right = self.leaves(one), self.leaves(other)
        while left and right:
            a, b = self.root(left.pop()), self.root(right.pop())
            if a == b:
                continue
            small, large, rest = (a, b, right) if self._size[a] <= self._size[b] else (b, a, left)
            if self._size[large] % self._size[small]:
                self.hold((*left, *right, a, b))
                return
            if self._size[large] != self._size[small]:
                outer, large = self.split(large, self._size[small])
                rest.append(outer)
            self.join(small, large)
            left, right = self.leaves(left), self.leaves(right)
        self.hold((*left, *right))

    def regroup(self, dims: Sequence[Dim], sizes: Sequence[int]) -> list[Dim] | None:
        """Return the axes of a tensor after a reshape to `sizes`; None where the atoms do not nest."""
        left = self.leaves(atom for dim in dims for atom in dim)[::-1]
        found: list[Dim] = []
        for size in sizes:
            taken: list[int] = []
            missing = size
            while missing > 1:
                if not left:
                    return None
                atom = left.pop()
                length = self._size[atom]
                if missing % length == 0:
                    taken.append(atom)
                    missing //= length
                elif length % missing == 0:
                    outer, inner = self.split(atom, length // missing)
                    taken.append(outer)
                    left.append(inner)
                    missing = 1
                else:
                    return None
            found.append(tuple(taken))
        return found
