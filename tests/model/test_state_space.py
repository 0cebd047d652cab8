"""State-space mixers and gated delta nets: every parameter of theirs has a role, whatever the family."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from initwise.model import read
from initwise.model._state_space import readers

transformers = pytest.importorskip("transformers")
MODELS = Path(transformers.__file__).parent / "models"


def _family(name: str, **arguments: Any) -> Any:
    with torch.device("meta"):
        return getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**arguments))


MAMBA = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "vocab_size": 50}


@pytest.mark.parametrize(
    ("name", "arguments", "rates"),
    [
        ("Mamba", MAMBA, {"A_log"}),
        ("FalconMamba", MAMBA, {"A_log"}),
        ("Mamba2", MAMBA | {"num_heads": 8, "head_dim": 8, "n_groups": 1}, {"A_log", "dt_bias"}),
    ],
)
def test_every_parameter_of_a_mamba_has_a_role(name: str, arguments: dict[str, Any], rates: set[str]) -> None:
    reading = read(_family(name, **arguments))
    assert [parameter.name for parameter in reading.parameters if parameter.role is None] == []
    assert {parameter.attribute for parameter in reading.parameters if parameter.role == "rate"} == rates
    assert {parameter.attribute for parameter in reading.parameters if parameter.role == "scale"} == {"D"}


def _parameters_in_source() -> Iterator[tuple[str, set[str]]]:
    """Yield the qualified name and raw parameters of every class of transformers that makes an `A_log`."""
    for path in sorted(MODELS.glob("*/modeling_*.py")):
        text = path.read_text(encoding="utf-8")
        if "self.A_log" not in text:
            continue
        for kind in ast.walk(ast.parse(text)):
            if isinstance(kind, ast.ClassDef) and "A_log" in (made := set(_made(kind))):
                yield f"transformers.models.{path.parent.name}.{path.stem}.{kind.name}", made


def _made(kind: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(kind):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target, made = node.targets[0], node.value.func
            if isinstance(target, ast.Attribute) and isinstance(made, ast.Attribute) and made.attr == "Parameter":
                yield target.attr


def test_the_readers_are_those_of_every_class_with_decays_and_know_all_its_parameters() -> None:
    found = dict(_parameters_in_source())
    known = {name: reader(None) for name, reader in readers().items() if name.startswith("transformers.")}
    assert len(found) > 15
    assert {name: set(usages) for name, usages in known.items()} == found
