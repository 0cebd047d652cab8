"""The plan of a model in shards says which laws are not drawn element by element, and what they cost every rank."""

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
DRAWN = "drawn at once: every rank that holds part of it computes"


@pytest.fixture(autouse=True, scope="module")
def _two_ranks() -> Iterator[None]:
    """A process that is rank 0 of two, of which the other does not exist."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
    yield
    dist.destroy_process_group()


def sharded(model: nn.Module) -> Any:
    """The model with every parameter cut along its rows."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_module, distribute_tensor

    mesh = init_device_mesh("cpu", (2,))

    def cut(_: str, module: nn.Module, mesh: Any) -> None:
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(distribute_tensor(parameter.detach(), mesh, [Shard(0)])))

    return distribute_module(model, mesh, cut)


def reason(model: nn.Module, law: Initializer, name: str = "weight", **options: Any) -> str:
    rest = iw.rule(lambda _: True, iw.Zeros())
    return iw.plan(model, [iw.rule(name, law), rest], **options)[name].reason


@pytest.mark.parametrize(
    ("law", "said"),
    [
        (iw.Orthogonal(), f"{DRAWN} all of it, 512 x 256 (0.5 MiB in float32), and keeps its part"),
        (iw.Sparse(), f"{DRAWN} all of it, 512 x 256 (0.5 MiB in float32), and keeps its part"),
        (iw.Custom(lambda shape, _, draw: draw.normal(shape)), f"{DRAWN} all of it, 512 x 256 (0.5 MiB in float32)"),
    ],
    ids=repr,
)
def test_a_law_that_is_drawn_at_once_says_what_every_rank_computes(law: Initializer, said: str) -> None:
    assert said in reason(sharded(nn.Linear(256, 512)), law)
    assert DRAWN not in reason(nn.Linear(256, 512), law)


def test_half_precision_is_computed_in_float32() -> None:
    assert "256 x 64 (64 KiB in float32)" in reason(sharded(nn.Linear(64, 256).bfloat16()), iw.Orthogonal())


def test_of_packed_weights_the_blocks_are_told() -> None:
    model = sharded(nn.MultiheadAttention(64, 4))
    said = reason(model, iw.PerBlock(q=iw.Orthogonal(), k=iw.Normal(std=1.0), v=iw.Zeros()), "in_proj_weight")
    assert said.count(f"{DRAWN} each block that it holds part of, 64 x 64 (16 KiB in float32)") == 1


def test_rows_from_old_ones_say_that_these_are_gathered() -> None:
    said = reason(sharded(nn.Embedding(1000, 256)), iw.MeanOfRows(), old_rows={"weight": 900})
    assert "the old rows (0.879 MiB in float32) are gathered on every rank" in said


@pytest.mark.parametrize("law", [iw.KaimingNormal(), iw.Zeros(), iw.Keep()], ids=repr)
def test_element_wise_laws_cost_nothing_more(law: Initializer) -> None:
    assert "rank" not in reason(sharded(nn.Linear(256, 512)), law)


def test_words_about_costs_are_no_part_of_the_decision() -> None:
    law = iw.rule(nn.Linear, weight=iw.Orthogonal(), bias=iw.Zeros())
    one, other = nn.Linear(64, 64), sharded(nn.Linear(64, 64))
    assert iw.plan(one, law).digest() == iw.plan(other, law).digest()
    assert torch.is_tensor(one.weight)
