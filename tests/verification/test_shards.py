"""Of a distributed tensor the shard at hand is verified, each value under its place in the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from initwise.initializers import Initializer

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this build of torch has no torch.distributed")


@pytest.fixture(autouse=True, scope="module")
def _four_ranks() -> Iterator[None]:
    """A process that is rank 1 of four which do not exist."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=1, world_size=4, store=FakeStore())
    yield
    dist.destroy_process_group()


def _sharded(initializer: Initializer, places: str, at: tuple[slice, ...], **options: Any) -> tuple[Any, iw.Plan]:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard

    model = nn.Embedding(66, 64, **options)
    plan = iw.plan(model, iw.rule("weight", initializer))
    iw.apply(model, plan)
    full = model.weight.detach()
    mesh = init_device_mesh("cpu", (4,) if len(places) == 1 else (2, 2))
    placements = [Shard(int(place)) for place in places]
    local = full[at].clone()
    shard = DTensor.from_local(local, mesh, placements, run_check=False, shape=full.shape, stride=full.stride())
    model.weight = nn.Parameter(shard)
    return model, plan


SHARDS = {"0": (slice(17, 34),), "1": (slice(None), slice(16, 32)), "10": (slice(33, 66), slice(0, 32))}


@pytest.mark.parametrize("places", SHARDS)
@pytest.mark.parametrize("initializer", [iw.Normal(std=0.02), iw.Orthogonal(), iw.Zeros()], ids=repr)
def test_a_shard_agrees_bit_for_bit_and_a_change_is_found_in_its_place(places: str, initializer: Initializer) -> None:
    model, plan = _sharded(initializer, places, SHARDS[places])
    assert [(row.verdict, row.proof) for row in iw.verify(model, plan).rows] == [("ok", "bit for bit")]
    rows, columns = (at.start or 0 for at in (*SHARDS[places], slice(0, 1))[:2])
    with torch.no_grad():
        model.weight._local_tensor[4, 5] = 0.01
    finding = iw.verify(model, plan).findings[0]
    assert finding.code == ("INI105" if initializer == iw.Zeros() else "INI109")
    assert finding.code == "INI105" or finding.message.endswith(f"first at [{rows + 4}, {columns + 5}]")


def test_a_shard_that_others_drew_is_held_to_its_law_and_a_part_of_a_structure_to_nothing() -> None:
    model, plan = _sharded(iw.Normal(std=0.02), "0", SHARDS["0"])
    assert iw.verify(model, plan, exact=False).rows[0].proof == "by its law"
    with torch.no_grad():
        model.weight._local_tensor.mul_(1.5)
    assert {finding.code for finding in iw.verify(model, plan).findings} == {"INI104"}
    model, plan = _sharded(iw.Orthogonal(), "0", SHARDS["0"])
    assert iw.verify(model, plan, exact=False).rows[0].verdict == "not testable"


def test_a_padding_row_is_looked_for_in_the_shard_that_holds_it() -> None:
    model, plan = _sharded(iw.Normal(std=0.02), "0", SHARDS["0"], padding_idx=20)
    assert iw.verify(model, plan).rows[0].proof == "bit for bit"
    with torch.no_grad():
        model.weight._local_tensor[3] = 1.0
    assert [finding.code for finding in iw.verify(model, plan).findings] == ["INI107"]
    model, plan = _sharded(iw.Normal(std=0.02), "0", SHARDS["0"], padding_idx=2)
    assert iw.verify(model, plan).rows[0].proof == "bit for bit"


