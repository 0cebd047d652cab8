"""Two real processes: every kind of shard gets what one process gets, ranks that differ are told, and nobody waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from tests.shards.models import RULES
from tests.shards.ranks import launched
from tests.shards.scenarios import CASES, CASES_OF_FOUR

AGREEMENT = ("allgather_", 16)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks found in every case; one start for all."""
    return launched(CASES, 2, tmp_path_factory.mktemp("ranks"))


def test_fully_sharded_parameters_are_those_of_one_process_whatever_torchs_seeds_are(ranks: Any) -> None:
    for rank in ranks:
        assert set(rank["fsdp"]) == {(name, equal) for name in RULES for equal in (True, False)}
        assert all(found == ([], True, True) for found in rank["fsdp"].values())


@pytest.mark.parametrize("case", ["tensor_parallel", "fsdp1", "stages"])
def test_other_shards_are_those_of_one_process(ranks: Any, case: str) -> None:
    assert [rank[case] for rank in ranks] == [[], []]


@pytest.mark.parametrize("case", ["replicas", "outside_of_the_mesh"])
def test_replicas_are_whole_and_ranks_outside_of_a_mesh_hold_nothing(ranks: Any, case: str) -> None:
    assert [rank[case] for rank in ranks] == [True, True]


def test_experts_may_lie_on_a_mesh_of_their_own(ranks: Any) -> None:
    assert [rank["experts_on_a_mesh_of_their_own"] for rank in ranks] == [([], [AGREEMENT])] * 2


def test_sixteen_bytes_a_rank_are_sent_and_none_without_agreement_or_shards(ranks: Any) -> None:
    assert [rank["what_is_sent"] for rank in ranks] == [[[AGREEMENT], [], []]] * 2


def test_a_flat_parameter_without_names_is_refused_with_what_to_do(ranks: Any) -> None:
    for rank in ranks:
        unnamed, flat = rank["fsdp1_without_names"]
        assert "FSDP keeps parts of them in flat tensors, which have neither their shapes nor" in flat
        assert "plan the model before it is wrapped, and apply the plan to the wrapped one" in flat
        for said in unnamed:
            assert ": 1 problem\n" in said
            assert "'_flat_param' is a flat parameter of FSDP" in said
            assert "use_orig_params=True) or fully_shard(model), or initialize it before it is wrapped" in said


def test_a_process_group_says_whose_plans_are_compared(ranks: Any) -> None:
    for index, rank in enumerate(ranks):
        equal, sent, said = rank["of_one_group"]
        assert (equal, sent) == (True, [AGREEMENT])
        assert f"rank {1 - index} and this one ({index}) have plans with different seeds" in said


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("different_seeds", "have plans with different seeds"),
        ("different_plans", "have different plans (their digests differ)"),
        ("different_placements", "cut parameters in different ways; every rank of a mesh needs the same placements"),
    ],
)
def test_ranks_that_mean_different_things_write_nothing(ranks: Any, case: str, said: str) -> None:
    for index, rank in enumerate(ranks):
        error, untouched = rank[case]
        assert error.startswith("ApplyError: apply: 1 problem\n")
        assert f"rank {1 - index} and this one ({index}) {said}" in error
        assert untouched


def test_replicas_of_ddp_wherever_they_are_and_flat_parameters_are_compared_too(ranks: Any) -> None:
    for rank in ranks:
        assert len(rank["different_replicas"]) == 3
        for said in (*rank["different_replicas"], rank["different_flat_parameters"]):
            assert "have plans with different seeds; every rank needs the same plan" in said


TROUBLES = {
    "local_of_another_shape": "ApplyError: apply: 1 problem\n  - 'weight': its local tensor has shape (2, 4), and",
    "extra": "'extra.weight' is a parameter of the model that the plan does not know; plan again",
    "names": "'weight' is '7.weight' in the plan, which has none; did you mean '0.weight'?",
    "function": "raised ValueError: not today",
    "fault_of_a_caller": "ValueError: not today",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_rank_waits_for_one_with_troubles_of_its_own(ranks: Any, trouble: str) -> None:
    (first, untouched), (second, also) = (rank["troubles_of_one_rank"][trouble] for rank in ranks)
    assert "rank 1 found problems and said so there; this rank (0) writes nothing either" in first
    assert TROUBLES[trouble] in second
    assert untouched
    assert also


def test_old_rows_are_gathered_once_and_all_ranks_find_what_is_wrong_with_them(ranks: Any) -> None:
    for rank in ranks:
        wrong, sent, said = rank["rows_from_old_ones"]
        assert wrong == []
        assert [name for name in sent if "all" in name] == ["allgather_", "all_gather_into_tensor"]
        assert "MeanOfRows() needs the values of the old rows, and they hold NaN or infinity" in said


CONTRADICTIONS = {
    "shape": "its local tensor has shape (2, 4), and (Shard(dim=0),) on a mesh of (2,) leave (3, 4) of (6, 4) here",
    "partial": "its placement Partial(sum) is of a kind (Partial) that is not known here; allowed are Shard,",
    "meta": "'weight' is on the meta device and has no memory; use iw.materialize(model, plan, device=...)",
    "both": "'weight': it is a DTensor, which knows its own shard; leave Slice((6, 4), (0, 0)) out",
    "parametrized": "'weight' is computed from DTensors by a parametrization, which may need all of each; apply the",
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_what_contradicts_itself_is_named_once(ranks: Any, case: str) -> None:
    for rank in ranks:
        said = rank["contradictions"][case]
        assert said.startswith("ApplyError: apply: 1 problem\n")
        assert CONTRADICTIONS[case] in said


def test_what_a_parametrization_computes_from_shards_is_not_testable(ranks: Any) -> None:
    assert [rank["contradictions"]["verified"] for rank in ranks] == ["not testable"] * 2


@pytest.mark.parametrize("kind", ["fsdp1", "fsdp2"])
def test_each_rank_verifies_its_own_part_and_sends_nothing(ranks: Any, kind: str) -> None:
    parts = []
    for index, rank in enumerate(ranks):
        right, sent, codes, bias, weight = rank["verification"][kind]
        assert (right, sent) == ([], [])
        assert {name for _, name in codes} == ({"blocks.1.down.weight"} if index else set())
        assert not index or codes[0][0] == "INI109"
        assert bias[:2] in {(None, 1), (0, 1)}
        assert bias[2] in {"ok", "elsewhere"}
        parts.append(weight)
    assert sum(elements if here is None else here for here, elements in parts) == parts[0][1]


def test_one_call_plans_writes_and_verifies_shards(ranks: Any) -> None:
    assert [rank["all_in_one_call"] for rank in ranks] == [([], True)] * 2


def test_a_small_gpt2_and_its_digest_are_those_of_one_process(ranks: Any) -> None:
    pytest.importorskip("transformers")
    assert [rank["a_small_gpt2"] for rank in ranks] == [([], True)] * 2


@pytest.mark.long
def test_four_ranks_on_two_axes_hold_uneven_parts_and_all_hear_of_one_that_differs(tmp_path: Path) -> None:
    for index, rank in enumerate(launched(CASES_OF_FOUR, 4, tmp_path)):
        assert rank["uneven_in_two_axes"] == ([([], []), ([], [])], True)
        for error, untouched, collectives in rank["one_far_rank"]:
            assert error.startswith("ApplyError: apply: ")
            assert untouched
            assert collectives == 2  # one for each axis
            assert index == 3 or "rank " in error
        far = (index + 2) % 4
        assert (
            f"rank {far} and this one ({index}) have plans with different seeds" in rank["different_replicas_of_fsdp1"]
        )
