"""Initializers as data: strict, with every problem told."""

from __future__ import annotations

from typing import Any

import pytest

import initwise.initializers as iw
from initwise.errors import SchemaError


def test_every_argument_is_spelled_out() -> None:
    assert iw.to_data(iw.KaimingNormal(nonlinearity="gelu")) == {
        "kind": "KaimingNormal",
        "mode": "fan_in",
        "nonlinearity": "gelu",
        "a": 0.0,
        "convention": "exact",
    }
    assert iw.to_data(iw.PerBlock(f=iw.Ones())) == {"kind": "PerBlock", "blocks": {"f": {"kind": "Ones"}}, "rest": None}


def test_arguments_with_defaults_may_be_left_out() -> None:
    assert iw.from_data({"kind": "Normal", "std": 1}) == iw.Normal()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "kind is None"),
        ({"kind": "normal"}, "kind is 'normal'; did you mean 'Normal'"),
        ({"kind": ["Normal"]}, r"kind is \['Normal'\]"),
        ({"kind": "Normal", "sdt": 1.0}, "Normal has no argument 'sdt'; did you mean 'std'.; it takes mean, std"),
        ({"kind": "Zeros", "value": 1.0}, "Zeros has no argument 'value'; it takes none"),
        ({"kind": "Uniform", "low": 1.0}, "Uniform needs the argument 'high'"),
        ({"kind": "Uniform", "hi": 1.0}, "(?s)no argument 'hi'.*needs the argument 'low'.*needs the argument 'high'"),
        ({"kind": "Normal", "std": -1.0}, "Normal: std is -1.0, and must not be negative"),
        ({"kind": "Custom"}, "kind is 'Custom'"),
        ("Normal", "'Normal' is not a mapping"),
        ({"kind": "PerBlock", "blocks": {"q": {"kind": "Nrmal"}, "k": 3}}, "(?s)block 'q': kind is 'Nrmal'.*block 'k'"),
        ({"kind": "PerBlock", "gates": {}}, "PerBlock has no argument 'gates'; it takes blocks, rest"),
        ({"kind": "PerBlock", "blocks": [1]}, r"PerBlock: blocks is \[1\], not a mapping"),
        ({"kind": "PerBlock"}, "PerBlock: no block is given"),
    ],
)
def test_wrong_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        iw.from_data(data)


def test_functions_cannot_be_data() -> None:
    with pytest.raises(SchemaError, match="is a function and cannot be stored as data"):
        iw.to_data(iw.PerBlock(q=iw.Custom(lambda shape, fans, draw: draw.normal(shape))))
