"""Calibrations in two and three processes: they find what one finds with all samples, and they fail together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

import initwise as iw
from tests.calibration import processes as cases

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed"),
]


def ran(folder: Path, world: int) -> list[dict[str, Any]]:
    spawn(cases.start, (str(folder), world), nprocs=world)
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(world)]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each case returned in each of two processes."""
    return ran(tmp_path_factory.mktemp("two"), 2)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each case returned in each of three processes."""
    return ran(tmp_path_factory.mktemp("three"), 3)


def alone(world: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return by case what one process does with the samples of all of them."""
    x, y = cases.everything(world)
    model = cases.network()
    plan = cases.plan_of(model)
    act = torch.nn.Sequential(cases.ActNorm())
    start = iw.plan(act, [iw.rule("*weight", iw.Ones()), iw.rule("*bias", iw.Zeros())])
    each = cases.one_by_one(world)
    return {
        "lsuv": lambda: cases.result(model, iw.lsuv(model, x, plan, tolerance=0.01)),
        "lsuv_of_several_batches": lambda: cases.result(model, iw.lsuv(model, x, plan, tolerance=0.01)),
        "weight_norm": lambda: cases.result(model, iw.weight_norm_init(model, x, plan)),
        "within": lambda: cases.result(model, iw.within_channel(model, each, plan, iterations=3)),
        "actnorm": lambda: cases.result(act, iw.actnorm_init(act, x, start)),
        "prior": lambda: cases.result(model, iw.output_prior(model, plan, y)),
        "metainit": lambda: cases.result(model, iw.metainit(model, (x, y), plan, steps=8)),
        "metainit_on_noise": lambda: cases.result(model, iw.metainit(model, None, plan, steps=8)),
        "gradinit": lambda: cases.gradinit(0, 1, (x, y)),
        "gradinit_under_its_bound": lambda: cases.gradinit_under_its_bound(0, 1, (x, y)),
        "gradinit_for_adam": lambda: cases.gradinit_for_adam(0, 1, (x, y)),
    }


def agree(found: list[dict[str, Any]], case: str) -> dict[str, Any]:
    """Check that all processes found the same to the last bit, and return it."""
    first, *others = (each[case] for each in found)
    for other in others:
        assert {name: first[name] for name in first if name != "factors"} == {
            name: other[name] for name in other if name != "factors"
        }
        assert all(torch.equal(factor, other["factors"][name]) for name, factor in first["factors"].items())
    assert first["verified"]
    made: dict[str, Any] = first
    return made


@pytest.mark.parametrize("case", list(alone(2)))
def test_two_processes_with_unequal_batches_find_what_one_finds_with_all_samples(
    two: list[dict[str, Any]], case: str
) -> None:
    found, expected = agree(two, case), alone(2)[case]()
    for name, factors in expected["factors"].items():
        torch.testing.assert_close(found["factors"][name], factors, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["lsuv", "lsuv_of_several_batches", "metainit", "gradinit"])
def test_so_do_three(three: list[dict[str, Any]], case: str) -> None:
    found, expected = agree(three, case), alone(3)[case]()
    for name, factors in expected["factors"].items():
        torch.testing.assert_close(found["factors"][name], factors, rtol=1e-4, atol=1e-5)


def test_slopes_of_the_gradient_quotient_are_those_over_all_samples(two: list[dict[str, Any]]) -> None:
    first, second = (each["metainit_slopes"] for each in two)
    assert first == second
    quotient, slopes = cases.metainit_slopes(0, 1, [cases.everything(2)])
    assert first[0] == pytest.approx(quotient, rel=1e-4)
    assert first[1] == pytest.approx(slopes, rel=1e-3)
    half = cases.metainit_slopes(0, 1, [cases.share(0, 2)])
    assert half[1] != pytest.approx(slopes, rel=0.05)  # what one process would find alone is something else


def test_the_words_of_a_plan_count_the_samples_of_all_processes(two: list[dict[str, Any]]) -> None:
    assert two[0]["lsuv"]["words"].endswith("over 64 samples in 2 batches of 2 processes")
    assert two[0]["lsuv_of_several_batches"]["words"].endswith("over 64 samples in 9 batches of 2 processes")
    assert two[0]["gradinit"]["words"].endswith("12 steps on 2 batches of 2 processes")


def test_a_weight_that_sees_samples_in_one_process_only_is_scaled_in_all(two: list[dict[str, Any]]) -> None:
    first, second = (each["experts"] for each in two)
    assert first == second
    assert first[:-1] == ["experts.0.weight", "experts.1.weight", "last.weight"]


SAID = {
    "shape": "raised RuntimeError with {size}x5 float32",
    "plan": "the processes were called with different arguments: plan is ",
    "no memory": "'0.weight' is on the meta device",
    "loader": "RuntimeError: no such file",
    "target": "a target is 10",
    "no variance": "the std of the output of '0.weight' is 0: it does not depend on the samples",
    "synchronized": "2 batches, and '1' waits for a batch of each of them in every pass; give all processes equally",
    "tolerance": "tolerance is 0.1 in process{many}, 0.5 in process {last}",
    "wrong tolerance": "tolerance is 5.0, and must be between 0 and 1",
    "metainit": "the processes came to different places: ",
    "a loss that fails": "the loss raised ArithmeticError",
    "kept weights": "what the plan keeps of the model is ",
}
SEEN_BY_ALL = {"plan", "synchronized", "no variance", "tolerance", "metainit", "kept weights"}


@pytest.mark.parametrize("world", [2, 3])
def test_where_one_process_fails_all_of_them_raise_and_say_which(world: int, request: pytest.FixtureRequest) -> None:
    every: list[dict[str, Any]] = request.getfixturevalue("two" if world == 2 else "three")
    words = {"size": str(cases.SIZES[world - 1]), "last": str(world - 1), "many": " 0" if world == 2 else "es 0, 1"}
    for rank, found in enumerate(each["failures"] for each in every):
        assert found.pop("the model") == "as it was"
        assert len(found) == 28
        for what, said in found.items():
            step, _, kind = what.partition(": ")
            assert SAID[kind].format(**words) in said, (rank, what)
            elsewhere = kind not in SEEN_BY_ALL and rank < world - 1
            assert (f"process {world - 1} raised" in said) == elsewhere, (rank, what)
            assert not elsewhere or said.startswith(f"ArgumentError: {step}: stopped with the other processes, and")


def test_a_model_in_shards_is_refused_by_name_with_what_to_do(two: list[dict[str, Any]]) -> None:
    for found in two:
        for step, said in found["shards"].items():
            assert said.startswith(
                f"ArgumentError: {step}: '0.weight' is a DTensor, (Shard(dim=0),), and a calibration"
            )
            assert "then shard it and initwise.apply(model, plan)" in said
        assert list(found["calibrated_then_in_shards"].values()) == [True] * 4
