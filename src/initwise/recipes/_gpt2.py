"""`gpt2`: small normal weights, and smaller ones where a block writes into the residual stream."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable

from initwise.initializers import Normal
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import plain
from initwise.recipes._recipe import Decision, Recipe

STD = 0.02
PLAIN = Normal(std=STD)
# Projections that end a branch: GPT-2; Llama and its kin; GPT-J, OPT; PyTorch's and other spellings.
WRITERS = frozenset(
    "c_proj o_proj down_proj out_proj fc_out fc2 wo w2 Wo linear2 dense_4h_to_h "
    "output_proj output_dense attn_out ff_out out_lin lin2 to_out".split()
)
# Names that end a branch only there: timm; GPT-NeoX, BLOOM, Falcon, Phi, BERT; T5; RWKV; Megatron; LED, BLIP, CTRL.
QUALIFIED_WRITERS = frozenset(
    tuple(name.split("."))
    for name in (
        "attn.proj attention.dense self_attention.dense self_attn.dense output.dense "
        "SelfAttention.o EncDecAttention.o LocalSelfAttention.o TransientGlobalSelfAttention.o "
        "attention.output feed_forward.value self_attention.linear_proj cross_attention.linear_proj mlp.linear_fc2 "
        "self_attn.output feed_forward.output self_attn.projection multi_head_attention.dense"
    ).split()
)


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    layers = _layers(reading)

    def decide(parameter: Parameter) -> Decision:
        if parameter.role not in ("weight", "recurrent", "embedding"):
            return plain(parameter)
        kind = parameter.kind
        block = _block(parameter)
        if block is None:
            return PLAIN, f"{kind} {parameter.attribute}: N(0, {STD}²)"
        count = layers[_stack(block)]
        why = f"{kind} {parameter.attribute}, residual projection: std = {STD} / sqrt(2 * {count} layers)"
        return Normal(std=STD / math.sqrt(2 * count)), why

    return decide


def _layers(reading: Reading) -> dict[str, int]:
    """Return for each stack of repeated blocks how many of them write into the residual stream."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for parameter in reading.parameters:
        block = _block(parameter)
        if block is not None:
            found[_stack(block)].add(block)
    return {stack: len(blocks) for stack, blocks in found.items()}


def _block(parameter: Parameter) -> str | None:
    """Return the name of the repeated block whose residual projection this is the weight of, if it is one."""
    if parameter.role != "weight":
        return None
    segments = parameter.module_name.split(".")
    if segments[-1] not in WRITERS and tuple(segments[-2:]) not in QUALIFIED_WRITERS:
        return None
    numbered = [
        index
        for index, segment in enumerate(segments)
        if segment.isdigit() and index > 0 and "expert" not in segments[index - 1]
    ]
    if len(numbered) > 1 and segments[numbered[-2] - 1 : numbered[-1] : 2] == ["block", "layer"]:
        numbered.pop()  # T5 numbers the branches of a block: block.3.layer.1
    return ".".join(segments[: numbered[-1] + 1]) if numbered else None


def _stack(block: str) -> str:
    return re.sub(r"\d+", "*", block)


GPT2 = Recipe(
    name="gpt2",
    summary="N(0, 0.02) everywhere, residual projections divided by sqrt(2 * layers), zero biases",
    source="Radford et al. 2019, Language Models are Unsupervised Multitask Learners; std 0.02 as in its released code",
    laws=(
        ("weights and embeddings", "N(0, 0.02²)"),
        (
            "residual projections",
            "N(0, (0.02 / sqrt(2 * layers))²): what ends the attention and MLP branch of each block",
        ),
        ("biases", "0"),
        ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
    ),
    decide=_decide,
)
