"""`diff` of two plans: law by law, whoever wrote them, and what else they decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import initwise as iw
from initwise.initializers import Initializer


class Net(nn.Module):
    """An embedding with a padding row, three equal layers, and a head."""

    def __init__(self, width: int = 16, layers: int = 3, *, tied: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, width, padding_idx=0)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 40, bias=False)
        if tied:
            self.head.weight = self.embed.weight


def rules(weight: Initializer, **embedding: Initializer) -> list[iw.Rule]:
    """Rules for all of `Net`."""
    return [
        iw.rule(nn.Embedding, embedding.get("embed", iw.Normal(std=1.0))),
        iw.rule(nn.Linear, weight=weight, bias=iw.Zeros()),
        iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
    ]


def test_a_plan_does_not_differ_from_itself() -> None:
    plan = iw.plan(Net(), "gpt2")
    found = iw.diff(plan, plan)
    assert found.same
    assert found.ok
    assert {row.status for row in found.rows} == {"same"}
    assert [row.name for row in found.rows] == [row.name for row in plan]
    assert found.notes == ()


def test_one_law_from_other_rules_and_reasons_is_the_same() -> None:
    model = Net()
    a = iw.plan(model, rules(iw.XavierUniform()))
    bound = (6 / 32) ** 0.5  # of the layers, 16 -> 16
    b = iw.plan(model, [*rules(iw.XavierUniform()), iw.rule("layers.*.weight", iw.Uniform(-bound, bound))])
    found = iw.diff(a, b)
    assert a["layers.0.weight"].reason != b["layers.0.weight"].reason
    assert found.same


def test_the_laws_that_differ_come_first_and_names_that_differ_in_numbers_share_a_line() -> None:
    model = Net()
    found = iw.diff(iw.plan(model, rules(iw.Normal(std=0.02))), iw.plan(model, rules(iw.Normal(std=0.05))))
    assert not found.same
    assert [row.name for row in found.rows if not row.same] == [
        *(f"layers.{n}.weight" for n in range(3)),
        "head.weight",
    ]
    table = found.table()
    assert [line[0] for line in table.rows] == ["layers.0-2.weight", "head.weight"]
    assert table.rows[0][1] == "x3"
    shown = found.table(all=True)
    assert [line[0] for line in shown.rows][:3] == ["layers.0-2.weight", "head.weight", "embed.weight"]


def test_a_row_has_both_laws_both_stds_their_ratio_and_the_fans() -> None:
    model = Net()
    row = iw.diff(iw.plan(model, rules(iw.Normal(std=0.02))), iw.plan(model, rules(iw.Normal(std=0.05))))["head.weight"]
    assert (row.status, row.law_a, row.law_b) == ("law differs", "N(0, 0.02²)", "N(0, 0.05²)")
    assert (row.std_a, row.std_b) == (0.02, 0.05)
    assert row.ratio == pytest.approx(2.5)
    assert row.fans == "16 -> 40"
    assert row.shape == (40, 16)
    assert row.reason.startswith("a: ")


def test_the_whole_text_of_a_small_difference() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2))
    found = iw.diff(iw.plan(model, "xavier"), iw.plan(model, "xavier", seed=1))
    a, b = (iw.plan(model, "xavier", seed=seed).digest()[:16] for seed in (0, 1))
    assert str(found) == (
        f"a: plan of 4 parameters, seed 0, recipe xavier, digest {a}\n"
        f"b: plan of 4 parameters, seed 1, recipe xavier, digest {b}\n"
        "other numbers: seed 0 in a, seed 1 in b\n"
        "4 compared: 4 same."
    )


def _frozen(model: nn.Module) -> iw.Plan:
    for parameter in model.embed.parameters():  # type: ignore[union-attr]
        parameter.requires_grad_(False)
    return iw.plan(model, rules(iw.XavierUniform()))


def _halves(model: nn.Module) -> iw.Plan:
    return iw.plan(model.to(torch.bfloat16), rules(iw.XavierUniform()))


def _grown(model: nn.Module) -> iw.Plan:
    return iw.plan(model, rules(iw.XavierUniform()), old_rows={"embed.weight": 30})


CHANGES: dict[str, tuple[Callable[[], iw.Plan], str, str, str]] = {
    "kept": (lambda: _frozen(Net()), "embed.weight", "kept in b", "frozen"),
    "dtype": (lambda: _halves(Net()), "norm.weight", "dtype differs", "float32 in a, bfloat16 in b"),
    "shape": (lambda: iw.plan(Net(8), rules(iw.XavierUniform())), "norm.weight", "shape differs", "16 in a, 8 in b"),
    "old rows": (lambda: _grown(Net()), "embed.weight", "kept rows differ", "0 rows are kept in a, 30 in b"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_else_a_plan_decides_is_compared(change: str) -> None:
    other, name, status, reason = CHANGES[change]
    plan = iw.plan(Net(), rules(iw.XavierUniform()))
    row = iw.diff(plan, other())[name]
    assert row.status == status
    assert reason in row.reason
    assert not row.same
    turned = iw.diff(other(), plan)[name]
    assert turned.status == (status if status != "kept in b" else "kept in a")


def test_another_padding_row_differs() -> None:
    model = Net()
    a = iw.plan(model, rules(iw.XavierUniform()))
    model.embed.padding_idx = None
    row = iw.diff(a, iw.plan(model, rules(iw.XavierUniform())))["embed.weight"]
    assert (row.status, row.reason) == ("padding differs", "padding row 0 in a, none in b")


def test_a_tie_on_one_side_only_is_told_for_both_parameters() -> None:
    same = {"embed": iw.XavierUniform()}
    a = iw.plan(Net(tied=True), rules(iw.XavierUniform(), **same))
    b = iw.plan(Net(), rules(iw.XavierUniform(), **same))
    found = iw.diff(a, b)
    off = {row.name: row for row in found.rows if not row.same}
    assert set(off) == {"embed.weight", "head.weight"}
    assert "tied with head.weight in a, with nothing in b" in off["embed.weight"].reason
    assert {row.status for row in iw.diff(b, a).rows if not row.same} >= {"ties differ"}


def test_plans_of_different_models_name_what_only_one_has() -> None:
    a, b = (iw.plan(Net(layers=layers), rules(iw.XavierUniform())) for layers in (2, 3))
    only = [(row.name, row.status, row.std_a) for row in iw.diff(a, b).rows if not row.same]
    assert only == [("layers.2.weight", "only in b", None), ("layers.2.bias", "only in b", None)]
    assert [row.status for row in iw.diff(b, a).rows if not row.same] == ["only in a", "only in a"]


def test_a_renamed_parameter_meets_the_one_whose_numbers_it_has() -> None:
    whole, part = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.ModuleDict({"last": nn.Linear(4, 4)})
    a = iw.plan(whole, "xavier")
    b = iw.plan(part, "xavier", names={"last.weight": "1.weight", "last.bias": "1.bias"})
    statuses = {row.name: row.status for row in iw.diff(a, b).rows}
    assert statuses == {"0.weight": "only in a", "0.bias": "only in a", "1.weight": "same", "1.bias": "same"}


def test_numbers_drawn_under_another_name_are_noted_and_no_difference() -> None:
    model = nn.Linear(4, 4)
    found = iw.diff(iw.plan(model, "xavier"), iw.plan(model, "xavier", names={"weight": "other.weight"}))
    assert found.same
    assert found.notes == ("other numbers, drawn under other names: weight in a is other.weight in b",)


def test_blocks_that_one_law_fills_do_not_matter_and_others_do() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(12, 4))

    def planned(rule: iw.Rule, blocks: bool) -> iw.Plan:
        data = iw.plan(Packed(), [rule]).to_dict()
        if blocks:
            data["parameters"][0]["blocks"] = {"axis": 0, "names": ["q", "k", "v"], "sizes": [4, 4, 4]}
        return iw.Plan.from_dict(data)

    axes = iw.Axes(fan_in=(1,), fan_out=(0,), batch=())
    normal, orthogonal = iw.rule("weight", iw.Normal(std=0.1)), iw.rule("weight", iw.Orthogonal(), axes=axes)
    assert iw.diff(planned(normal, False), planned(normal, True)).same
    assert not iw.diff(planned(orthogonal, False), planned(orthogonal, True)).same


def test_functions_without_a_law_are_compared_as_functions() -> None:
    def ramp(shape: tuple[int, ...], fans: Any, draw: Any) -> Any:
        return np.zeros(shape, np.float32)

    def other(shape: tuple[int, ...], fans: Any, draw: Any) -> Any:
        return np.ones(shape, np.float32)

    model = nn.Linear(4, 4, bias=False)
    a, again, b = (iw.plan(model, iw.rule("weight", iw.Custom(function))) for function in (ramp, ramp, other))
    assert iw.diff(a, again).same
    assert iw.diff(a, b)["weight"].status == "law differs"


def test_multipliers_and_notes_that_differ_are_noted() -> None:
    model = Net(32)
    mup = iw.recipes.mup(Net(16))
    found = iw.diff(iw.plan(model, mup), iw.plan(model, "torch-default"))
    (said,) = [note for note in found.notes if note.startswith("multipliers differ: ")]
    assert "learning_rate of layers.0.weight x0.5 in a, none in b" in said
    assert said.endswith(" more")
    assert any(note.startswith("noted only in a: mup: the forward pass must multiply") for note in found.notes)


def test_a_difference_is_data() -> None:
    model = Net()
    found = iw.diff(iw.plan(model, rules(iw.Normal(std=0.02))), iw.plan(model, rules(iw.Normal(std=0.05))))
    data = json.loads(json.dumps(found.to_dict()))
    assert data["same"] is False
    by_name = {row["name"]: row for row in data["rows"]}
    assert by_name["head.weight"]["ratio"] == pytest.approx(2.5)
    assert by_name["head.weight"]["status"] == "law differs"
    assert by_name["embed.weight"]["same"] is True
    assert repr(found).startswith("<Difference of plan of 10 parameters, seed 0")


def test_a_row_that_is_not_there_is_a_key_error() -> None:
    plan = iw.plan(nn.Linear(2, 2), "xavier")
    with pytest.raises(KeyError, match=r"the difference has no row 'wieght'; did you mean 'weight'"):
        iw.diff(plan, plan)["wieght"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, r"a is 5 of type int; give a plan \(iw.plan\(model, rules\)\) or an nn.Module"),
        ("gpt2", r"a is 'gpt2' of type str; give a plan"),
        (nn.Linear, r"a is .* of type type; give an instance such as Linear\(...\)"),
        ({"weight": 1}, r"a is .* of type dict; give a plan \(iw.Plan.from_dict\(...\) makes one of data\)"),
    ],
)
def test_what_is_neither_plan_nor_model_is_refused(value: Any, said: str) -> None:
    with pytest.raises(iw.ArgumentError, match=f"^diff: {said}"):
        iw.diff(value, nn.Linear(2, 2))


def test_both_wrong_sides_are_told_together() -> None:
    with pytest.raises(TypeError, match=r"a is 1 of type int.*; b is None of type NoneType"):
        iw.diff(1, None)  # type: ignore[arg-type]
