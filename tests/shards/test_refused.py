"""What `apply` refuses about shards and names: by name, all together, and before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

import initwise as iw
from initwise.errors import ArgumentTypeError

LAW = iw.rule("*", iw.Normal(std=0.5))


def tied() -> Any:
    model = nn.ModuleDict({"table": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False)})
    model["head"].weight = model["table"].weight
    return model


BAD: dict[str, tuple[Any, str]] = {
    "no mapping": (
        [iw.Slice((6, 4))],
        r"shards is \[Slice\(.*\]; give a mapping from names to Slice\(...\) or FlatRange",
    ),
    "a string": ("table.weight", r"shards is 'table.weight'; give a mapping from names to Slice\(...\) or FlatRange"),
    "a module's name": (
        {"table": iw.Slice((6, 4))},
        "shards: the model has no parameter 'table'; did you mean 'table",
    ),
    "a number": ({0: iw.Slice((6, 4))}, "shards: the model has no parameter 0"),
    "a class": ({"table.weight": iw.Slice}, r"shards: 'table.weight' is <class '.*'>; give a Slice\(...\)"),
    "other axes": ({"table.weight": iw.Slice((6, 4, 1))}, r"'table.weight': .* and Slice\(.*\) has 3 axes; give the"),
    "not flat": (
        {"table.weight": iw.FlatRange((6, 4), 0)},
        "'table.weight': .* needs a contiguous 1-D one; give Slice",
    ),
    "unknown name": ({"tabel.weight": iw.Slice((6, 4))}, "no parameter 'tabel.weight'; did you mean 'table.weight'"),
    "no shard": ({"table.weight": (0, 3)}, r"shards: 'table.weight' is \(0, 3\); give a Slice\(...\) or FlatRange"),
    "two names": (
        {"table.weight": iw.Slice((6, 4)), "head.weight": iw.Slice((6, 4))},
        "'table.weight' and 'head.weight' are two names for one parameter; give one of them",
    ),
    "another whole": (
        {"table.weight": iw.Slice((12, 4))},
        r"'table.weight' was planned with shape \(6, 4\) and has \(12, 4\); plan again",
    ),
    "outside": ({"table.weight": iw.Slice((6, 4), (3, 0))}, r"leaves 3 along axis 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_shards_that_do_not_fit_are_named_and_nothing_is_written(case: str) -> None:
    model, (shards, said) = tied(), BAD[case]
    plan = iw.plan(model, LAW)
    before = model["table"].weight.detach().clone()
    with pytest.raises(iw.ApplyError, match=said):
        iw.apply(model, plan, shards=shards)
    assert torch.equal(before, model["table"].weight)


def test_an_alias_names_the_shard_of_a_tied_parameter() -> None:
    model = tied()
    plan = iw.plan(model, LAW)
    iw.apply(model, plan)
    whole = model["table"].weight.detach().clone()
    model["table"].weight = model["head"].weight = nn.Parameter(torch.empty(3, 4))
    iw.apply(model, plan, shards={"head.weight": iw.Slice((6, 4), (3, 0))})
    assert torch.equal(model["table"].weight, whole[3:])


def test_problems_of_several_parameters_are_told_together() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4))
    plan = iw.plan(model, LAW)
    shards: Any = {"0.weight": iw.Slice((6, 4), (5, 0)), "1.weight": iw.FlatRange((4, 6), 0)}
    with pytest.raises(iw.ApplyError, match="apply: 2 problems") as caught:
        iw.apply(model, plan, shards=shards)
    assert "'0.weight': the tensor has shape (6, 4)" in str(caught.value)
    assert "'1.weight': the tensor has shape (4, 6) and strides (6, 1), and FlatRange((4, 6), 0) needs" in str(
        caught.value
    )


def test_a_flat_range_that_is_too_long_is_one_problem() -> None:
    model, plan = nn.Linear(4, 6, bias=False), iw.plan(nn.Linear(4, 6, bias=False), LAW)
    model.weight = nn.Parameter(torch.zeros(20))
    said = r"^apply: 1 problem\n  - 'weight': the tensor has 20 elements, and FlatRange\(\(6, 4\), 10\) leaves 14; give"
    with pytest.raises(iw.ApplyError, match=said):
        iw.apply(model, plan, shards={"weight": iw.FlatRange((6, 4), 10)})
    assert not model.weight.detach().any()


def test_no_parameter_may_still_be_on_meta_afterwards() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    plan = iw.plan(model, [iw.rule("0.*", iw.Normal(std=0.5)), iw.rule("1.*", iw.Keep())])
    model[1].to("meta")
    before = model[0].weight.detach().clone()  # type: ignore[operator]
    with pytest.raises(iw.ApplyError, match=r"'1.weight' is on the meta device and the plan keeps it as it is"):
        iw.apply(model, plan)
    assert torch.equal(before, model[0].weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("agree", ["yes", None, 1])
def test_agreement_is_a_flag_or_a_process_group(agree: Any) -> None:
    model = nn.Linear(4, 4)
    with pytest.raises(ArgumentTypeError, match=r"apply: agree is .*; give True, False or a process group"):
        iw.apply(model, iw.plan(model, LAW), agree=agree)


@pytest.mark.skipif(not dist.is_available(), reason="this build of torch has no torch.distributed")
def test_a_rank_outside_of_the_process_group_compares_nothing() -> None:
    from torch.testing._internal.distributed.fake_pg import FakeStore

    model = nn.Linear(4, 4)
    plan = iw.plan(model, LAW)
    dist.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
    try:
        iw.apply(model, plan, agree=dist.GroupMember.NON_GROUP_MEMBER)
    finally:
        dist.destroy_process_group()
    assert iw.verify(model, plan, exact="required").ok
