"""Recipes of language models whose references are not at hand give the stds that their papers and releases publish."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.model import Residual, Usage, read
from initwise.moments import truncated_std
from initwise.recipes._residual import Writer, Writers
from tests.recipes.draws import disagreements

transformers = pytest.importorskip("transformers")

CUT3 = truncated_std(3.0)


def _meta(family: str, kind: str = "ForCausalLM", **settings: Any) -> nn.Module:
    with torch.device("meta"):
        config = getattr(transformers, f"{family}Config")(**settings)
        model: nn.Module = getattr(transformers, f"{family}{kind}")(config)
    return model


def _llama(layers: int = 3, **settings: Any) -> nn.Module:
    sizes: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 1009}
    return _meta("Llama", num_hidden_layers=layers, **sizes | settings)


def _stds(plan: iw.Plan) -> dict[str, float]:
    return {row.name: row.law.std for row in plan if row.law is not None and row.law.std > 0}


LLAMA_BLOCK = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj")


def test_torchtitan_scales_output_down_and_up_projections_by_the_depth_of_their_block() -> None:
    plan = iw.plan(_llama(), "torchtitan-llama3")
    expected = {"model.embed_tokens.weight": 1.0, "lm_head.weight": CUT3 / 8}
    for i in range(3):
        block = f"model.layers.{i}"
        expected |= {f"{block}.{name}.weight": 0.02 for name in LLAMA_BLOCK}
        scaled = ("self_attn.o_proj", "mlp.down_proj", "mlp.up_proj")
        expected |= {f"{block}.{name}.weight": 0.02 / math.sqrt(2 * (i + 1)) for name in scaled}
    assert _stds(plan) == pytest.approx(expected)
    head = plan["lm_head.weight"].law
    assert head is not None
    assert head.support == pytest.approx((-3 / 8, 3 / 8))
    uncut = plan["model.layers.0.self_attn.q_proj.weight"].law
    assert uncut is not None
    assert uncut.support == (-math.inf, math.inf)  # trunc_normal_(std=0.02) cuts at ±2, and we say normal


def _torchtitan(model: Any) -> None:
    """Draw a small Llama as torchtitan's init_weights does, with its names for the layers in parentheses."""
    nn.init.normal_(model.model.embed_tokens.weight)
    for i, block in enumerate(model.model.layers):
        attention, mlp = block.self_attn, block.mlp
        std = 0.02 / (2 * (i + 1)) ** 0.5
        for layer in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj):  # wq, wk, wv, w1
            nn.init.trunc_normal_(layer.weight, mean=0.0, std=0.02)
        for layer in (attention.o_proj, mlp.down_proj, mlp.up_proj):  # wo, w2, w3
            nn.init.trunc_normal_(layer.weight, mean=0.0, std=std)
    std = model.config.hidden_size**-0.5
    nn.init.trunc_normal_(model.lm_head.weight, mean=0.0, std=std, a=-3 * std, b=3 * std)


def test_what_torchtitan_draws_has_the_laws_of_the_recipe() -> None:
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            num_hidden_layers=3, hidden_size=128, intermediate_size=192, num_attention_heads=4, vocab_size=1009
        )
    )
    _torchtitan(model)
    assert disagreements(model, iw.plan(model, "torchtitan-llama3")) == []


def test_torchtitan_draws_a_tied_embedding_as_the_output_that_it_also_is() -> None:
    plan = iw.plan(_llama(tie_word_embeddings=True), "torchtitan-llama3")
    assert plan["model.embed_tokens.weight"].initializer == iw.TruncatedNormal(std=1 / 8, bound=3, corrected=False)


def test_torchtitan_scales_only_the_up_half_of_a_packed_projection() -> None:
    model = _meta("Mixtral", num_local_experts=2, num_hidden_layers=2, hidden_size=64, intermediate_size=96,
                  num_attention_heads=4, num_key_value_heads=2, vocab_size=99)  # fmt: skip
    row = iw.plan(model, "torchtitan-llama3")["model.layers.1.mlp.experts.gate_up_proj"]
    assert row.initializer == iw.PerBlock(gate=iw.Normal(std=0.02), up=iw.Normal(std=0.01))


