"""`megatron` and `neox`: one law for what enters a block, a smaller one for what leaves it."""

from __future__ import annotations

import math

from initwise.errors import ArgumentError
from initwise.initializers import Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes._residual import Writers
from initwise.recipes.language._common import SUPPORTING_LAWS, Decide, is_drawn, subject, supporting, width
from initwise.recipes.language._normal import initializer_range


def _megatron(reading: Reading) -> Decide:
    writers = Writers(reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        std, source = initializer_range(reading, parameter)
        writer = writers.of(parameter)
        if writer is None:
            return Normal(std=std), f"{subject(parameter)}: N(0, {std:g}²), {source}"
        why = f"{subject(parameter)}, residual projection: std = {std:g} / sqrt(2 * {writer.layers} layers), {source}"
        return Normal(std=std / math.sqrt(2 * writer.layers)), why

    return decide


def _neox(reading: Reading) -> Decide:
    writers, size = Writers(reading), width(reading)
    if size is None:
        raise ArgumentError(
            "the width of the residual stream is needed and taken from the embedding, and the model "
            "has none. Write rules: iw.rule(nn.Linear, weight=iw.Normal(std=math.sqrt(2 / (5 * width))))"
        )
    small = math.sqrt(2 / (5 * size))

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        writer = writers.of(parameter)
        if writer is None:
            return Normal(std=small), f"{subject(parameter)}: small init, std = sqrt(2 / (5 * {size}))"
        why = f"{subject(parameter)}, residual projection: std = 2 / ({writer.layers} layers * sqrt({size}))"
        return Normal(std=2 / (writer.layers * math.sqrt(size))), why

    return decide


MEGATRON = Recipe(
    name="megatron",
    summary="N(0, 0.02), residual projections divided by sqrt(2 * layers), for any configured std",
    source="Shoeybi et al. 2019 (arXiv:1909.08053); Megatron-LM, init_method and scaled_init_method_normal",
    laws=(
        ("weights, embeddings, routers and experts", "N(0, σ²), σ the configuration's initializer_range, else 0.02"),
        ("residual projections, of every expert too", "N(0, (σ / sqrt(2 * layers))²)"),
        *SUPPORTING_LAWS,
    ),
    decide=_megatron,
)

NEOX = Recipe(
    name="neox",
    summary="small init sqrt(2 / 5d), residual projections 2 / (layers * sqrt(d)) after Wang",
    source="Nguyen, Salazar 2019 (arXiv:1910.05895); Black et al. 2022, GPT-NeoX-20B (arXiv:2204.06745); gpt-neox",
    laws=(
        ("weights and embeddings", "N(0, 2 / (5 * d)), d the width of the residual stream"),
        ("residual projections", "N(0, (2 / (layers * sqrt(d)))²)"),
        *SUPPORTING_LAWS,
    ),
    decide=_neox,
)
