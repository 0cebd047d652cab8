"""Selectors pick by name, type and predicate, compose, and say how specific they are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Parameter, Reading, read
from initwise.selectors import And, Glob, Name, Not, Or, Regex, Selector, Type, Where, as_selector


class _Head(nn.Linear):
    pass


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.norm1 = nn.LayerNorm(4)
        self.head = _Head(4, 7, bias=False)
        self.head.weight = self.embed.weight


READING: Reading = read(_Net())


def is_matrix(parameter: Parameter) -> bool:
    return parameter.ndim == 2


def _id(value: Any) -> str:
    """Return a name for a case that is the same in every process: without addresses."""
    return str(getattr(value, "__name__", value))


def _picked(selector: Any) -> list[str]:
    chosen = as_selector(selector)
    return [p.name for p in READING.parameters if chosen.parameter(p) is not None]


def _modules(selector: Any) -> list[str]:
    chosen = as_selector(selector)
    return [name for name, module in READING.modules.items() if chosen.module(name, module) is not None]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("norm1.weight", ["norm1.weight"]),
        ("norm1", []),
        ("*norm*.weight", ["norm1.weight"]),
        ("*.bias", ["layers.0.bias", "layers.1.bias", "norm1.bias"]),
        ("layers.?.weight", ["layers.0.weight", "layers.1.weight"]),
        ("layers.[1-9].*", ["layers.1.weight", "layers.1.bias"]),
        ("ayers.*", []),
        (re.compile(r"layers\.[01]\.weight"), ["layers.0.weight", "layers.1.weight"]),
        (re.compile(r"\.bias$"), ["layers.0.bias", "layers.1.bias", "norm1.bias"]),
        (re.compile("NORM1.WEIGHT", re.IGNORECASE), ["norm1.weight"]),
        (nn.LayerNorm, ["norm1.weight", "norm1.bias"]),
        (is_matrix, ["embed.weight", "layers.0.weight", "layers.1.weight"]),
        (("*.bias", "embed.weight"), ["embed.weight", "layers.0.bias", "layers.1.bias", "norm1.bias"]),
        (Glob("layers.*") & is_matrix, ["layers.0.weight", "layers.1.weight"]),
        (Type(nn.LayerNorm) | Name("layers.0.bias"), ["layers.0.bias", "norm1.weight", "norm1.bias"]),
        (~Where(is_matrix) & ~Glob("layers*"), ["norm1.weight", "norm1.bias"]),
        ("head.weight", ["embed.weight"]),  # by the name of a tie
        ("head.*", ["embed.weight"]),
        (_Head, ["embed.weight"]),  # by the owner of a tie
    ],
    ids=_id,
)
def test_selectors_pick_parameters(selector: Any, names: list[str]) -> None:
    assert _picked(selector) == names


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", [""]),
        ("head", ["head"]),
        ("layers.*", ["layers.0", "layers.1"]),
        (nn.Linear, ["layers.0", "layers.1", "head"]),
        (_Head, ["head"]),
        (Type(nn.Linear) & "layers.*", ["layers.0", "layers.1"]),
        (lambda module: getattr(module, "out_features", 0) == 7, ["head"]),
    ],
    ids=_id,
)
def test_selectors_pick_modules(selector: Any, names: list[str]) -> None:
    assert _modules(selector) == names


def test_the_more_exact_selector_is_the_more_specific() -> None:
    bias, weight = READING["layers.0.bias"], READING["head.weight"]
    ordered = [
        Name("layers.0.bias"),
        Glob("*.bias"),
        Type(nn.Linear),
        Type(nn.Module),
        Where(lambda p: True),
        ~Name("x"),
    ]
    found = [selector.parameter(bias) for selector in ordered]
    known = [specificity for specificity in found if specificity is not None]
    assert known == found
    assert known == sorted(set(known), reverse=True)
    assert Glob("*.bias").parameter(bias) == Regex("bias").parameter(bias)
    assert (Where(is_matrix) & Glob("head*")).parameter(weight) == Glob("*").parameter(weight)
    assert (Type(nn.Linear) | Name("nothing")).parameter(bias) == Type(nn.Linear).parameter(bias)
    assert (Type(nn.Linear) | Name("layers.0.bias")).parameter(bias) == Name("layers.0.bias").parameter(bias)


def test_the_nearer_class_is_the_more_specific() -> None:
    head = nn.Module.get_submodule(READING.model, "head")
    found = [Type(kind).module("head", head) for kind in (_Head, nn.Linear, nn.Module)]
    assert found == [(2, 0), (2, -1), (2, -2)]


@pytest.mark.parametrize(
    "selector",
    [
        Name("a.b"),
        Glob("a.*"),
        Regex(r"a\.b$"),
        Regex("a", re.IGNORECASE),
        Type(nn.Linear),
        Where(is_matrix),
        Glob("a*") & nn.Linear,
        nn.Linear & Glob("a*") & "b",
        (Glob("a*") | nn.Linear) & ~Name("a.b"),
        ~(Glob("a*") & Glob("*b")),
        "a" | Glob("b*"),
    ],
    ids=repr,
)
def test_the_repr_pastes_back(selector: Selector) -> None:
    names = {"nn": nn, "is_matrix": is_matrix, "Name": Name, "Glob": Glob, "Regex": Regex, "Type": Type, "Where": Where}
    assert eval(repr(selector), names) == selector  # noqa: S307 - our own text
    assert hash(eval(repr(selector), names)) == hash(selector)  # noqa: S307 - our own text


def test_operators_make_flat_frozen_values() -> None:
    assert Glob("a*") & "b" & nn.Linear == And((Glob("a*"), Name("b"), Type(nn.Linear)))
    assert Glob("a*") | "b" | nn.Linear == Or((Glob("a*"), Name("b"), Type(nn.Linear)))
    assert ~~Glob("a*") == Glob("a*")
    assert as_selector({"b", "a"}) == Or((Name("a"), Name("b")))
    assert as_selector(["a"]) == Name("a")
    assert ~Glob("a*") == Not(Glob("a*"))


_LEAVES = st.sampled_from(
    [Glob("layers*"), Glob("*bias"), Type(nn.Linear), Type(nn.LayerNorm), Where(is_matrix), Name("embed.weight")]
)


@given(_LEAVES, _LEAVES, _LEAVES)
def test_composition_is_set_algebra(a: Selector, b: Selector, c: Selector) -> None:
    assert set(_picked(a & b)) == set(_picked(a)) & set(_picked(b))
    assert set(_picked(a | b)) == set(_picked(a)) | set(_picked(b))
    assert set(_picked(~a)) == {p.name for p in READING.parameters} - set(_picked(a))
    assert _picked(~(a & b)) == _picked(~a | ~b)
    assert _picked(a & (b | c)) == _picked((a & b) | (a & c))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, r"cannot be made of 7 of type int; give a name or glob"),
        (None, r"cannot be made of None"),
        ((), r"cannot be made of \(\)"),
        (b"weight", r"cannot be made of b'weight' of type bytes"),
        (nn.Linear(1, 1), r"a module \(Linear\): select it by its name or its type"),
        (torch.Tensor, r"Tensor is a class of tensors; give a class of modules such as nn.Linear"),
        (nn.Parameter, r"Parameter is a class of tensors"),
        (int, r"int is no class of modules"),
        (("a", 3), r"cannot be made of 3"),
    ],
    ids=repr,
)
def test_what_selects_nothing_meaningful_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        as_selector(value)


def test_bad_arguments_of_selectors_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"Regex: '\(' is no regular expression: missing \)"):
        Regex("(")
    with pytest.raises(ArgumentTypeError, match=r"Glob: pattern is 3 of type int; give a string"):
        Glob(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"Where: predicate is 3; give a function"):
        Where(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"Type: kind is 'Linear'; give a class"):
        Type("Linear")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"cannot be made of 3"):
        _ = Glob("a*") & 3
