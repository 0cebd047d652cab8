"""`lora`: low-rank adapters start as no change at all; the model below them is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from initwise.errors import ArgumentError
from initwise.fans import fans, torch_fans
from initwise.initializers import Keep, Normal, Uniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe

DOWN, UP = frozenset({"lora_A", "lora_embedding_A"}), frozenset({"lora_B", "lora_embedding_B"})


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    matrices = {parameter.name: side for parameter in reading.parameters if (side := _side(parameter))}
    if not matrices:
        raise ArgumentError(
            "the model has no adapter: no parameter lies under a lora_A or lora_B (lora_embedding_A, lora_embedding_B "
            "for embeddings); add the adapters first, or name yours in rules"
        )
    return lambda parameter: _decision(parameter, reading, matrices.get(parameter.name))


def _decision(parameter: Parameter, reading: Reading, side: str | None) -> Decision:
    if side is None:
        return Keep(), "not an adapter's matrix: LoRA starts from the weights that are there"
    if _is_bias(parameter):
        return Zeros(), f"{side}'s bias: zero"
    if _adapts_lookup(parameter, side):
        if side in UP:
            return Normal(), f"{side} of an embedding: N(0, 1)"
        return Zeros(), f"{side} of an embedding: zero, so that the adapter changes nothing yet"
    if side in UP:
        return Zeros(), f"{side}: zero, so that the adapter changes nothing yet"
    fan = _fan_in(parameter, reading)
    if fan == 0:
        return Zeros(), f"{side} without inputs: zero"
    bound = 1 / math.sqrt(fan)
    return Uniform(-bound, bound), f"{side}: Kaiming uniform with a = sqrt(5), U(±1/sqrt(fan_in {fan}))"


def _side(parameter: Parameter) -> str | None:
    """Return which matrix of an adapter this belongs to: "lora_A", "lora_B" or one of an embedding's."""
    return next((part for part in parameter.name.split(".") if part in DOWN | UP), None)


def _is_bias(parameter: Parameter) -> bool:
    return parameter.role == "bias" or (parameter.attribute == "bias" and parameter.ndim == 1)


def _adapts_lookup(parameter: Parameter, side: str) -> bool:
    return side.startswith("lora_embedding") or isinstance(parameter.module, nn.Embedding)


def _fan_in(parameter: Parameter, reading: Reading) -> float:
    """The inputs of A: from its layer; of a bare matrix, the axis that is not the rank, which B shares."""
    if parameter.axes is not None:
        return fans(parameter.shape, parameter.axes).fan_in
    partner = parameter.name.replace("lora_A", "lora_B")
    if partner in reading and parameter.ndim == 2 and reading[partner].ndim == 2:
        up = reading[partner].shape
        if parameter.shape[0] != up[1] and parameter.shape[1] == up[0]:  # x @ A @ B: (in, rank) and (rank, out)
            return parameter.shape[0]
    return torch_fans(parameter.shape).fan_in if parameter.ndim > 1 else parameter.numel()


LORA = Recipe(
    name="lora",
    summary="low-rank adapters: A Kaiming uniform, B zero; everything else is kept",
    source="Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models (arXiv:2106.09685); laws as in its "
    "released code and in peft",
    laws=(
        ("lora_A", "U(±1/sqrt(fan_in)), which is Kaiming uniform with a = sqrt(5)"),
        ("lora_B and biases", "0: the product B A is zero until the first step"),
        ("embeddings", "lora_embedding_A 0, lora_embedding_B N(0, 1)"),
        ("everything else", "kept: adapters leave the base weights alone"),
    ),
    decide=_decide,
)