@pytest.mark.parametrize("initializer", [iw.Normal(std=0.02), iw.Orthogonal(), iw.Zeros()], ids=repr)
def test_a_strided_shard_is_verified_each_run_under_its_place(initializer: Initializer) -> None:
    """Rank 1 of a mesh of 2 x 2 where rows are cut twice, the second cut first: it holds the quarter from row 32 on."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    model = nn.Linear(64, 64, bias=False)
    plan = iw.plan(model, iw.rule("weight", initializer))
    iw.apply(model, plan)
    full = model.weight.detach()
    placements: Any = [_StridedShard(0, split_factor=2), Shard(0)]
    mesh = init_device_mesh("cpu", (2, 2))
    local = full[32:48].clone()
    shard = DTensor.from_local(local, mesh, placements, run_check=False, shape=full.shape, stride=full.stride())
    model.weight = nn.Parameter(shard)
    report = iw.verify(model, plan)
    assert [(row.verdict, row.proof, row.here) for row in report.rows] == [("ok", "bit for bit", 1024)]
    with torch.no_grad():
        local[4, 5] = 0.01
    finding = iw.verify(model, plan).findings[0]
    assert finding.code == ("INI105" if initializer == iw.Zeros() else "INI109")
    assert finding.code == "INI105" or finding.message.endswith("first at [36, 5]")


PARTS: dict[str, tuple[Any, Any]] = {
    "rows": (iw.Slice((66, 64), (17, 0)), lambda whole: whole[17:34]),
    "runs of columns": (
        iw.Slice((66, 64), runs={1: [(32, 48), (0, 16)]}),
        lambda whole: torch.cat([whole[:, 32:48], whole[:, :16]], 1),
    ),
    "flat": (iw.FlatRange((66, 64), 1000), lambda whole: whole.flatten()[1000:3001]),
    "nothing": (iw.FlatRange((66, 64), 4224), lambda whole: whole.flatten()[4224:]),
    "all of it, flat": (iw.FlatRange((66, 64), 0), lambda whole: whole.flatten()),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("initializer", [iw.Normal(std=0.02), iw.Orthogonal(), iw.Sparse(sparsity=0.5)], ids=repr)
def test_what_a_caller_says_of_plain_tensors_is_verified(name: str, initializer: Initializer) -> None:
    shard, cut = PARTS[name]
    model = nn.Embedding(66, 64)
    plan = iw.plan(model, iw.rule("weight", initializer))
    iw.apply(model, plan)
    model.weight = nn.Parameter(cut(model.weight.detach()).clone())
    (row,) = iw.verify(model, plan, shards={"weight": shard}).rows
    count = model.weight.numel()
    assert (row.verdict, row.proof) == (("ok", "bit for bit") if count else ("elsewhere", ""))
    assert row.here == (None if count == 4224 else count)
    if not count:
        return
    with torch.no_grad():
        model.weight.view(-1)[7] = 3.0
    report = iw.verify(model, plan, shards={"weight": shard})
    assert not report.ok
    assert isinstance(initializer, iw.Sparse) or report.findings[0].code == "INI109"


def test_the_report_says_which_part_was_checked() -> None:
    model = nn.Linear(64, 66)
    plan = iw.plan(model, iw.rule(nn.Linear, weight=iw.Normal(std=0.02), bias=iw.Zeros()))
    iw.apply(model, plan)
    model.weight = nn.Parameter(model.weight.detach()[17:34].clone())
    text = str(iw.verify(model, plan, shards={"weight": iw.Slice((66, 64), (17, 0))}))
    assert "1,088 of 4,224" in text
    assert "of 1 parameters this process holds a part, and that part was checked: 1,088 of 4,224 elements" in text


def test_a_shard_that_is_said_to_lie_elsewhere_holds_other_numbers() -> None:
    model = nn.Embedding(66, 64)
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))
    iw.apply(model, plan)
    model.weight = nn.Parameter(model.weight.detach()[17:34].clone())
    report = iw.verify(model, plan, exact="required", shards={"weight": iw.Slice((66, 64), (16, 0))})
    assert [finding.code for finding in report.findings] == ["INI109"]


def test_a_tensor_that_is_not_the_shard_it_should_be_is_no_parameter_of_the_plan() -> None:
    model = nn.Embedding(66, 64)
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))
    model.weight = nn.Parameter(torch.zeros(17, 64))
    (finding,) = iw.verify(model, plan, shards={"weight": iw.Slice((66, 64), (60, 0))}).findings
    assert (finding.code, finding.message) == ("INI106", "what is here of it contradicts itself")
    assert "leaves 6 along axis 0" in str(finding.measured)


def test_shards_of_unknown_parameters_are_refused_together() -> None:
    model = nn.Embedding(66, 64)
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)))
    with pytest.raises(iw.ArgumentError, match=r"no parameter 'wieght'; did you mean 'weight'") as caught:
        iw.verify(model, plan, shards={"wieght": iw.Slice((66, 64)), "weight": 3})  # type: ignore[dict-item]
    assert r"'weight' is 3; give a Slice(...) or FlatRange(...)" in str(caught.value)


def test_kept_parameters_in_parts_are_kept() -> None:
    model = nn.Embedding(66, 64)
    plan = iw.plan(model, iw.rule("weight", iw.Keep()))
    model.weight = nn.Parameter(torch.zeros(17, 64))
    (row,) = iw.verify(model, plan, shards={"weight": iw.Slice((66, 64))}).rows
    assert row.verdict == "kept"


def test_new_rows_made_from_old_ones_are_not_testable_in_part_and_follow_them_as_a_whole() -> None:
    model = nn.Embedding(9, 4)
    plan = iw.plan(model, iw.rule("weight", iw.MeanOfRows()), old_rows={"weight": 5})
    iw.apply(model, plan)
    flat = {"weight": iw.FlatRange((9, 4), 0)}
    model.weight = nn.Parameter(model.weight.detach().flatten())
    assert iw.verify(model, plan, shards=flat).rows[0].verdict == "ok"
    model.weight = nn.Parameter(model.weight.detach()[20:])
    assert iw.verify(model, plan, shards={"weight": iw.FlatRange((9, 4), 20)}).rows[0].verdict == "not testable"


def test_a_part_of_a_model_is_verified_under_its_names_in_the_whole() -> None:
    whole = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    plan = iw.plan(whole, "kaiming", seed=3)
    stage = nn.Sequential(nn.Linear(64, 64))
    iw.apply(stage, plan, names={"0": "2"})
    report = iw.verify(stage, plan, names={"0": "2"})
    assert [(row.name, row.proof) for row in report.rows] == [("0.weight", "bit for bit"), ("0.bias", "bit for bit")]
    assert not iw.verify(stage, plan, names={"0": "0"}, exact="required").ok
    with pytest.raises(iw.PlanError, match=r"'0.weight' is '5.weight' in the plan, which has none"):
        iw.verify(stage, plan, names={"0": "5"})
