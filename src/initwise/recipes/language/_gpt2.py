"""`gpt2`: small normal weights, and smaller ones where a block writes into the residual stream."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise.initializers import Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes._residual import Writers
from initwise.recipes.language._common import STD, is_drawn, subject, supporting

PLAIN = Normal(std=STD)


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    writers = Writers(reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        writer = writers.of(parameter)
        if writer is None:
            return PLAIN, f"{subject(parameter)}: N(0, {STD}²)"
        count = writer.layers
        why = f"{subject(parameter)}, residual projection: std = {STD} / sqrt(2 * {count} layers)"
        return Normal(std=STD / math.sqrt(2 * count)), why

    return decide


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
