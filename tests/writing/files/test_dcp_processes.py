"""Checkpoints written by real processes: all ranks draw their parts, whoever loads gets what one process gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from tests.shards.models import RULES
from tests.shards.ranks import launched
from tests.writing.files import checkpoints
from tests.writing.files.checkpoints import CASES_OF_TWO, CUTS, FOLDER


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What each of two ranks found in every case; one start for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(tmp_path_factory.mktemp("checkpoints")))
        yield launched(CASES_OF_TWO, 2, tmp_path_factory.mktemp("ranks"))


def test_two_ranks_save_what_one_process_draws_from_plain_tensors_and_shards(ranks: Any) -> None:
    for rank in ranks:
        assert set(rank["saved"]) == {(rules, cut) for rules in RULES for cut in ("plain", "fully_shard")}
        for files, plain, sharded in rank["saved"].values():
            assert files == ("__0_0.distcp", "__1_0.distcp", ".metadata")
            assert (plain, sharded) == ([], [])


def test_what_a_plan_keeps_of_a_dtensor_is_saved_by_the_rank_that_holds_it(ranks: Any) -> None:
    assert [rank["kept"] for rank in ranks] == [[], []]


def test_ranks_share_a_matrix_after_sixteen_bytes_each_and_divide_it_into_files(ranks: Any) -> None:
    for sent, sizes in (rank["parts_in_parallel"] for rank in ranks):
        assert sent == ("allgather_", 16)
        of_rank = [sum(size for name, size in sizes.items() if name.startswith(f"__{rank}_")) for rank in range(2)]
        assert sorted(sizes) == [
            ".metadata",
            *(f"__{rank}_0000{file}_0.distcp" for rank in range(2) for file in range(2)),
        ]
        assert of_rank[0] == of_rank[1]
        assert max(sizes.values()) <= 5_000_000


def test_different_plans_are_told_on_every_rank_before_anything_is_written(ranks: Any) -> None:
    for rank, (said, there) in enumerate(each["different_plans"] for each in ranks):
        assert said.startswith("WriteError: write_weights: 1 problem\n")
        assert f"rank {1 - rank} and this one ({rank}) have plans with different seeds" in said
        assert not there


def test_a_problem_of_one_rank_stops_all(ranks: Any) -> None:
    (first, there), (second, also_there) = (rank["a_rank_with_a_problem"] for rank in ranks)
    assert "rank 1 found problems and said so there; this rank (0) writes nothing either" in first
    assert "'table.weight' was planned with shape (11, 30) and has (11, 20)" in second
    assert not there
    assert not also_there


def test_ranks_that_see_different_folders_are_told_which(ranks: Any) -> None:
    for said, left in (rank["different_folders"] for rank in ranks):
        assert "rank 1 does not see in " in said
        assert "folder of 1 what rank 0 wrote to its folder; give every rank the same folder, on a disk that" in said
        assert left == []


def test_a_full_disk_of_one_rank_leaves_nothing_and_the_next_run_succeeds(ranks: Any) -> None:
    for said, left, wrong in (rank["a_full_disk"] for rank in ranks):
        assert "WriteError: write_weights: 1 problem\n  - rank 1: " in said
        assert "full: writing failed: No space left on device; nothing of it stays; mend it, or choose" in said
        assert left == []
        assert wrong == []


def test_another_checkpoint_in_the_folder_is_told_once_on_every_rank(ranks: Any) -> None:
    for rank in ranks:
        assert rank["another_checkpoint"].startswith("WriteError: write_weights: 1 problem\n")
        assert (
            "another holds a checkpoint already; choose another folder, or delete these" in rank["another_checkpoint"]
        )


def test_fsdp1_is_refused_with_what_to_do(ranks: Any) -> None:
    for said, there in (rank["fsdp1"] for rank in ranks):
        assert "write it before it is wrapped, or use fully_shard" in said
        assert not there


@pytest.mark.long
def test_four_ranks_save_and_two_and_three_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "checkpoints"))
    for world, case in ((4, checkpoints.saved), (2, checkpoints.loaded), (3, checkpoints.loaded)):
        folder = tmp_path / str(world)
        folder.mkdir()
        for rank in launched([case], world, folder):
            found = rank[case.__name__]
            assert isinstance(found, dict), found
            assert set(found) == {(rules, cut) for rules in RULES for cut in CUTS}
            assert all(tuple(wrong[-2:]) == ([], []) for wrong in found.values()), found
