"""Recipes of language models draw what transformers draws, parameter by parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.model import read
from initwise.recipes import RECIPES
from tests.recipes.draws import disagreements

transformers = pytest.importorskip("transformers")

DECODER: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 1009,
}
ENCODER: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 1009,
    "max_position_embeddings": 130,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


def _model(family: str, kind: str = "ForCausalLM", **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**settings)
    model: nn.Module = getattr(transformers, f"{family}{kind}")(config)
    return model


def _t5(**settings: Any) -> nn.Module:
    sizes: dict[str, Any] = {"d_model": 64, "d_kv": 8, "num_heads": 8, "d_ff": 96, "num_layers": 2, "vocab_size": 1009}
    return _model("T5", **{"kind": "ForConditionalGeneration"} | sizes | settings)


REFERENCES: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "llama": ("llama", lambda: _model("Llama", **DECODER)),
    "llama with another range": ("llama", lambda: _model("Llama", initializer_range=0.05, **DECODER)),
    "llama with biases": ("llama", lambda: _model("Llama", attention_bias=True, mlp_bias=True, **DECODER)),
    "mistral": ("llama", lambda: _model("Mistral", **DECODER)),
    "llama, tied": ("llama", lambda: _model("Llama", tie_word_embeddings=True, **DECODER)),
    "qwen3": ("qwen3", lambda: _model("Qwen3", **DECODER)),
    "qwen3 with experts": (
        "mixtral",
        lambda: _model("Qwen3Moe", num_experts=4, moe_intermediate_size=48, **DECODER),
    ),
    "gemma": ("gemma", lambda: _model("Gemma", **DECODER)),
    "gemma 2": ("gemma", lambda: _model("Gemma2", **DECODER)),
    "bert": ("bert", lambda: _model("Bert", "ForPreTraining", **ENCODER)),
    "roberta": ("roberta", lambda: _model("Roberta", "ForMaskedLM", **ENCODER)),
    "roberta that classifies": ("roberta", lambda: _model("Roberta", "ForSequenceClassification", **ENCODER)),
    "mixtral": ("mixtral", lambda: _model("Mixtral", num_local_experts=4, **DECODER)),
    "gpt-oss": ("gpt-oss", lambda: _model("GptOss", num_local_experts=8, initializer_range=0.02, **DECODER)),
    "olmo 2": ("olmo-normal", lambda: _model("Olmo2", **{k: v for k, v in DECODER.items() if k != "head_dim"})),
    "t5": ("t5", _t5),
    "t5 with gates": ("t5", lambda: _t5(feed_forward_proj="gated-gelu")),
    "t5 with a factor": ("t5", lambda: _t5(initializer_factor=0.5)),
    "t5 encoder": ("t5", lambda: _t5(kind="EncoderModel")),
    "t5 that classifies": ("t5", lambda: _t5(kind="ForSequenceClassification", num_labels=40)),
    "gpt2": ("gpt2", lambda: _model("GPT2", "LMHeadModel", n_layer=2, n_embd=64, n_head=4, vocab_size=1009,
                                    bos_token_id=0, eos_token_id=0)),
}  # fmt: skip


@pytest.mark.parametrize("reference", REFERENCES)
def test_transformers_draws_the_laws_of_the_recipe(reference: str) -> None:
    recipe, build = REFERENCES[reference]
    model = build()
    plan = iw.plan(model, recipe)
    assert {row.path for row in plan} == {name for name, _ in model.named_parameters()}
    assert disagreements(model, plan) == []


@pytest.mark.parametrize("reference", ["llama", "gemma", "bert", "mixtral", "gpt-oss", "t5", "gpt2"])
def test_a_recipe_decides_the_same_without_a_trace(reference: str) -> None:
    recipe, build = REFERENCES[reference]
    with torch.device("meta"):
        model = build()
    reading = read(model)
    assert all(each.usage is None or each.usage.source == "type" for each in reading.parameters)
    decide = RECIPES[recipe].decide(reading)
    untraced = {each.name: found[0] for each in reading.parameters if (found := decide(each)) is not None}
    plan = iw.plan(model, recipe)
    assert any("a forward pass on meta" in note for note in plan.notes)
    assert untraced == {row.name: row.initializer for row in plan}


@pytest.mark.parametrize(
    ("recipe", "other"),
    [("llama", "gpt2"), ("llama", "torchtitan-llama3"), ("t5", "llama"), ("gemma", "torch-default")],
)
def test_what_another_recipe_draws_disagrees(recipe: str, other: str) -> None:
    model = REFERENCES[recipe][1]()
    assert iw.initialize(model, other).ok
    assert disagreements(model, iw.plan(model, recipe)) != []


def test_the_std_is_that_of_the_innermost_configuration() -> None:
    model = nn.ModuleDict({"a": _model("Llama", initializer_range=0.3, **DECODER), "b": nn.Linear(4, 4)})
    plan = iw.plan(model, "llama")
    inner, outer = plan["a.model.layers.0.mlp.up_proj.weight"], plan["b.weight"]
    assert (inner.initializer, outer.initializer) == (iw.Normal(std=0.3), iw.Normal(std=0.02))
    assert inner.reason == "Linear weight: N(0, 0.3²), the model's initializer_range"
    assert outer.reason == "Linear weight: N(0, 0.02²), no initializer_range is given"


def test_gemma_starts_its_norms_at_zero_and_llama_at_one() -> None:
    for family, value in (("Gemma", 0.0), ("Llama", 1.0)):
        with torch.device("meta"):
            plan = iw.plan(_model(family, **DECODER), family.lower())
        assert {row.law.mean for row in plan if row.law is not None and "norm" in row.name} == {value}


def test_qwen3_leaves_the_norms_of_queries_and_keys_at_one() -> None:
    with torch.device("meta"):
        plan = iw.plan(_model("Qwen3", **DECODER), "qwen3")
    assert {plan[f"model.layers.1.self_attn.{name}_norm.weight"].initializer for name in "qk"} == {iw.Ones()}


def test_padding_rows_of_bert_stay_zero() -> None:
    model = _model("Bert", "Model", **ENCODER)
    assert iw.initialize(model, "bert").ok
    words = dict(model.named_parameters())["embeddings.word_embeddings.weight"]
    assert not words[0].any()
    assert words[1].any()


def test_t5_draws_queries_by_the_size_of_a_head_and_a_head_with_the_embedding() -> None:
    with torch.device("meta"):
        plan = iw.plan(_t5(), "t5")
    attention = "encoder.block.0.layer.0.SelfAttention"
    stds = {name: plan[f"{attention}.{name}.weight"].law for name in ("q", "k", "o", "relative_attention_bias")}
    assert {name: law.std for name, law in stds.items() if law is not None} == pytest.approx(
        {"q": (64 * 8) ** -0.5, "k": 1 / 8, "o": 1 / 8, "relative_attention_bias": 1 / 8}
    )
    assert plan["shared.weight"].initializer == iw.Normal()
    assert "lm_head.weight" in plan["shared.weight"].aliases
    assert plan[f"{attention}.q.weight"].reason == (
        "Linear weight: std = 1 / sqrt(64 inputs * 8 a head), since scores are not scaled"
    )


def test_the_head_of_std_one_that_transformers_gives_to_token_classification_is_not_copied() -> None:
    model = _t5(kind="ForTokenClassification", num_labels=40)
    off = {"classifier.weight": 8.0}
    assert disagreements(model, iw.plan(model, "t5"), factor=lambda row: off.get(row.name, 1.0)) == []


class _Query(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(4, 4)


def test_t5_asks_for_the_size_of_a_head_that_it_cannot_find() -> None:
    with pytest.raises(iw.PlanError, match=r"the size of a head is needed for 'attention\.q\.weight' and not found"):
        iw.plan(nn.ModuleDict({"embed": nn.Embedding(9, 4), "attention": _Query()}), "t5")


def test_gpt2_and_megatron_scale_the_output_of_every_expert() -> None:
    with torch.device("meta"):
        model = _model("Mixtral", num_local_experts=4, **DECODER)
    for recipe in ("gpt2", "megatron"):
        plan = iw.plan(model, recipe)
        scaled = {row.name for row in plan if row.law is not None and 0 < row.law.std < 0.02}
        assert scaled == {
            f"model.layers.{i}.{name}"
            for i in range(2)
            for name in ("self_attn.o_proj.weight", "mlp.experts.down_proj")
        }
        assert math.isclose({plan[name].law.std for name in scaled if plan[name].law}.pop(), 0.01)  # type: ignore[union-attr]
