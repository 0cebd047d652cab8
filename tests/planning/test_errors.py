"""Everything that is wrong between rules and model is told at once, with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import PlanError


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.norm = nn.LayerNorm(8)


def _problems(model: Any, rules: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError, match=r"^plan: \d+ problem") as caught:
        iw.plan(model, rules, **options)
    return caught.value.problems


REST = iw.rule("*", iw.Zeros())


def test_unmatched_parameters_are_all_named_with_what_to_write() -> None:
    problems = _problems(_Net(), iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()))
    assert problems == (
        "'token' (shape (1, 1, 8), of _Net): no rule matches; add a rule such as "
        'iw.rule("token", iw.Normal(std=0.02)), or '
        'iw.rule("token", iw.Keep()) to leave it',
        "'layers.0.weight', 'layers.1.weight' (shape (8, 8), of Linear): no rule matches; add a rule such as "
        'iw.rule("layers.*.weight", iw.Normal(std=0.02)), or iw.rule("layers.*.weight", iw.Keep()) to leave it',
        "'layers.0.bias', 'layers.1.bias' (shape (8,), of Linear): no rule matches; add a rule such as "
        'iw.rule("layers.*.bias", iw.Zeros()), or iw.rule("layers.*.bias", iw.Keep()) to leave it',
    )


def test_what_a_recipe_does_not_know_is_an_error_that_says_how_to_add_to_it() -> None:
    (problem,) = _problems(_Net(), "gpt2")
    assert problem.startswith("'token' (shape (1, 1, 8), of _Net): no rule matches; add a rule to the recipe, such as ")
    assert '["gpt2", iw.rule("token", ' in problem


# rules, what the one problem says
UNUSED: list[tuple[iw.Rule, str]] = [
    (
        iw.rule("layer.0.weight", iw.Ones()),
        "rule('layer.0.weight', Ones()) matches no parameter; did you mean 'layers.0.weight'",
    ),
    (iw.rule("*.nrom.*", iw.Ones()), "matches no parameter; did you mean 'norm.weight' or 'norm.bias'?"),
    (iw.rule("norm", iw.Ones()), '\'norm\' is a module: write iw.rule("norm", weight=..., bias=...) or "norm.*"'),
    (
        iw.rule("norm.weight", weight=iw.Ones()),
        "'norm.weight' is a parameter: give one initializer, iw.rule(\"norm.weight\", ...)",
    ),
    (
        iw.rule("norm.*", weight=iw.Ones()),
        "'norm.*' matches parameters: give one initializer, or a glob over module names",
    ),
    (iw.rule("layer.?", weight=iw.Ones()), "matches no module; did you mean 'layers.0'"),
    (iw.rule(nn.Conv2d, weight=iw.Ones()), "rule(nn.Conv2d, weight=Ones()) matches no module; "),
    (iw.rule(nn.BatchNorm1d, iw.Ones()), "matches no parameter; did you mean 'nn.LayerNorm'?"),
    (
        iw.rule(nn.Linear, wieght=iw.Ones()),
        "no selected module (Linear) has a parameter 'wieght'; did you mean 'weight'?",
    ),
    (
        iw.rule(nn.Linear, gamma=iw.Ones()),
        "no selected module (Linear) has a parameter 'gamma'; their parameters are weight, bias",
    ),
    (
        iw.rule(iw.Type(nn.Linear) & "norm*", weight=iw.Ones()),
        "rule(Type(nn.Linear) & Glob('norm*'), weight=Ones()) matches no module",
    ),
    (iw.rule(~iw.Glob("*"), iw.Ones()), "rule(~Glob('*'), Ones()) matches no parameter"),
    (iw.rule(lambda p: False, iw.Ones()), "matches no parameter"),
]


@pytest.mark.parametrize(("rule", "message"), UNUSED, ids=[repr(rule) for rule, _ in UNUSED])
def test_a_rule_that_matches_nothing_is_an_error_with_the_nearest_names(rule: iw.Rule, message: str) -> None:
    (problem,) = _problems(_Net(), [rule, REST])
    assert message in problem


def test_the_nearest_name_is_one_that_the_model_has() -> None:
    model = nn.ModuleDict({f"fc{i}": nn.Linear(2, 2) for i in (1, 2, 3)})
    for written, meant in (("fc1.wieght", "fc1.weight"), ("fc2.wieght", "fc2.weight"), ("fc3.bais", "fc3.bias")):
        (problem,) = _problems(model, [iw.rule(written, iw.Ones()), REST])
        assert f"did you mean {meant!r}" in problem
        assert "-" not in problem


def test_equally_specific_rules_are_an_error_that_names_both() -> None:
    (problem,) = _problems(
        _Net(), [iw.rule("*.weight", iw.Ones()), iw.rule("layers.*", iw.Zeros()), iw.rule(lambda p: True, iw.Ones())]
    )
    assert problem == (
        "rule('*.weight', Ones()) and rule('layers.*', Zeros()) are equally specific for 'layers.0.weight', "
        "'layers.1.weight'; make one more specific (exact name, then glob, then type, then predicate) or remove it"
    )


def test_equally_specific_rules_are_an_error_even_if_they_agree() -> None:
    (problem,) = _problems(_Net(), [REST, iw.rule("norm.*", iw.Zeros())])
    assert "are equally specific for 'norm.weight', 'norm.bias'" in problem


def test_a_rule_given_twice_is_an_error() -> None:
    assert _problems(_Net(), [REST, iw.rule("*", iw.Zeros())]) == ("rule('*', Zeros()) is given twice; keep one",)


def test_two_recipes_are_an_error() -> None:
    (problem,) = _problems(nn.Linear(2, 2), ["kaiming", "xavier"])
    assert problem == "the recipes 'kaiming' and 'xavier' both decide about 'weight', 'bias'; use one recipe"


def test_ties_that_are_told_different_things_are_an_error() -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    apart = [iw.rule(nn.Embedding, weight=iw.Ones()), iw.rule(nn.Linear, weight=iw.Zeros())]
    assert "are equally specific for '0.weight'" in _problems(model, apart)[0]


class _Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.shift = self.scale


def test_one_rule_that_tells_a_tie_two_things_is_an_error() -> None:
    (problem,) = _problems(_Twice(), iw.rule(_Twice, scale=iw.Ones(), shift=iw.Zeros()))
    assert "says different things about 'scale', tied between modules" in problem


# rule for a parameter "p" of this tensor, what the problem says
UNDRAWABLE: dict[str, tuple[torch.Tensor, Any, str]] = {
    "an integer": (torch.zeros(2, dtype=torch.int32), iw.Ones(), r"'p' (shape (2,)): Ones: the dtype is torch.int32"),
    "a bool": (torch.zeros(2, dtype=torch.bool), iw.Normal(), "'p' (shape (2,)): Normal: the dtype is torch.bool"),
    "an empty one": (torch.zeros(0, 2), iw.Zeros(), "'p' (shape (0, 2)): Zeros: the shape (0, 2) has no elements"),
    "no fans": (torch.zeros(4, 4), iw.XavierUniform(), "Declare its axes in the rule, for example axes=iw.Axes("),
    "no matrix": (torch.zeros(4), iw.Orthogonal(), "a matrix with at least two dimensions is needed"),
    "no kernel": (torch.zeros(4, 4), iw.Dirac(), "allowed are convolution kernels"),
    "no blocks": (
        torch.zeros(4),
        iw.PerBlock(f=iw.Ones()),
        "PerBlock(f=Ones()) names blocks, and this parameter packs none",
    ),
    "too large a value": (
        torch.zeros(2, dtype=torch.float16),
        iw.Constant(1e6),
        "the largest torch.float16 number is 65504",
    ),
}


@pytest.mark.parametrize("case", UNDRAWABLE)
def test_what_cannot_be_drawn_is_named_with_its_shape(case: str) -> None:
    tensor, initializer, message = UNDRAWABLE[case]
    model = nn.Module()
    model.p = nn.Parameter(tensor, requires_grad=False)
    (problem,) = _problems(model, iw.rule("p", initializer), include_frozen=True)
    assert problem.startswith("'p' (shape ")
    assert message in problem


def test_axes_that_do_not_fit_are_an_error() -> None:
    rule = iw.rule("weight", iw.LecunNormal(), axes=iw.Axes(fan_in=(2,), fan_out=(0,)))
    problems = _problems(nn.Linear(3, 4), [rule, iw.rule("bias", iw.Zeros())])
    assert "a weight of shape (4, 3) has no axis 2" in problems[0]


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        (iw.PerBlock(g=iw.Ones(), x=iw.Ones(), rest=iw.Zeros()), "names 'x'; the blocks here are 'i', 'f', 'g', 'o'"),
        (iw.PerBlock(f=iw.Ones()), "says nothing about 'i', 'g', 'o'; add them, or rest=... for all others"),
    ],
)
def test_blocks_that_are_not_there_or_not_covered_are_named(initializer: Any, message: str) -> None:
    rule = iw.rule(nn.LSTMCell, weight=iw.XavierUniform(), bias=initializer)
    problems = _problems(nn.LSTMCell(2, 3), rule)
    assert len(problems) == 2
    assert all(message in problem for problem in problems)


def test_a_parametrization_that_cannot_be_written_through_is_named() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    model.parametrizations.weight.original1.requires_grad_(False)
    (problem,) = _problems(model, "xavier", include_frozen=True)
    assert problem == (
        "'weight' (shape (4, 3)): its original1 is frozen and its original0 is not; freeze both or none; remove the "
        'parametrization, or leave the parameter: iw.rule("weight", iw.Keep())'
    )


# options of plan(nn.Linear(2, 2), "kaiming"), what the problem says
OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"seed": -1}, "seed is -1; give an integer in [0, 2**64)"),
    ({"seed": 2**64}, "seed is 18446744073709551616; give an integer in [0, 2**64)"),
    ({"seed": 1.5}, "seed is 1.5 of type float; give an integer in [0, 2**64)"),
    ({"seed": "7"}, "seed is '7' of type str; give an integer"),
    ({"seed": True}, "seed is True of type bool; give an integer"),
    ({"seed": None}, "seed is None of type NoneType; give an integer"),
    ({"include_frozen": 1}, "include_frozen is 1; give True or False"),
    ({"only": "wieght"}, "only=Name('wieght') matches no parameter; did you mean 'weight'?"),
    ({"only": ("weight", "nothing.*")}, "only=Glob('nothing.*') matches no parameter"),
    ({"only": 3}, "only: a selector cannot be made of 3 of type int"),
    ({"names": {"wieght": "w"}}, "names: the model has no parameter 'wieght'; did you mean 'weight'?"),
    ({"names": {"weight": "bias"}}, "names: 'weight' and 'bias' would both be called 'bias'; give each its own name"),
    ({"names": {"weight": ""}}, "names: 'weight' is mapped to ''; give a name"),
    ({"names": {"weight": 3}}, "names: 'weight' is mapped to 3; give a name"),
    ({"names": ["weight"]}, "names is ['weight']; give a mapping from names here to canonical names"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[repr(options) for options, _ in OPTIONS])
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    (problem,) = _problems(nn.Linear(2, 2), "kaiming", **options)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear, "give an instance such as Linear(...)"),
        ({"weight": torch.zeros(2)}, "of type dict; give an nn.Module"),
        (None, "model is None of type NoneType; give an nn.Module"),
    ],
)
def test_what_is_no_model_is_named(model: Any, message: str) -> None:
    assert message in _problems(model, "kaiming")[-1]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            "gpt3",
            "recipe 'gpt3' is not known; did you mean 'gpt2' or 'gpt-oss'?; known are auto, bert, ",
        ),
        ([REST, iw.Zeros()], "rules holds Zeros() of type Zeros; give iw.rule(...) or a recipe's name"),
        ([REST, None], "rules holds None of type NoneType; give iw.rule(...)"),
        ([REST, {"*": "zeros"}], "rules holds {'*': 'zeros'} of type dict"),
    ],
    ids=repr,
)
def test_what_is_no_rule_is_named(rules: Any, message: str) -> None:
    assert message in "\n".join(_problems(nn.Linear(2, 2), rules))


def test_a_predicate_that_raises_is_named_once() -> None:
    def broken(parameter: Any) -> bool:
        raise RuntimeError("no such thing")

    for rule in (iw.rule(broken, iw.Ones()), iw.rule(broken, weight=iw.Ones())):
        (problem,) = _problems(nn.Linear(2, 2), [rule, REST])
        assert problem.endswith("its predicate raised RuntimeError for 'weight': no such thing")
    assert _problems(nn.Linear(2, 2), REST, only=broken) == ("only: the predicate raised RuntimeError: no such thing",)


def test_a_predicate_is_not_asked_about_modules_without_the_attribute() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 3), nn.Linear(3, 3))
    rules = [iw.rule(lambda module: module.in_features == 2, weight=iw.Ones()), iw.rule("*", iw.Zeros())]
    plan = iw.plan(model, rules, only="1.*")
    assert plan["1.weight"].initializer == iw.Zeros()
    assert _problems(nn.ReLU(), rules[0])[0].endswith("matches no module")


def test_a_model_that_cannot_be_read_is_an_error_of_the_plan() -> None:
    (problem,) = _problems(nn.LazyLinear(3), iw.rule("*", iw.Zeros(), optional=True))[:1]
    assert "'weight' is not initialized: LazyLinear takes its shape from the first input" in problem


def test_all_problems_are_told_together() -> None:
    problems = _problems(_Net(), [iw.rule("nothing", iw.Zeros())], seed=-1, only="nowhere", names={"no": "name"})
    assert len(problems) == 4
    assert [problem.split()[0] for problem in problems[:2]] == ["seed", "only=Name('nowhere')"]
    with pytest.raises(PlanError, match=r"^plan: 4 problems\n  - seed is -1; .*\n  - only="):
        iw.plan(_Net(), [iw.rule("nothing", iw.Zeros())], seed=-1, only="nowhere", names={"no": "name"})
