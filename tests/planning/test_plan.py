"""`plan` decides about every parameter once: the most specific rule wins, and the reason is told."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import initwise as iw


class _Head(nn.Linear):
    pass


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8, padding_idx=0)
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.norm = nn.LayerNorm(8)
        self.head = _Head(8, 3)


REST = iw.rule(lambda parameter: True, iw.Constant(9.0))


def test_every_parameter_has_one_row_in_the_models_order() -> None:
    model = _Net()
    plan = iw.plan(model, REST)
    assert [row.name for row in plan] == [name for name, _ in model.named_parameters()]
    assert len(plan) == 9
    assert "layers.0.weight" in plan
    assert "layers.2.weight" not in plan


@pytest.mark.parametrize(
    "better",
    [
        ("exact name over glob", iw.rule("head.weight", iw.Ones()), iw.rule("*.weight", iw.Zeros())),
        ("glob over type", iw.rule("head*", iw.Ones()), iw.rule(_Head, iw.Zeros())),
        ("regular expression over type", iw.rule(re.compile("^head"), iw.Ones()), iw.rule(_Head, weight=iw.Zeros())),
        ("nearer type", iw.rule(_Head, weight=iw.Ones()), iw.rule(nn.Linear, weight=iw.Zeros())),
        ("any type over the root of types", iw.rule(nn.Linear, iw.Ones()), iw.rule(nn.Module, iw.Zeros())),
        ("type over predicate", iw.rule(nn.Linear, weight=iw.Ones()), iw.rule(lambda p: p.ndim == 2, iw.Zeros())),
        ("predicate over negation", iw.rule(lambda p: p.ndim == 2, iw.Ones()), iw.rule(~iw.Glob("x"), iw.Zeros())),
        ("longer keyword", iw.rule(nn.Linear, weight=iw.Ones()), iw.rule(nn.Linear, bias=iw.Zeros())),
        (
            "most specific part of a conjunction",
            iw.rule(iw.Type(nn.Linear) & "head.*", iw.Ones()),
            iw.rule(_Head, iw.Zeros()),
        ),
        (
            "matching part of a disjunction",
            iw.rule("*.weight", iw.Ones()),
            iw.rule(iw.Name("embed.weight") | iw.Type(_Head), iw.Zeros()),
        ),
        (
            "the parameter's own name over its module's",
            iw.rule("head.weight", iw.Ones()),
            iw.rule("head", weight=iw.Zeros()),
        ),
        ("module name over type", iw.rule("head", weight=iw.Ones()), iw.rule("*d", weight=iw.Zeros())),
    ],
    ids=lambda case: case[0],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_more_specific_rule_wins_in_any_order(better: tuple[str, iw.Rule, iw.Rule], *, swapped: bool) -> None:
    _, first, second = better
    plan = iw.plan(_Net(), [second, first] if swapped else [first, second], only="head.weight")
    assert plan["head.weight"].initializer == iw.Ones()


def test_a_rule_of_yours_wins_over_a_recipes() -> None:
    plan = iw.plan(_Net(), ["xavier", iw.rule(lambda p: p.name == "head.weight", iw.Zeros())])
    assert plan["head.weight"].initializer == iw.Zeros()
    assert plan["layers.0.weight"].initializer == iw.XavierUniform()
    assert plan.recipe == "xavier"
    assert plan["layers.0.weight"].rule == "recipe xavier"


def test_a_recipe_can_be_extended_by_its_rules() -> None:
    model = _Net()
    extended = [*iw.recipes.rules("xavier", model), iw.rule("head.bias", iw.Constant(0.5))]
    assert iw.plan(model, extended)["head.bias"].initializer == iw.Constant(0.5)


def test_a_single_rule_and_a_recipes_name_need_no_list() -> None:
    assert len(iw.plan(nn.Linear(2, 2), iw.rule("*", iw.Zeros()))) == 2
    assert len(iw.plan(nn.Linear(2, 2), "kaiming")) == 2


def test_a_name_without_wildcards_is_one_parameter() -> None:
    plan = iw.plan(_Net(), [iw.rule("layers.1.bias", iw.Ones()), REST])
    assert [row.name for row in plan if row.initializer == iw.Ones()] == ["layers.1.bias"]


def test_keywords_match_suffixed_names_and_the_longest_wins() -> None:
    model = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    plan = iw.plan(model, iw.rule(nn.LSTM, weight=iw.XavierUniform(), weight_hh=iw.Orthogonal(), bias=iw.Zeros()))
    kinds = {row.name: type(row.initializer).__name__ for row in plan}
    assert {name for name, kind in kinds.items() if kind == "Orthogonal"} == {n for n in kinds if "weight_hh" in n}
    assert {name for name, kind in kinds.items() if kind == "Zeros"} == {n for n in kinds if "bias" in n}


def test_the_root_module_is_selected_by_the_empty_name() -> None:
    assert iw.plan(nn.Linear(2, 2), iw.rule("", weight=iw.Ones(), bias=iw.Zeros()))["weight"].initializer == iw.Ones()


def test_rows_tell_fans_law_and_reason() -> None:
    plan = iw.plan(_Net(), [iw.rule(nn.Linear, weight=iw.KaimingNormal()), REST], seed=3)
    row = plan["layers.0.weight"]
    assert (row.fan_in, row.fan_out, row.shape, row.dtype) == (8, 8, (8, 8), torch.float32)
    assert row.law is not None
    assert row.law.std == pytest.approx(0.5)
    assert row.reason == "Linear weight, fan_in 8: std = gain 1.4142 / sqrt(8)"
    assert row.rule == "rule(nn.Linear, weight=KaimingNormal())"
    assert plan["embed.weight"].reason.endswith("; row 0 stays zero")
    assert plan["norm.weight"].fan_in is None
    assert plan.seed == 3


@pytest.mark.parametrize("frozen", [False, True])
def test_a_packed_weight_that_is_kept_has_the_fans_of_a_block(*, frozen: bool) -> None:
    model = nn.LSTM(3, 4).requires_grad_(not frozen)
    row = iw.plan(model, iw.rule("*", iw.Keep() if not frozen else iw.Orthogonal(), optional=True))["weight_hh_l0"]
    assert row.kept
    assert (row.fan_in, row.fan_out) == (4, 4)
    assert [part.target.shape for part in row.parts] == [(16, 4)]
    assert iw.Plan.from_dict(iw.plan(model, iw.rule("*", iw.Keep())).to_dict())["weight_hh_l0"].fan_out == 4


def test_the_words_of_a_rule_are_the_reason() -> None:
    plan = iw.plan(_Net(), [iw.rule("head.weight", iw.Zeros(), why="the head starts silent"), REST])
    assert plan["head.weight"].reason == "the head starts silent"


def test_declared_axes_give_a_raw_parameter_its_fans() -> None:
    model = nn.ParameterDict({"router": nn.Parameter(torch.zeros(4, 16, 32))})
    axes = iw.Axes(fan_in=(1,), fan_out=(2,), batch=(0,))
    row = iw.plan(model, iw.rule("router", iw.KaimingNormal(mode="fan_out"), axes=axes))["router"]
    assert (row.fan_in, row.fan_out, row.axes) == (16, 32, axes)
    assert row.law is not None
    assert row.law.std == pytest.approx(0.25)


def test_declared_axes_override_those_of_the_layer() -> None:
    rule = iw.rule("weight", iw.LecunNormal(), axes=iw.Axes(fan_in=(0,), fan_out=(1,)))
    row = iw.plan(nn.Linear(3, 5), [rule, iw.rule("bias", iw.Zeros())])["weight"]
    assert (row.fan_in, row.fan_out) == (5, 3)


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight


@pytest.mark.parametrize("select", ["embed.weight", "head.weight", "head.*", nn.Linear, nn.Embedding])
def test_a_tied_parameter_is_one_row_that_any_of_its_names_selects(select: Any) -> None:
    plan = iw.plan(_Tied(), iw.rule(select, iw.Ones()))
    assert [row.name for row in plan] == ["embed.weight"]
    assert plan["head.weight"] is plan["embed.weight"]
    assert plan["embed.weight"].aliases == ("head.weight",)
    assert plan["embed.weight"].reason.endswith("tied with head.weight")


def test_specificity_comes_before_the_order_of_ties() -> None:
    rules = [iw.rule(nn.Embedding, weight=iw.Zeros()), iw.rule("head.*", iw.Ones())]
    assert iw.plan(_Tied(), rules)["embed.weight"].initializer == iw.Ones()


def test_ties_may_be_told_the_same_thing_twice() -> None:
    rules = [iw.rule(kind, weight=iw.Normal(std=0.02)) for kind in (nn.Embedding, nn.Linear)]
    assert iw.plan(_Tied(), rules)["embed.weight"].initializer == iw.Normal(std=0.02)


def test_a_recipe_takes_a_tied_parameter_for_what_its_first_owner_makes_of_it() -> None:
    assert iw.plan(_Tied(), "xavier")["embed.weight"].initializer == iw.Normal()


def test_frozen_parameters_are_kept_unless_asked_for() -> None:
    model = _Net()
    model.head.weight.requires_grad_(False)
    rules = [iw.rule("head.weight", iw.Ones()), REST]
    kept = iw.plan(model, rules)["head.weight"]
    assert (kept.initializer, kept.law) == (iw.Keep(), None)
    assert kept.reason == (
        "frozen (requires_grad is False); include_frozen=True would apply rule('head.weight', Ones())"
    )
    assert iw.plan(model, rules, include_frozen=True)["head.weight"].initializer == iw.Ones()


def test_frozen_parameters_need_no_rule() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    plan = iw.plan(model, iw.rule("1.*", iw.Zeros()))
    assert plan["0.weight"].reason == "frozen (requires_grad is False)"


@pytest.mark.parametrize("only", ["head.*", _Head, ["head.weight", "head.bias"], lambda p: "head" in p.name])
def test_only_plans_what_it_selects_and_keeps_the_rest(only: Any) -> None:
    plan = iw.plan(_Net(), [iw.rule(_Head, iw.Ones()), REST], only=only)
    planned = {row.name for row in plan if row.initializer != iw.Keep()}
    assert planned == {"head.weight", "head.bias"}
    assert plan["norm.weight"].reason.startswith("outside only=")


def test_what_only_leaves_out_needs_no_rule() -> None:
    assert iw.plan(_Net(), iw.rule("head.*", iw.Ones()), only="head.*")["embed.weight"].initializer == iw.Keep()


def test_names_map_a_parameter_to_the_name_it_draws_under() -> None:
    plan = iw.plan(_Net(), REST, names={"layers.0.weight": "layers.12.weight"})
    assert plan["layers.0.weight"].canonical == "layers.12.weight"
    assert plan["layers.1.weight"].canonical == "layers.1.weight"


def test_names_may_be_swapped() -> None:
    names = {"layers.0.weight": "layers.1.weight", "layers.1.weight": "layers.0.weight"}
    assert iw.plan(_Net(), REST, names=names)["layers.0.weight"].canonical == "layers.1.weight"


@pytest.mark.parametrize("seed", [0, 2**64 - 1, np.int64(5), np.uint64(2**63)])
def test_any_integer_of_64_bits_is_a_seed(seed: Any) -> None:
    assert iw.plan(nn.Linear(1, 1), "kaiming", seed=seed).seed == int(seed)


def test_a_bias_that_is_switched_off_does_not_make_its_rule_unused() -> None:
    rules = iw.rule(nn.Linear, weight=iw.Ones(), bias=iw.Zeros())
    assert [row.name for row in iw.plan(nn.Linear(2, 2, bias=False), rules)] == ["weight"]
    lstm = iw.rule(nn.LSTM, weight=iw.Ones(), bias=iw.Zeros())
    assert len(iw.plan(nn.LSTM(2, 2, bias=False), lstm)) == 2


def test_optional_rules_may_match_nothing() -> None:
    plan = iw.plan(nn.Linear(2, 2), [iw.rule("*", iw.Zeros()), iw.rule(nn.Conv2d, iw.Ones(), optional=True)])
    assert plan.notes == ()


def test_a_rule_that_others_override_everywhere_is_noted() -> None:
    plan = iw.plan(
        nn.Linear(2, 2), [iw.rule("weight", iw.Ones()), iw.rule("bias", iw.Ones()), iw.rule("*", iw.Zeros())]
    )
    assert plan.notes == ("overridden everywhere: rule('*', Zeros())",)


def test_planning_changes_no_weight_and_no_random_state() -> None:
    model = _Net()
    before, state = iw.digest(model), torch.get_rng_state()
    iw.plan(model, "torch-default")
    assert iw.digest(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_integer_and_empty_parameters_can_be_kept() -> None:
    model = nn.Linear(2, 2)
    model.count = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    model.none = nn.Parameter(torch.zeros(0))
    rules = [iw.rule(nn.Linear, weight=iw.Ones(), bias=iw.Zeros()), iw.rule(("count", "none"), iw.Keep())]
    plan = iw.plan(model, rules, include_frozen=True)
    assert plan["count"].initializer == plan["none"].initializer == iw.Keep()
    assert plan["none"].reason == "left as it is by a rule"


def test_parametrized_weights_can_be_kept() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    plan = iw.plan(model, [iw.rule("weight", iw.Keep()), iw.rule("bias", iw.Zeros())])
    assert [row.name for row in plan] == ["bias", "weight"]


def test_a_plan_of_a_126_layer_llama_covers_all_its_parameters() -> None:
    blocks = []
    with torch.device("meta"):
        for _ in range(126):
            names = ("q", "k", "v", "o", "gate", "up", "down")
            block = nn.ModuleDict({name: nn.Linear(4, 4, bias=False) for name in names})
            block.update({"norm1": nn.RMSNorm(4), "norm2": nn.RMSNorm(4)})
            blocks.append(block)
        model = nn.Sequential(nn.Embedding(8, 4), *blocks, nn.Linear(4, 8))
    assert len(iw.plan(model, "xavier")) == 126 * 9 + 3
