"""The recipes decide about real models as their papers say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import initwise as iw
from examples.gpt2 import build
from initwise.errors import ArgumentError
from initwise.model import read
from initwise.recipes import RECIPES


class _Everything(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, groups=2)
        self.up = nn.ConvTranspose2d(8, 4, 4, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.PReLU()
        self.embed = nn.Embedding(10, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5)
        self.rnn = nn.RNNCell(6, 5)
        self.attention = nn.MultiheadAttention(8, 2, add_bias_kv=True)
        self.pair = nn.Bilinear(3, 4, 5)
        self.head = nn.Linear(6, 3)


def _laws(recipe: str) -> dict[str, str]:
    plan = iw.plan(_Everything(), recipe)
    return {row.name: row.law.describe() for row in plan if row.law is not None}


SHARED = {
    "conv.bias": "0",
    "up.bias": "0",
    "norm.weight": "1",
    "norm.bias": "0",
    "act.weight": "0.25",
    "embed.weight": "N(0, 1²)",
    "lstm.weight_hh_l0": "orthogonal ×1",
    "lstm.bias_ih_l0": "0",
    "lstm.bias_hh_l0": "0",
    "rnn.weight_hh": "orthogonal ×1",
    "rnn.bias_ih": "0",
    "rnn.bias_hh": "0",
    "attention.in_proj_bias": "0",
    "attention.bias_k": "0",
    "attention.bias_v": "0",
    "attention.out_proj.bias": "0",
    "pair.bias": "0",
    "head.bias": "0",
}


def _kaiming(fan: float) -> str:
    return f"N(0, {math.sqrt(2 / fan):.4g}²)"


def _xavier(fan_in: float, fan_out: float) -> str:
    return f"U(±{math.sqrt(6 / (fan_in + fan_out)):.4g})"


LINEAR_XAVIER = {
    "lstm.weight_ih_l0": _xavier(6, 5),
    "rnn.weight_ih": _xavier(6, 5),
    "attention.in_proj_weight": _xavier(8, 8),
    "attention.out_proj.weight": _xavier(8, 8),
    "pair.weight": _xavier(12, 5),
    "head.weight": _xavier(6, 3),
}


def test_kaiming_takes_the_true_fan_in_of_every_weight() -> None:
    weights = {
        "conv.weight": _kaiming(2 * 9),
        "up.weight": _kaiming(8 * 16 / 4),
        "lstm.weight_ih_l0": _kaiming(6),
        "rnn.weight_ih": _kaiming(6),
        "attention.in_proj_weight": _kaiming(8),
        "attention.out_proj.weight": _kaiming(8),
        "pair.weight": _kaiming(12),
        "head.weight": _kaiming(6),
    }
    assert _laws("kaiming") == SHARED | weights


def test_xavier_takes_the_true_fans_of_every_weight() -> None:
    convolutions = {"conv.weight": _xavier(2 * 9, 4 * 9), "up.weight": _xavier(8 * 16 / 4, 4 * 16)}
    assert _laws("xavier") == SHARED | convolutions | LINEAR_XAVIER


def test_classic_goes_by_layer_type() -> None:
    convolutions = {"conv.weight": _kaiming(4 * 9), "up.weight": _kaiming(4 * 16)}
    assert _laws("classic") == SHARED | convolutions | LINEAR_XAVIER


def test_recurrent_weights_are_orthogonal_per_gate() -> None:
    parts = iw.plan(_Everything(), "xavier")["lstm.weight_hh_l0"].parts
    assert [(part.label, part.start, part.stop, part.target.shape) for part in parts] == [
        ("i", 0, 5, (5, 5)),
        ("f", 5, 10, (5, 5)),
        ("g", 10, 15, (5, 5)),
        ("o", 15, 20, (5, 5)),
    ]


def test_gpt2_scales_the_projections_into_the_residual_stream() -> None:
    with torch.device("meta"):
        plan = iw.plan(build(), "gpt2")
    stds = {row.name: row.law.std for row in plan if row.law is not None}
    assert len(plan) == 148
    assert sum(row.numel for row in plan) == 124_439_808
    assert stds["transformer.h.3.attn.c_proj.weight"] == stds["transformer.h.0.mlp.c_proj.weight"]
    assert stds["transformer.h.3.attn.c_proj.weight"] == 0.02 / math.sqrt(24)
    assert stds["transformer.wte.weight"] == stds["transformer.h.0.attn.c_attn.weight"] == 0.02
    assert stds["transformer.ln_f.weight"] == stds["transformer.h.0.mlp.c_proj.bias"] == 0
    reason = plan["transformer.h.3.attn.c_proj.weight"].reason
    assert reason == "Linear weight, residual projection: std = 0.02 / sqrt(2 * 12 layers)"
    assert plan["transformer.wte.weight"].aliases == ("lm_head.weight",)


class _Block(nn.Module):
    def __init__(self, attention: str, mlp: str) -> None:
        super().__init__()
        self.attention, self.mlp = nn.Module(), nn.Module()
        self.attention.add_module("qkv", nn.Linear(4, 12))
        self.attention.add_module(attention, nn.Linear(4, 4))
        self.mlp.add_module("up", nn.Linear(4, 8))
        self.mlp.add_module(mlp, nn.Linear(8, 4))


@pytest.mark.parametrize(
    ("attention", "mlp"),
    [("o_proj", "down_proj"), ("out_proj", "fc2"), ("wo", "w2"), ("dense", "dense_4h_to_h"), ("c_proj", "c_proj")],
)
@pytest.mark.parametrize("layers", [1, 5])
def test_gpt2_knows_the_usual_names_of_residual_projections(attention: str, mlp: str, layers: int) -> None:
    model = nn.ModuleDict({"layers": nn.ModuleList(_Block(attention, mlp) for _ in range(layers))})
    plan = iw.plan(model, "gpt2")
    scaled = {row.name for row in plan if row.law is not None and 0 < row.law.std < 0.02}
    assert scaled == {
        f"layers.{i}.{name}.weight" for i in range(layers) for name in (f"attention.{attention}", f"mlp.{mlp}")
    }
    expected = 0.02 / math.sqrt(2 * layers)
    assert {row.law.std for row in plan if row.name in scaled and row.law is not None} == {expected}


@pytest.mark.parametrize(
    "name",
    "SelfAttention.o EncDecAttention.o self_attn.dense multi_head_attention.dense self_attn.output "
    "self_attn.projection attention.output feed_forward.value self_attention.linear_proj mlp.linear_fc2 mlp.Wo "
    "ffn.lin2 attention.out_lin feed_forward.output_dense attn.output_proj attn.proj output.dense".split(),
)
def test_gpt2_knows_the_names_of_other_families(name: str) -> None:
    owner, writer = name.split(".")
    block = nn.ModuleDict({owner: nn.ModuleDict({writer: nn.Linear(4, 4), "dense_in": nn.Linear(4, 4)})})
    plan = iw.plan(nn.ModuleDict({"layers": nn.ModuleList([block])}), "gpt2")
    stds = {row.name: row.law.std for row in plan if row.law is not None and row.law.std}
    assert stds == {f"layers.0.{name}.weight": 0.02 / math.sqrt(2), f"layers.0.{owner}.dense_in.weight": 0.02}


def test_gpt2_scales_every_branch_of_t5_by_its_blocks() -> None:
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        model = transformers.T5Model(
            transformers.T5Config(
                num_layers=2, num_decoder_layers=8, d_model=8, d_kv=4, num_heads=2, d_ff=8, vocab_size=9
            )
        )
    scaled = {row.name: row.law.std for row in iw.plan(model, "gpt2") if row.law and 0 < row.law.std < 0.02}
    assert scaled == {
        f"{stack}.block.{i}.layer.{j}.{name}.weight": pytest.approx(std)
        for stack, count, std, names in (
            ("encoder", 2, 0.01, ("SelfAttention.o", "DenseReluDense.wo")),
            ("decoder", 8, 0.005, ("SelfAttention.o", "EncDecAttention.o", "DenseReluDense.wo")),
        )
        for i in range(count)
        for j, name in enumerate(names)
    }


def test_gpt2_counts_each_stack_for_itself() -> None:
    def stack(count: int) -> nn.Module:
        return nn.ModuleList(_Block("o_proj", "down_proj") for _ in range(count))

    plan = iw.plan(nn.ModuleDict({"encoder": stack(2), "decoder": stack(8)}), "gpt2")
    stds = {row.name: row.law.std for row in plan if row.law is not None}
    assert stds["encoder.0.attention.o_proj.weight"] == 0.01
    assert stds["decoder.0.mlp.down_proj.weight"] == 0.005


def test_a_projection_outside_repeated_blocks_is_an_ordinary_weight() -> None:
    plan = iw.plan(nn.ModuleDict({"c_proj": nn.Linear(4, 4)}), "gpt2")
    assert plan["c_proj.weight"].law is not None
    assert plan["c_proj.weight"].law.std == 0.02


def test_gpt2_is_what_transformers_draws_for_its_own_gpt2() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=4, n_embd=96, n_head=4, vocab_size=997))
    drawn = dict(model.named_parameters())
    for row in iw.plan(model, "gpt2"):
        values = drawn[row.name].detach().double()
        assert row.law is not None
        if row.law.std == 0:
            assert torch.equal(values, torch.full_like(values, row.law.mean))
        else:
            assert values.std().item() == pytest.approx(row.law.std, rel=5 / math.sqrt(2 * values.numel()))


@pytest.mark.parametrize("recipe", ["gpt2", "kaiming", "xavier", "classic", "torch-default"])
@pytest.mark.parametrize("family", ["Llama", "Gemma", "Qwen3"])
def test_recipes_account_for_every_parameter_of_other_families(family: str, recipe: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{family}Config")(
        num_hidden_layers=3, hidden_size=64, intermediate_size=128, vocab_size=100, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16,
    )  # fmt: skip
    with torch.device("meta"):
        model = getattr(transformers, f"{family}ForCausalLM")(config)
    plan = iw.plan(model, recipe)
    norms = {row.law.mean for row in plan if row.role == "norm_weight" and row.law is not None}
    assert norms == ({0.0} if family == "Gemma" else {1.0})


def test_recipes_are_named_and_sourced() -> None:
    assert iw.recipes.names() == tuple(RECIPES) == tuple(sorted(RECIPES))
    assert {"classic", "gpt2", "kaiming", "torch-default", "xavier"} <= set(RECIPES)
    for recipe in RECIPES.values():
        assert recipe.summary
        assert "\n" not in recipe.summary
        assert recipe.source
        assert all(role and law for role, law in recipe.laws)


def test_rules_of_a_recipe_are_optional_and_say_where_they_come_from() -> None:
    model = nn.Linear(2, 3)
    rules = iw.recipes.rules("gpt2", model)
    assert [(rule.origin, rule.optional) for rule in rules] == [("gpt2", True)] * 2
    assert iw.recipes.rules("gpt2", read(model)) == rules
    assert iw.plan(nn.Linear(5, 5), rules).recipe == "gpt2"


def test_an_unknown_recipe_is_named_with_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"recipe 'kaimin' is not known; did you mean 'kaiming'\?; known are auto,"):
        iw.recipes.rules("kaimin", nn.Linear(1, 1))
