"""`torchtitan-llama3`: embeddings N(0, 1), writers and the up projection scaled by the depth of their block.

torchtitan calls `trunc_normal_(std=0.02)` with its default bounds for the matrices of a block. Those are absolute, ±2
or a hundred sigmas, and cut nothing: the law is the normal one, and is said to be so here. The output layer is really
cut, at three sigmas, and its std is not corrected for that.
"""

from __future__ import annotations

import math

from initwise.initializers import Initializer, Normal, PerBlock, TruncatedNormal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes._residual import Writers
from initwise.recipes.language._common import (
    STD,
    SUPPORTING_LAWS,
    Decide,
    fan_in,
    is_drawn,
    is_output,
    layer_of,
    subject,
    supporting,
)

PLAIN = Normal(std=STD)
_UP = frozenset(("w3", "up_proj"))


def _decide(reading: Reading) -> Decide:
    writers = Writers(reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        if is_output(parameter):
            return _output(parameter)
        if parameter.role in ("embedding", "position", "token"):
            return Normal(), f"{subject(parameter)}: N(0, 1)"
        around = writers.around(parameter)
        if around is None:
            return PLAIN, f"{subject(parameter)}: N(0, {STD}²)"
        number = around.layer + 1
        scaled, words = Normal(std=STD / math.sqrt(2 * number)), f"std = {STD} / sqrt(2 * {number}) in block {number}"
        if writers.of(parameter) is not None:
            return scaled, f"{subject(parameter)}, residual projection: {words}"
        return _inner(parameter, scaled, words)

    return decide


def _inner(parameter: Parameter, scaled: Initializer, words: str) -> Decision:
    if layer_of(parameter) in _UP:
        return scaled, f"{subject(parameter)}, up projection: {words}"
    if parameter.blocks is not None and set(parameter.blocks.names) == {"gate", "up"}:
        return PerBlock(gate=PLAIN, up=scaled), f"{subject(parameter)}: gate N(0, {STD}²), up {words}"
    return PLAIN, f"{subject(parameter)}: N(0, {STD}²)"


def _output(parameter: Parameter) -> Decision:
    """The head's law, for a tied embedding too: torchtitan draws the output last."""
    width = parameter.shape[-1] if parameter.role == "embedding" else fan_in(parameter)
    if width is None:
        return None
    law = TruncatedNormal(std=width**-0.5, bound=3.0, corrected=False)
    return law, f"{subject(parameter)}, output layer: 1 / sqrt({width} inputs), cut at ±3σ"


TORCHTITAN_LLAMA3 = Recipe(
    name="torchtitan-llama3",
    summary="embeddings N(0, 1), blocks N(0, 0.02), output and up projections divided by sqrt(2 * number of the block)",
    source="torchtitan, models/llama3 with depth_init, after Llama 3 (arXiv:2407.21783)",
    laws=(
        ("embeddings", "N(0, 1)"),
        ("query, key, value and gate projections", "N(0, 0.02²): trunc_normal_ is called, and cuts nothing at ±2"),
        ("attention output, down and up projections of block l = 0, 1, ...", "N(0, (0.02 / sqrt(2 * (l + 1)))²)"),
        ("output layer, or an embedding tied to it", "a normal of σ = 1 / sqrt(dim) cut at ±3σ"),
        *SUPPORTING_LAWS,
    ),
    decide=_decide,
)
