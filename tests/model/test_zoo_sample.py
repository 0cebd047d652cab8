"""Sixty published architectures are read and planned in full: each parameter's use is seen in a pass on meta."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("transformers")

from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

pytest.importorskip("timm")
pytest.importorskip("torchvision")

from benchmarks.zoo.entries import LIBRARIES, Entry, entries
from benchmarks.zoo.reading import result
from benchmarks.zoo.sample import sample


@pytest.mark.parametrize("entry", sample(), ids=str)
def test_every_parameter_is_seen_in_use_and_planned(entry: Entry) -> None:
    found = result(entry)
    assert found.cause == ""
    assert found.traced
    assert found.parameters > 10
    assert found.unseen == []
    assert found.planned == found.parameters
    assert found.guesses == []


def test_the_sample_takes_of_each_library_its_share() -> None:
    assert Counter(entry.library for entry in sample()) == {"timm": 20, "torchvision": 10, "transformers": 30}
    assert Counter(entry.library for entry in sample(6)) == {"timm": 2, "torchvision": 1, "transformers": 3}


def test_the_zoo_has_what_the_sample_names_and_more_than_two_thousand_others() -> None:
    everything = set(entries(LIBRARIES))
    assert set(sample()) <= everything
    assert len(everything) > 2000


def test_what_cannot_be_built_is_told_and_stops_nothing() -> None:
    found = result(Entry("timm", "no_such_model"))
    assert not found.built
    assert "no_such_model" in found.cause
