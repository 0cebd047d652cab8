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