def test_olmo_mitchell_goes_by_fan_in_and_the_depth_of_writers() -> None:
    plan = iw.plan(_llama(), "olmo-mitchell")
    expected = {"model.embed_tokens.weight": 1 / 8, "lm_head.weight": 1 / 8}
    for i in range(3):
        expected |= {f"model.layers.{i}.{name}.weight": 1 / 8 for name in (*LLAMA_BLOCK, "mlp.up_proj")}
        expected[f"model.layers.{i}.self_attn.o_proj.weight"] = 1 / math.sqrt(2 * 64 * (i + 1))
        expected[f"model.layers.{i}.mlp.down_proj.weight"] = 1 / math.sqrt(2 * 96 * (i + 1))
    assert {name: std / CUT3 for name, std in _stds(plan).items()} == pytest.approx(expected)
    for row in plan:
        if row.name in expected and row.law is not None:
            assert row.law.support[1] == pytest.approx(3 * expected[row.name])


def test_megatron_scales_by_the_number_of_layers_with_the_configured_std() -> None:
    stds = _stds(iw.plan(_llama(6, initializer_range=0.01), "megatron"))
    writers = {name for name in stds if "o_proj" in name or "down_proj" in name}
    assert len(writers) == 12
    assert {stds[name] for name in writers} == {0.01 / math.sqrt(12)}
    assert {std for name, std in stds.items() if name not in writers} == {0.01}


def test_neox_has_the_published_stds_of_a_width_of_768_and_12_layers() -> None:
    model = _meta(
        "GPTNeoX",
        num_hidden_layers=12,
        hidden_size=768,
        num_attention_heads=12,
        intermediate_size=3072,
        vocab_size=500,
    )
    stds = _stds(iw.plan(model, "neox"))
    writers = {name for name in stds if name.endswith(("attention.dense.weight", "dense_4h_to_h.weight"))}
    assert len(writers) == 24
    assert {round(stds[name], 5) for name in writers} == {0.00601}
    assert {round(std, 5) for name, std in stds.items() if name not in writers} == {0.02282}


def test_neox_needs_a_width() -> None:
    with pytest.raises(iw.PlanError, match=r"the width of the residual stream is needed and taken from the embedding"):
        iw.plan(nn.ModuleList([nn.Linear(2, 2)]), "neox")


BERT: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 99}
BART: dict[str, Any] = {
    "d_model": 64,
    "encoder_layers": 6,
    "decoder_layers": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "vocab_size": 99,
    "pad_token_id": 1,
}


def _xavier(gain: float, fan_in: int, fan_out: int) -> float:
    return gain * math.sqrt(2 / (fan_in + fan_out))


def _named(stds: dict[str, float], part: str) -> set[float]:
    return {round(std, 8) for name, std in stds.items() if part in name}


def test_deepnorm_of_an_encoder_alone() -> None:
    plan = iw.plan(_meta("Bert", "ForMaskedLM", num_hidden_layers=12, **BERT), "deepnorm")
    stds, beta = _stds(plan), (8 * 12) ** -0.25
    assert _named(stds, "self.query") == _named(stds, "self.key") == {round(_xavier(1, 64, 64), 8)}
    assert _named(stds, "self.value") == _named(stds, "attention.output.dense") == {round(_xavier(beta, 64, 64), 8)}
    assert _named(stds, "intermediate.dense") == {round(_xavier(beta, 64, 96), 8)}
    assert _named(stds, "transform.dense") == {round(_xavier(1, 64, 64), 8)}
    assert stds["bert.embeddings.word_embeddings.weight"] == 1 / 8


def test_deepnorm_reports_the_multiplier_of_every_block_and_says_that_the_forward_pass_needs_it() -> None:
    plan = iw.plan(_meta("Bert", "ForMaskedLM", num_hidden_layers=3, **BERT), "deepnorm")
    assert [each.target for each in plan.multipliers] == [f"bert.encoder.layer.{i}" for i in range(3)]
    assert {each.kind for each in plan.multipliers} == {"stream"}
    assert [each.value for each in plan.multipliers] == pytest.approx([6**0.25] * 3)
    assert any("deepnorm is half in the forward pass" in note and "1.565" in note for note in plan.notes)


