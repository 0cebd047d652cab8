"""In several processes: a model in shards has the digest of the whole, on every rank, or all are told why not."""

from __future__ import annotations

import re
from typing import Any

import pytest

import initwise as iw
from tests.digests import scenarios
from tests.shards.ranks import launched

Found = list[dict[str, Any]]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return launched(scenarios.TWO, 2, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return launched(scenarios.FOUR, 4, tmp_path_factory.mktemp("four"))


@pytest.fixture(params=["two", pytest.param("four", marks=pytest.mark.long)], scope="module")
def ranks(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def want() -> str:
    return iw.digest(scenarios.whole())


def test_fsdp2_has_the_digest_of_the_whole_after_one_exchange_of_80_bytes(ranks: Found, want: str) -> None:
    buffers = iw.digest(scenarios.whole(), buffers=True)
    assert [rank["fsdp2"] for rank in ranks] == [(want, buffers, [80])] * len(ranks)


def test_fsdp1_has_the_digest_of_the_whole(ranks: Found, want: str) -> None:
    assert [rank["fsdp1"] for rank in ranks] == [(want, True)] * len(ranks)


@pytest.mark.long
def test_each_replica_of_hybrid_fsdp1_has_the_digest_of_the_whole_or_all_hear_that_one_differs(
    four: Found, want: str
) -> None:
    for number, rank in enumerate(four):
        equal, sent, differ, first = rank["fsdp1_in_replicas"]
        assert (equal, len(sent), first) == (want, 2, number < 2)
        assert f"replicas differ: those of FSDP, among ranks {number % 2}, {number % 2 + 2}; iw.check names" in differ


def test_a_plain_or_ddp_wrapped_model_sends_nothing(two: Found, want: str) -> None:
    buffers = iw.digest(scenarios.whole(), buffers=True)
    assert [rank["plain_and_wrapped"] for rank in two] == [(want, buffers, [])] * 2


def test_replicas_that_are_equal_count_once_and_those_that_differ_are_refused_on_every_rank(
    ranks: Found, want: str
) -> None:
    for rank in ranks:
        equal, (refused, first), plain = rank["replicas"]
        assert equal == first == want
        assert re.match(r"DigestError: digest: 1 problem\n  - replicas differ: DTensors, among ranks 0, 1", refused)
        assert re.match(r"DigestError: digest: 1 problem\n  - replicas differ: parameters that are no DTensors", plain)


def test_slices_and_flat_ranges_sum_to_the_whole_over_the_default_group(ranks: Found, want: str) -> None:
    together = iw.digest(scenarios.alone())
    for rank in ranks:
        whole, parts, twice, _ = rank["slices"]
        assert whole == want
        assert parts == together
        held, there = re.findall(
            r"hold together ([\d,]+) elements of parameters in parts, which have ([\d,]+); give", twice
        )[0]
        assert int(held.replace(",", "")) - int(there.replace(",", "")) == 30 * (len(ranks) - 1)


def test_a_wrong_name_on_one_rank_is_told_to_all(ranks: Found) -> None:
    first, *others = [rank["slices"][3] for rank in ranks]
    assert "shards: the model has no parameter 'nobody'" in first
    assert all("rank 0 found problems and said so there" in other for other in others)


def test_a_rank_outside_of_a_mesh_takes_part_where_a_group_is_given(ranks: Found, want: str) -> None:
    *inside, last = [rank["outside"] for rank in ranks]
    assert inside == [(want, want)] * len(inside)
    assert last[1] == want
    assert re.search(r"'emb.weight' is on a mesh of ranks \[.*\], and this one \(\d\) is not among them; call", last[0])


def test_what_has_no_digest_is_refused_on_every_rank(ranks: Found) -> None:
    for number, rank in enumerate(ranks):
        partial, meta = rank["refusals"]
        assert re.search(r"'last.weight': its placement Partial.* is of a kind \(_?Partial\w*\)", partial)
        if number == 0:
            assert re.match(r"NotSupportedError: digest: 'extra.weight' \(on the meta device\), 'extra.bias'", meta)
        else:
            assert "rank 0 found problems and said so there" in meta


@pytest.mark.long
def test_meshes_of_two_axes_parts_of_them_and_several_in_one_model(four: Found, want: str) -> None:
    for rank in four:
        found, bent, over_all = rank["mesh_2d"]
        assert found == [want] * 4
        assert "replicas differ: DTensors" in bent or "found problems" in bent
        assert "hold DTensors on different meshes, and a sum over all would count replicas twice" in over_all
