"""Axes as products of atoms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initwise.signals.forecast._atoms import Atoms


def test_a_reshape_splits_an_axis_and_joins_it_again() -> None:
    atoms = Atoms()
    channels = atoms.new(768)
    parts = atoms.regroup([channels], [12, 64])
    assert parts is not None
    assert [atoms.length(part) for part in parts] == [12, 64]
    back = atoms.regroup(parts, [768])
    assert back is not None
    assert atoms.leaves(back[0]) == atoms.leaves(channels)


def test_what_is_split_one_way_and_the_other_is_split_alike() -> None:
    atoms = Atoms()
    one, other = atoms.new(24), atoms.new(24)
    atoms.regroup([one], [6, 4])
    atoms.regroup([other], [2, 12])
    atoms.unify(one, other)
    assert atoms.leaves(one) == atoms.leaves(other)
    assert [atoms.size(leaf) for leaf in atoms.leaves(one)] == [2, 3, 4]


def test_holding_an_axis_holds_what_it_is_split_into_later() -> None:
    atoms = Atoms()
    channels = atoms.new(32)
    atoms.hold(channels)
    parts = atoms.regroup([channels], [8, 4])
    assert parts is not None
    assert all(atoms.is_held(leaf) for part in parts for leaf in atoms.leaves(part))


def test_joining_with_a_held_axis_holds_the_other_and_its_parts() -> None:
    atoms = Atoms()
    free, held = atoms.new(32), atoms.new(32, held=True)
    parts = atoms.regroup([free], [8, 4])
    assert parts is not None
    atoms.unify(free, held)
    assert all(atoms.is_held(leaf) for part in parts for leaf in atoms.leaves(part))


def test_axes_that_do_not_nest_are_held_and_not_joined() -> None:
    atoms = Atoms()
    six, four = atoms.regroup([atoms.new(24)], [6, 4]) or ((), ())
    eight, three = atoms.regroup([atoms.new(24)], [8, 3]) or ((), ())
    atoms.unify((*six, *four), (*eight, *three))
    assert all(atoms.is_held(leaf) for leaf in atoms.leaves((*six, *four, *eight, *three)))


def test_a_reshape_across_atoms_that_do_not_nest_is_refused() -> None:
    atoms = Atoms()
    assert atoms.regroup([atoms.new(6), atoms.new(4)], [4, 6]) is None


@pytest.mark.parametrize("size", [0, 1])
def test_an_axis_without_channels_has_none_to_sample(size: int) -> None:
    atoms = Atoms()
    assert all(atoms.is_held(leaf) for leaf in atoms.new(size))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_a_reshape_keeps_all_elements_in_their_order(sizes: list[int], data: st.DataObject) -> None:
    atoms = Atoms()
    dims = [atoms.new(size) for size in sizes]
    total = math.prod(sizes)
    first = data.draw(st.sampled_from([each for each in range(1, total + 1) if total % each == 0]))
    made = atoms.regroup(dims, [first, total // first])
    if made is not None:
        assert [atoms.length(dim) for dim in made] == [first, total // first]
        joined = [leaf for dim in made for leaf in atoms.leaves(dim)]
        assert joined == [leaf for dim in dims for leaf in atoms.leaves(dim)]
