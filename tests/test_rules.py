"""A rule says what its parameters get; wrong ones fail where they are written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from torch import nn

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import read
from initwise.rules import Rule, rule
from initwise.selectors import Glob, Name, Type


def test_one_initializer_selects_parameters_and_keywords_select_modules() -> None:
    one = rule("*.bias", iw.Zeros(), optional=True, why="biases start at zero")
    assert (one.selector, one.initializer, one.keywords) == (Glob("*.bias"), iw.Zeros(), ())
    assert (one.optional, one.why, one.axes, one.origin) == (True, "biases start at zero", None, "")
    many = rule(nn.Linear, weight=iw.Ones(), bias=iw.Zeros())
    assert (many.selector, many.initializer) == (Type(nn.Linear), None)
    assert many.keywords == (("weight", iw.Ones()), ("bias", iw.Zeros()))


@pytest.mark.parametrize(
    ("attribute", "keyword"),
    [
        ("weight_hh_l0", "weight_hh"),
        ("weight_hh_l1_reverse", "weight_hh"),
        ("weight_ih_l0", "weight"),
        ("weight", "weight"),
        ("bias_ih_l0", "bias"),
        ("in_proj_bias", None),
        ("weights", None),
    ],
)
def test_the_longest_keyword_that_starts_the_attribute_decides(attribute: str, keyword: str | None) -> None:
    rules = rule(nn.LSTM, weight=iw.Ones(), weight_hh=iw.Orthogonal(), bias=iw.Zeros())
    assert rules.keyword_for(attribute) == keyword


def test_a_keyword_rule_matches_through_the_owner() -> None:
    reading = read(nn.Sequential(nn.Linear(2, 2), nn.Conv1d(2, 2, 1)))
    many = rule(nn.Linear, weight=iw.Ones())
    found = many.match(reading["0.weight"])
    assert found is not None
    assert (found.initializer, found.keyword, found.specificity) == (iw.Ones(), "weight", (2, 0))
    assert many.match(reading["0.bias"]) is None
    assert many.match(reading["1.weight"]) is None


def test_a_plain_function_is_taken_as_custom() -> None:
    def ramp(shape: Any, fans: Any, draw: Any) -> Any:
        return draw.normal(shape)

    assert rule("x", ramp).initializer == iw.Custom(ramp)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (rule("*.norm*.weight", iw.Ones()), "rule('*.norm*.weight', Ones())"),
        (rule(nn.Linear, weight=iw.Normal(std=0.02)), "rule(nn.Linear, weight=Normal(std=0.02))"),
        (
            rule("router", iw.Ones(), axes=iw.Axes(fan_in=(1,), fan_out=(0,)), optional=True, why="told"),
            "rule('router', Ones(), axes=Axes(fan_in=(1,), fan_out=(0,)), optional=True, why='told')",
        ),
        (rule(Glob("a*") & nn.Linear, weight=iw.Ones()), "rule(Glob('a*') & Type(nn.Linear), weight=Ones())"),
        (rule(Name("a*"), iw.Ones()), "rule(Name('a*'), Ones())"),
        (rule(("a", "b*"), iw.Ones()), "rule(Name('a') | Glob('b*'), Ones())"),
    ],
    ids=repr,
)
def test_the_repr_pastes_back(made: Rule, text: str) -> None:
    assert repr(made) == text
    names = {"rule": rule, "nn": nn, "Name": Name, "Glob": Glob, "Type": Type}
    names |= {name: getattr(iw, name) for name in ("Ones", "Normal", "Axes")}
    assert eval(text, names) == made  # noqa: S307 - our own text


@pytest.mark.parametrize(
    ("arguments", "keywords", "kind", "message"),
    [
        (("x",), {}, ArgumentError, r"rule: found neither an initializer and keywords; give one initializer"),
        (("x", iw.Ones()), {"weight": iw.Ones()}, ArgumentError, r"rule: found both an initializer and keywords"),
        ((3, iw.Ones()), {}, ArgumentTypeError, r"a selector cannot be made of 3"),
        (("x", 0.5), {}, ArgumentTypeError, r"write Constant\(0.5\)"),
        (("x", iw.Ones), {}, ArgumentTypeError, r"Ones is a class"),
        (("x",), {"weight": "zeros"}, ArgumentTypeError, r"'zeros' is not an initializer"),
        (("x", nn.init.zeros_), {}, ArgumentTypeError, r"writes into a tensor at once"),
        (("x", iw.Ones()), {"axes": (1, 0)}, ArgumentTypeError, r"rule: axes is \(1, 0\); give iw.Axes"),
        (("x", iw.Ones()), {"optional": 1}, ArgumentTypeError, r"rule: optional is 1; give True or False"),
        (("x", iw.Ones()), {"why": 3}, ArgumentTypeError, r"rule: why is 3; give a string"),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value))[:40],
)
def test_wrong_rules_fail_where_they_are_written(
    arguments: tuple[Any, ...], keywords: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        rule(*arguments, **keywords)