def test_deepnorm_of_an_encoder_with_a_decoder() -> None:
    plan = iw.plan(_meta("Bart", "ForConditionalGeneration", **BART), "deepnorm")
    stds, both = _stds(plan), 6**4 * 4
    encoder, decoder = 0.87 * both ** (-1 / 16), (12 * 4) ** -0.25
    for name in ("self_attn.v_proj", "self_attn.out_proj"):
        assert _named(stds, f"encoder.layers.5.{name}") == {round(_xavier(encoder, 64, 64), 8)}
        assert _named(stds, f"decoder.layers.3.{name}") == {round(_xavier(decoder, 64, 64), 8)}
    assert _named(stds, "decoder.layers.0.encoder_attn.v_proj") == {round(_xavier(decoder, 64, 64), 8)}
    assert _named(stds, "encoder_attn.k_proj") == {round(_xavier(1, 64, 64), 8)}
    assert _named(stds, "encoder.layers.0.fc1") == {round(_xavier(encoder, 64, 96), 8)}
    alphas = {each.target.split(".layers")[0]: each.value for each in plan.multipliers}
    assert alphas == pytest.approx({"model.encoder": 0.81 * both ** (1 / 16), "model.decoder": 12**0.25})
    assert len(plan.multipliers) == 10


def test_deepnorm_takes_the_value_out_of_a_packed_projection() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 96), 2, enable_nested_tensor=False)
    row = iw.plan(model, "deepnorm")["layers.0.self_attn.in_proj_weight"]
    beta = 16**-0.25
    assert row.initializer == iw.PerBlock(v=iw.XavierNormal(gain=beta), rest=iw.XavierNormal())
    stds = {part.label: part.law.std for part in row.parts if part.law is not None}
    assert stds == pytest.approx({"q": _xavier(1, 64, 64), "k": _xavier(1, 64, 64), "v": _xavier(beta, 64, 64)})


def test_packed_projections_of_unknown_order_are_asked_for() -> None:
    block = nn.ModuleDict({"qkv": nn.Linear(4, 12), "o_proj": nn.Linear(4, 4)})
    with pytest.raises(iw.PlanError, match=r"'layers\.0\.qkv\.weight' packs query, key and value.*Give inputs="):
        iw.plan(nn.ModuleDict({"layers": nn.ModuleList([block])}), "deepnorm")


@pytest.mark.parametrize("recipe", ["deepnorm", "t-fixup"])
def test_depth_recipes_refuse_a_model_without_blocks(recipe: str) -> None:
    with pytest.raises(iw.PlanError, match=rf"{recipe} scales by depth, and no repeated block is found"):
        iw.plan(nn.Linear(4, 4), recipe)


def test_a_vision_tower_beside_a_language_model_is_no_encoder_of_it() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 8), 2, enable_nested_tensor=False)
    model = nn.ModuleDict({"encoder": encoder, "decoder": _llama(3)})
    alphas = {each.target.split(".")[0]: each.value for each in iw.plan(model, "deepnorm").multipliers}
    assert alphas == pytest.approx({"encoder": 4**0.25, "decoder": 6**0.25})


def test_t_fixup_has_the_published_factors_of_six_layers() -> None:
    plan = iw.plan(_meta("Bart", "ForConditionalGeneration", **BART | {"decoder_layers": 6}), "t-fixup")
    stds = _stds(plan)
    for side, factor in (("encoder", 0.42809), ("decoder", 0.36889)):
        for name in ("self_attn.v_proj", "self_attn.out_proj"):
            assert {round(std / _xavier(1, 64, 64), 5) for std in _named(stds, f"{side}.layers.2.{name}")} == {factor}
        for name in ("fc1", "fc2"):
            assert {round(std / _xavier(1, 64, 96), 5) for std in _named(stds, f"{side}.layers.2.{name}")} == {factor}
    assert {round(std / _xavier(1, 64, 64), 5) for std in _named(stds, "encoder_attn.v_proj")} == {0.36889}
    assert _named(stds, "q_proj") == _named(stds, "k_proj") == {round(_xavier(1, 64, 64), 8)}
    assert stds["model.shared.weight"] == pytest.approx(54**-0.25 / 8)
    assert isinstance(plan["model.encoder.layers.0.fc1.weight"].initializer, iw.XavierUniform)


