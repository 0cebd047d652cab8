"""Who writes what of a checkpoint: every element once, divided evenly, drawn as one process draws it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.writing.files._entries import Contents, find_contents
from initwise.writing.files._shares import Box, boxes_of
from tests.shards.models import RULES, Network, by_one_process
from tests.writing.eager import on_meta


class Mixed(nn.Module):
    """Experts, a packed matrix, a table with a padding row, buffers, a scalar and an empty tensor."""

    nothing: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.Parameter(torch.empty(4, 6, 5))
        self.attention = nn.MultiheadAttention(8, 2)
        self.table = nn.Embedding(7, 3, padding_idx=-1)
        self.norm = nn.BatchNorm1d(3)
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("nothing", torch.empty(0, 4))


MIXED = [
    iw.rule("experts", iw.Orthogonal(), axes=iw.Axes(fan_in=(2,), fan_out=(1,), batch=(0,))),
    iw.rule("attention.in_proj_weight", iw.Orthogonal()),
    iw.rule("attention.out_proj.weight", iw.Custom(lambda shape, _, draw: draw.normal(shape).cumsum(0))),
    iw.rule("table.weight", iw.Normal(std=0.5)),
    iw.rule("norm.weight", iw.Keep()),
    iw.rule("*", iw.Constant(0.5)),
]


def applied(model: nn.Module, plan: iw.Plan) -> dict[str, Tensor]:
    iw.apply(model, plan)
    return {name: each.detach() for name, each in model.state_dict().items()}


def assembled(contents: Contents, ranks: int, most: int) -> tuple[dict[str, Tensor], list[list[Box]]]:
    """Return what all ranks write together; every element has to be written once."""
    made = {entry.name: torch.empty(entry.shape, dtype=entry.dtype) for entry in contents.entries}
    seen = {entry.name: torch.zeros(entry.shape) for entry in contents.entries}
    of_ranks = [boxes_of(contents, rank, ranks, most) for rank in range(ranks)]
    for box in (each for boxes in of_ranks for each in boxes):
        place = tuple(slice(first, first + size) for first, size in zip(box.start, box.sizes, strict=True))
        made[box.entry.name][place] = box.values()
        seen[box.entry.name][place] += 1
    assert all(bool((count == 1).all()) for count in seen.values())
    return made, of_ranks


@pytest.mark.parametrize("ranks", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("rules", RULES)
def test_ranks_write_every_element_once_and_as_one_process_draws_it(rules: str, ranks: int) -> None:
    plan, want = by_one_process(RULES[rules])
    made, of_ranks = assembled(find_contents(on_meta(Network), plan), ranks, most=1000)
    assert all(torch.equal(values, want[name]) for name, values in made.items())
    cut = [box for boxes in of_ranks for box in boxes if box.entry.by_elements]
    assert max(box.nbytes for box in cut) <= 1000


@pytest.mark.parametrize("ranks", [1, 3, 7])
def test_blocks_scalars_kept_values_and_buffers_are_written_once(ranks: int) -> None:
    model = Mixed()
    plan = iw.plan(model, MIXED, seed=2)
    want = applied(model, plan)
    made, _ = assembled(find_contents(model, plan), ranks, most=100)
    assert set(made) == set(want)
    assert all(torch.equal(values, want[name]) for name, values in made.items())


def test_old_rows_stay_and_new_ones_are_made_from_them() -> None:
    model = nn.Embedding(9, 4)
    plan = iw.plan(model, iw.rule("weight", iw.NewRows(iw.MeanOfRows(), after=6)), seed=2)
    made, _ = assembled(find_contents(model, plan), 2, most=16)
    old = model.weight[:6].detach().clone()
    assert torch.equal(made["weight"], applied(model, plan)["weight"])
    assert torch.equal(made["weight"][:6], old)


def test_a_large_matrix_is_divided_evenly_along_its_first_axis() -> None:
    model: Any = on_meta(lambda: nn.Linear(1024, 4099, bias=False))
    contents = find_contents(model, iw.plan(model, "kaiming"))
    firsts = [boxes_of(contents, rank, 4)[0] for rank in range(4)]
    assert [(box.start, box.sizes) for box in firsts] == [
        ((0, 0), (1025, 1024)),
        ((1025, 0), (1025, 1024)),
        ((2050, 0), (1025, 1024)),
        ((3075, 0), (1024, 1024)),
    ]


def test_small_tensors_and_blocks_are_whole_and_ranks_take_turns() -> None:
    model: Any = on_meta(lambda: nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(6)))
    for law in (iw.Normal(), iw.Orthogonal()):
        contents = find_contents(model, iw.plan(model, iw.rule("*", law)))
        names = [[box.entry.name for box in boxes_of(contents, rank, 3)] for rank in range(3)]
        assert names == [["0.weight", "3.weight"], ["1.weight", "4.weight"], ["2.weight", "5.weight"]]


def test_experts_are_divided_among_ranks_block_by_block() -> None:
    model = Mixed()
    contents = find_contents(model, iw.plan(model, MIXED))
    owners = [[box.start[0] for box in boxes_of(contents, rank, 2) if box.entry.name == "experts"] for rank in range(2)]
    assert owners == [[0, 2], [1, 3]]
