"""A weight that is written part by part is the weight that is written at once, for every law and any cut of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import initwise as iw
from initwise.initializers import Initializer, Target
from initwise.planning import Part, Row
from initwise.shards import Shard, held
from initwise.writing import write_parts
from initwise.writing._parts import write_zero_padding
from tests.cases import CASES, Case
from tests.shards.cuts import cuts, together


def _written(parts: tuple[Part, ...], dtype: torch.dtype, size: tuple[int, ...], shard: Shard | None) -> Tensor:
    local = torch.full(size, math.nan, dtype=dtype)
    write_parts(held(local, shard), parts, seed=5, name="layer.weight")
    return local


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=3)
@given(data=st.data())
def test_every_initializer_writes_its_parts_as_its_whole(case: Case, data: Any) -> None:
    shape = case.target.shape
    parts = (Part("", 0, 0, shape[0], case.initializer, case.target, shape),)
    whole = _written(parts, torch.float32, shape, None)
    written = [(shard, _written(parts, torch.float32, size, shard)) for shard, size in data.draw(cuts(shape))]
    assert torch.equal(together(whole, written), whole)


class _Holder(nn.Module):
    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape, dtype=dtype))


QKV = iw.PerBlock(q=iw.Normal(std=0.02), k=iw.Orthogonal(), v=iw.XavierUniform())
BY_CHANNEL = iw.Scaled(iw.Normal(mean=1.0, std=0.02), tuple(0.5 + index / 8 for index in range(12)), axis=0)


def _custom(shape: Any, _: Any, draw: Any) -> Tensor:
    return draw.normal(shape).cumsum(0)  # type: ignore[no-any-return]


LAWS: dict[str, tuple[Any, tuple[int, ...], torch.dtype]] = {
    "normal in bfloat16": (iw.Normal(std=0.02), (12, 10), torch.bfloat16),
    "uniform in float64": (iw.Uniform(-1, 1), (12, 10), torch.float64),
    "complex normal": (iw.Normal(std=0.02), (12, 10), torch.complex64),
    "complex orthogonal": (iw.Orthogonal(), (12, 12), torch.complex64),
    "scaled by channel": (BY_CHANNEL, (12, 10), torch.float32),
    "scaled by channel, structured": (iw.Scaled(iw.Orthogonal(), (2.0,) * 12, axis=0), (12, 10), torch.float32),
    "sparse": (iw.Sparse(sparsity=0.5), (12, 10), torch.float32),
    "delta orthogonal": (iw.DeltaOrthogonal(), (12, 6, 3, 3), torch.float32),
    "given": (iw.Given(tuple(range(120))), (12, 10), torch.float32),
    "custom": (iw.Custom(_custom), (12, 10), torch.float32),
    "one number": (iw.Normal(std=1.0), (1,), torch.float32),
}


def _plan(model: nn.Module, law: Initializer, axes: iw.Axes | None = None, **options: Any) -> iw.Plan:
    return iw.plan(model, iw.rule("weight", law, axes=axes), seed=5, **options)


def _applied_in_parts(model: nn.Module, plan: iw.Plan, whole: Tensor, cut: Any) -> Tensor:
    written = []
    for shard, size in cut:
        part = _like(model, size)
        iw.apply(part, plan, shards={"weight": shard})
        written.append((shard, part.weight.detach()))
    return together(whole, written)


def _like(model: nn.Module, size: tuple[int, ...]) -> Any:
    """The same kind of module with a parameter of another size, which holds NaN."""
    part: Any = _Holder(size, model.weight.dtype)  # type: ignore[arg-type]
    with torch.no_grad():
        part.weight.fill_(math.nan)
    return part


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=6)
@given(data=st.data())
def test_apply_with_shards_writes_what_one_process_writes(name: str, data: Any) -> None:
    law, shape, dtype = LAWS[name]
    axes = iw.Axes((1,), (0,), kernel=tuple(range(2, len(shape)))) if len(shape) > 1 else None
    model = _Holder(shape, dtype)
    plan = _plan(model, law, axes)
    iw.apply(model, plan)
    whole = model.weight.detach()
    assert torch.equal(_applied_in_parts(model, plan, whole, data.draw(cuts(shape))), whole)


@pytest.mark.parametrize("law", [QKV, iw.Orthogonal(), iw.KaimingNormal(), iw.Normal(std=0.1)], ids=repr)
@settings(max_examples=6)
@given(data=st.data())
def test_packed_blocks_keep_their_laws_wherever_a_cut_falls(law: Initializer, data: Any) -> None:
    model: Any = nn.MultiheadAttention(8, 2, bias=False)
    rules = [iw.rule("in_proj_weight", law), iw.rule("out_proj.weight", iw.Normal(std=0.02))]
    plan = iw.plan(model, rules, seed=5)
    iw.apply(model, plan)
    whole = model.in_proj_weight.detach().clone()
    written = []
    for shard, size in data.draw(cuts((24, 8))):
        model.in_proj_weight = nn.Parameter(torch.full(size, math.nan))
        iw.apply(model, plan, shards={"in_proj_weight": shard})
        written.append((shard, model.in_proj_weight.detach()))
    assert torch.equal(together(whole, written), whole)


def _packed(law: Initializer) -> tuple[Tensor, ...]:
    """The blocks of a packed query, key and value."""
    model: Any = nn.MultiheadAttention(8, 2, bias=False)
    rules = [iw.rule("in_proj_weight", law), iw.rule("out_proj.weight", iw.Normal(std=0.02))]
    iw.apply(model, iw.plan(model, rules, seed=5))
    weight: Tensor = model.in_proj_weight.detach()
    return tuple(weight.split(8))


def test_each_block_of_a_packed_weight_has_its_own_law_and_the_random_words_of_the_whole() -> None:
    mixed = _packed(iw.PerBlock(q=iw.Normal(std=0.02), k=iw.Normal(std=0.5), v=iw.Zeros()))
    assert torch.equal(mixed[0], _packed(iw.Normal(std=0.02))[0])
    assert torch.equal(mixed[1], _packed(iw.Normal(std=0.5))[1])
    assert not mixed[2].any()


def test_structured_blocks_are_drawn_apart() -> None:
    query, key, value = _packed(iw.Orthogonal())
    assert not any(torch.equal(one, other) for one, other in ((query, key), (query, value), (key, value)))


@pytest.mark.parametrize("row", [8, -1])
def test_a_padding_row_may_be_counted_from_the_last(row: int) -> None:
    rows = torch.ones(9, 4)
    write_zero_padding(held(rows), row)
    assert rows.sum(1).tolist() == [4.0] * 8 + [0.0]


@settings(max_examples=10)
@given(cuts((9, 4)), st.integers(-9, 8))
def test_the_padding_row_is_zero_in_whichever_part_holds_it(cut: Any, padding: int) -> None:
    model = nn.Embedding(9, 4, padding_idx=padding)
    plan = _plan(model, iw.Normal(std=1.0))
    iw.apply(model, plan)
    whole = model.weight.detach().clone()
    written = []
    for shard, size in cut:
        model.weight = nn.Parameter(torch.full(size, math.nan))
        iw.apply(model, plan, shards={"weight": shard})
        written.append((shard, model.weight.detach()))
    assert torch.equal(together(whole, written), whole)
    assert bool((whole[padding % 9] == 0).all())


@settings(max_examples=10)
@given(cuts((9, 4)))
def test_old_rows_stay_in_every_part_and_new_ones_are_those_of_the_whole(cut: Any) -> None:
    model = nn.Embedding(9, 4)
    plan = _plan(model, iw.Normal(std=1.0), old_rows={"weight": 5})
    before = model.weight.detach().clone()
    iw.apply(model, plan)
    whole = model.weight.detach().clone()
    assert torch.equal(whole[:5], before[:5])
    written = []
    for shard, size in cut:
        local = torch.full(size, math.nan)
        for piece in held(local, shard).pieces:
            piece.view.copy_(piece.of(before))
        model.weight = nn.Parameter(local)
        iw.apply(model, plan, shards={"weight": shard})
        written.append((shard, model.weight.detach()))
    assert torch.equal(together(whole, written), whole)


def test_rows_made_from_old_ones_need_all_of_these() -> None:
    model = nn.Embedding(9, 4)
    plan = _plan(model, iw.MeanOfRows(), old_rows={"weight": 5})
    model.weight = nn.Parameter(torch.zeros(5, 4))
    with pytest.raises(
        iw.ApplyError, match=r"'weight': MeanOfRows.* needs all old rows, and a part of the parameter is"
    ):
        iw.apply(model, plan, shards={"weight": iw.Slice((9, 4), (4, 0))})
    assert not model.weight.detach().any()


def test_rows_made_from_old_ones_are_those_of_the_whole_where_a_shard_is_all_of_it() -> None:
    model = nn.Embedding(9, 4)
    plan = _plan(model, iw.MeanOfRows(), old_rows={"weight": 5})
    before = model.weight.detach().clone()
    iw.apply(model, plan)
    whole = model.weight.detach().clone()
    model.weight = nn.Parameter(before.flatten())
    iw.apply(model, plan, shards={"weight": iw.FlatRange((9, 4), 0)})
    assert torch.equal(model.weight.detach().view(9, 4), whole)


def test_strides_of_a_part_do_not_change_its_values() -> None:
    model = nn.Linear(10, 12, bias=False)
    plan = _plan(model, iw.Normal(std=0.02))
    iw.apply(model, plan)
    whole = model.weight.detach().clone()
    model.weight = nn.Parameter(torch.empty(10, 6).t())
    iw.apply(model, plan, shards={"weight": iw.Slice((12, 10), (6, 0))})
    assert torch.equal(model.weight.detach(), whole[6:])


def test_the_target_of_a_part_is_that_of_the_whole() -> None:
    """Fans and laws of a shard are the whole's: a half has not half of the fan_out."""
    model = nn.Linear(10, 12, bias=False)
    plan = _plan(model, iw.KaimingNormal(mode="fan_out"))
    part = nn.Linear(10, 6, bias=False)
    iw.apply(part, plan, shards={"weight": iw.Slice((12, 10), (6, 0))})
    assert plan["weight"].parts[0].target == Target(
        (12, 10), fans=plan["weight"].parts[0].target.fans, axes=plan["weight"].axes
    )
    assert isinstance(plan["weight"], Row)
    iw.apply(model, plan)
    assert torch.equal(part.weight, model.weight[6:])