def test_t_fixup_says_that_it_is_for_a_forward_pass_without_norms() -> None:
    notes = iw.plan(_meta("Bart", "ForConditionalGeneration", **BART), "t-fixup").notes
    assert any("without layer norms, trained without warmup; this one has 26 norms" in note for note in notes)
    assert not any("derived for an encoder with a decoder" in note for note in notes)
    alone = iw.plan(_meta("Bert", "ForMaskedLM", num_hidden_layers=2, **BERT), "t-fixup").notes
    assert any("derived for an encoder with a decoder" in note and "as encoder" in note for note in alone)


RECIPES = ("torchtitan-llama3", "olmo-normal", "olmo-mitchell", "megatron", "neox", "deepnorm", "t-fixup")
MODELS: dict[str, Callable[[], nn.Module]] = {
    "llama": _llama,
    "mixtral": lambda: _meta("Mixtral", num_local_experts=2, num_hidden_layers=2, hidden_size=64, intermediate_size=96,
                             num_attention_heads=4, num_key_value_heads=2, vocab_size=99),
    "olmo2": lambda: _meta("Olmo2", num_hidden_layers=2, hidden_size=64, intermediate_size=96, num_attention_heads=4,
                           vocab_size=99, pad_token_id=1, eos_token_id=2),
    "bart": lambda: _meta("Bart", "ForConditionalGeneration", **BART | {"encoder_layers": 2, "decoder_layers": 1}),
    "gpt2": lambda: _meta("GPT2", "LMHeadModel", n_layer=2, n_embd=64, n_head=4, vocab_size=99, bos_token_id=0,
                          eos_token_id=0),
}  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", MODELS)
def test_depth_recipes_account_for_every_parameter_of_other_families(model: str, recipe: str) -> None:
    built = MODELS[model]()
    plan = iw.plan(built, recipe)
    assert {row.path for row in plan} == {name for name, _ in built.named_parameters()}
    assert all(row.law is not None and row.reason for row in plan)


class _Unnamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)


def test_a_traced_writer_needs_no_name() -> None:
    reading = read(nn.ModuleDict({"layers": nn.ModuleList(_Unnamed() for _ in range(3))}))
    seen = [
        _seen(parameter, f"layers.{i}.last.weight")
        for i, parameter in ((i, reading[f"layers.{i}.last.weight"]) for i in range(3))
    ]
    others = [each for each in reading.parameters if each.name not in {parameter.name for parameter in seen}]
    writers = Writers(type(reading)(reading.model, (*others, *seen), reading.modules))
    assert [writers.of(parameter) for parameter in seen] == [Writer("layers.*", i, 3) for i in range(3)]
    assert {writers.of(parameter) for parameter in others} == {None}
    assert Writers(reading).of(reading["layers.0.last.weight"]) is None


def _seen(parameter: Any, name: str) -> Any:
    usage = Usage("linear", "weight", iw.Axes((1,), (0,)), source="trace", residual=Residual("stream", 0, 3))
    return type(parameter)(parameter.name, parameter.path, (), parameter.tensor, parameter.owners, usage)


def test_writers_are_the_same_with_and_without_a_trace() -> None:
    from initwise.planning._usage import with_usage

    reading = read(MODELS["gpt2"]())
    seen, problems = with_usage(reading, None, needed=True)
    assert problems == []
    assert any(each.usage is not None and each.usage.residual is not None for each in seen.parameters)
    told = [
        [where.of(each) for each in one.parameters]
        for one, where in ((reading, Writers(reading)), (seen, Writers(seen)))
    ]
    assert told[0] == told[1]
    assert sum(each is not None for each in told[0]) == 4
