"""What transformers' modules do with the parameters that they own directly, read by type."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from initwise.axes import Axes, Blocks
from initwise.fans import fans
from initwise.model import Parameter, read
from initwise.model._layers import NAMED_READERS
from initwise.model._norms import ONES, ZEROS
from initwise.model._transformers import known_of
from initwise.model._transformers_rows import ROWS

transformers = pytest.importorskip("transformers")

_CLASS = re.compile(r"^ *class (\w+)(?:\(([\w., ]*)\))?", re.MULTILINE)
_RAW = re.compile(
    r"^        +self\.(?:(\w+) = \(?\s*(?:torch\.)?(?:nn\.)?Parameter\(|register_parameter\(\"(\w+)\", (?!None))",
    re.MULTILINE,
)
_LAYERS = re.compile(r"nn\.(Linear|Conv\dd|Embedding|LayerNorm|GroupNorm|BatchNorm\dd)")
_SOURCES = ("models/*/modeling_*.py", "models/*/quant_modules.py", "activations.py")
# Made by another method or as a buffer of quantized numbers, which the scan does not follow.
_MADE_ELSEWHERE = {"PatchTSTPositionalEncoding", "QuantEmbedding", "QuantLinear"}
# No forward pass uses the first; the others are frozen constants of a formula.
_LEFT = {
    ("UniSpeechSatForPreTraining", "label_embeddings_concat"),
    *((owner, constant) for owner in ("DFineDecoder", "Deimv2Decoder") for constant in ("up", "reg_scale")),
}


@cache
def _owners() -> frozenset[tuple[str, str]]:
    """Every class of transformers with the parameters that it makes itself, weights and biases of layers excepted."""
    root, found = Path(transformers.__file__).parent, set()
    for file in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        text = file.read_text()
        starts = list(_CLASS.finditer(text))
        for start, stop in zip(starts, [*starts[1:], None], strict=True):
            layer = start[1] in ONES | ZEROS or _LAYERS.search(start[2] or "")
            body = text[start.end() : stop.start() if stop else None]
            names = {match[1] or match[2] for match in _RAW.finditer(body)}
            found |= {(start[1], name) for name in names - ({"weight", "bias"} if layer else set())}
    return frozenset(found)


def test_nearly_every_parameter_that_a_class_of_transformers_makes_is_known() -> None:
    elsewhere = {name.rpartition(".")[2] for name in NAMED_READERS}
    assert len(_owners()) > 800
    assert {
        (owner, name) for owner, name in _owners() if name not in known_of(owner) and owner not in elsewhere
    } == _LEFT


def _id(row: Any) -> str:
    return f"{row[0].split()[0]} of {row[2].split()[0]}"


@pytest.mark.parametrize("row", ROWS, ids=_id)
def test_every_row_of_the_table_is_about_classes_that_are_there(row: Any) -> None:
    attributes, patterns = row[0].split(), set(row[2].split()) - _MADE_ELSEWHERE
    owners = [(owner, name) for owner, name in _owners() if name in attributes]
    used = {pattern for pattern in patterns for owner, _ in owners if fnmatchcase(owner, pattern)}
    assert used == patterns
    fitting = {name for owner, name in owners if any(fnmatchcase(owner, pattern) for pattern in patterns)}
    assert fitting == (set(attributes) if patterns else set())


def _meta(family: str, kind: str = "ForCausalLM", **settings: Any) -> dict[str, Parameter]:
    with torch.device("meta"):
        model = getattr(transformers, f"{family}{kind}")(getattr(transformers, f"{family}Config")(**settings))
    return {each.name: each for each in read(model).parameters}


_SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 50,
    "head_dim": 4,
}
_ROWS_OF_STACK = Axes(fan_in=(2,), fan_out=(1,), batch=(0,))
_COLUMNS_OF_STACK = Axes(fan_in=(1,), fan_out=(2,), batch=(0,))


def test_stacked_experts_are_matrices_of_their_own_with_gate_and_up_as_blocks() -> None:
    found = _meta("Mixtral", num_local_experts=3, **_SMALL)
    gate_up, down = (found[f"model.layers.0.mlp.experts.{name}"] for name in ("gate_up_proj", "down_proj"))
    assert (gate_up.role, gate_up.axes, gate_up.blocks) == (
        "weight",
        _ROWS_OF_STACK,
        Blocks(1, ("gate", "up"), (24, 24)),
    )
    assert (down.role, down.axes, down.blocks) == ("weight", _ROWS_OF_STACK, None)
    assert down.axes is not None
    assert (fans(down.shape, down.axes).fan_in, fans(down.shape, down.axes).fan_out) == (24, 16)
    router = found["model.layers.0.mlp.gate.weight"]
    assert (router.role, router.axes) == ("weight", Axes(fan_in=(1,), fan_out=(0,)))


def test_experts_stored_for_x_at_w_have_their_fans_the_other_way_round_and_may_alternate_gate_and_up() -> None:
    found = _meta("GptOss", num_local_experts=3, **_SMALL)
    gate_up, down = (found[f"model.layers.0.mlp.experts.{name}"] for name in ("gate_up_proj", "down_proj"))
    assert (gate_up.axes, gate_up.blocks) == (Axes((1,), (2,), batch=(0,), split=((2, 2),)), None)
    assert gate_up.axes is not None
    assert (fans(gate_up.shape, gate_up.axes).fan_in, fans(gate_up.shape, gate_up.axes).fan_out) == (16, 24)
    assert down.axes == _COLUMNS_OF_STACK
    roles = {name.rpartition(".")[2]: each.role for name, each in found.items() if "layers.0" in name}
    assert [roles[name] for name in ("gate_up_proj_bias", "down_proj_bias", "sinks")] == ["bias"] * 3


def test_llama4_stores_its_experts_the_other_way_round_though_nothing_but_its_forward_says_so() -> None:
    settings = _SMALL | {"intermediate_size_mlp": 24, "num_local_experts": 2}
    with torch.device("meta"):
        model = transformers.Llama4ForCausalLM(transformers.Llama4TextConfig(**settings))
    found = read(model)["model.layers.0.feed_forward.experts.gate_up_proj"]
    assert (found.axes, found.blocks) == (_COLUMNS_OF_STACK, Blocks(2, ("gate", "up"), (24, 24)))


def test_experts_below_each_other_in_one_matrix_are_counted_one_by_one() -> None:
    dbrx = pytest.importorskip("transformers.models.dbrx.modeling_dbrx")
    config = transformers.models.dbrx.configuration_dbrx.DbrxFFNConfig(
        hidden_size=16, ffn_hidden_size=24, moe_num_experts=3
    )
    with torch.device("meta"):
        reading = read(dbrx.DbrxExpertGLU(config))
    counted = {each.name: fans(each.shape, each.axes) for each in reading.parameters if each.axes is not None}
    both = {name: (each.fan_in, each.fan_out) for name, each in counted.items()}
    assert both == {"w1": (16, 24), "v1": (16, 24), "w2": (24, 16)}


@pytest.mark.parametrize(
    ("family", "kind", "settings", "parameter", "role", "neutral"),
    [
        ("ViT", "Model", {}, "embeddings.cls_token", "token", None),
        ("ViT", "Model", {}, "embeddings.position_embeddings", "position", None),
        ("Bert", "ForMaskedLM", {}, "cls.predictions.bias", "bias", None),
        ("Dinov2", "Model", {}, "encoder.layer.0.layer_scale1.lambda1", "scale", 1.0),
        ("Swinv2", "Model", {}, "encoder.layers.0.blocks.0.attention.self.logit_scale", "rate", 0.0),
        ("ConvNextV2", "Model", {}, "encoder.stages.0.layers.0.grn.weight", "scale", 0.0),
        ("XLNet", "Model", {"n_layer": 1}, "mask_emb", "token", None),
        ("XLNet", "Model", {"n_layer": 1}, "layer.0.rel_attn.o", "weight", None),
        ("Levit", "Model", {}, "encoder.stages.0.layers.0.module.attention_biases", "table", None),
        ("Wav2Vec2", "Model", {"num_hidden_layers": 1}, "masked_spec_embed", "token", None),
        ("MobileBert", "Model", {"num_hidden_layers": 1}, "embeddings.LayerNorm.weight", "scale", 1.0),
    ],
)
def test_a_raw_parameter_is_what_the_forward_pass_makes_of_it(
    family: str, kind: str, settings: dict[str, Any], parameter: str, role: str, neutral: float | None
) -> None:
    usage = _meta(family, kind, **settings)[parameter].usage
    assert usage is not None
    assert (usage.role, usage.neutral) == (role, neutral)


class Fakes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.ones(2, 5, 3))  # five cannot be a gate and an up projection
        self.down_proj = nn.Parameter(torch.ones(4, 3))


def test_experts_of_another_shape_or_another_library_are_not_guessed() -> None:
    named = type("NewExperts", (Fakes,), {"__module__": "transformers.models.new.modeling_new"})
    assert [each.role for each in read(named()).parameters] == [None, None]
    assert [each.role for each in read(type("NewExperts", (Fakes,), {})()).parameters] == [None, None]
