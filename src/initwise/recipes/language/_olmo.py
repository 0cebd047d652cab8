"""`olmo-mitchell`: by fan_in, and smaller the deeper a block's writer stands; cut at three sigmas."""

from __future__ import annotations

import math

from initwise.initializers import TruncatedNormal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes._residual import Writers
from initwise.recipes.language._common import SUPPORTING_LAWS, Decide, fan_in, is_drawn, subject, supporting

CUT = 3.0


def _decide(reading: Reading) -> Decide:
    writers = Writers(reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_drawn(parameter):
            return supporting(parameter)
        if parameter.role in ("embedding", "position", "token"):
            width = parameter.shape[-1]
            return _cut(width**-0.5), f"{subject(parameter)}: 1 / sqrt({width} features), cut at ±3σ"
        inputs, writer = fan_in(parameter), writers.of(parameter)
        if inputs is None or parameter.role == "table":
            return None
        if writer is None:
            return _cut(inputs**-0.5), f"{subject(parameter)}: 1 / sqrt({inputs} inputs), cut at ±3σ"
        number = writer.layer + 1
        why = (
            f"{subject(parameter)}, residual projection {number}: 1 / sqrt(2 * {inputs} inputs * {number}), cut at ±3σ"
        )
        return _cut(1 / math.sqrt(2 * inputs * number)), why

    return decide


def _cut(std: float) -> TruncatedNormal:
    return TruncatedNormal(std=std, bound=CUT, corrected=False)


OLMO_MITCHELL = Recipe(
    name="olmo-mitchell",
    summary="1 / sqrt(fan_in), residual projections also by the depth of their block, cut at 3 sigmas",
    source="Groeneveld et al. 2024, OLMo (arXiv:2402.00838), after Mitchell Wortsman; OLMo, init_fn mitchell",
    laws=(
        ("weights, the head among them", "σ = 1 / sqrt(fan_in)"),
        ("embeddings", "σ = 1 / sqrt(d_model)"),
        ("residual projections of block l = 0, 1, ...", "σ = 1 / sqrt(2 * fan_in * (l + 1))"),
        ("all of these", "a normal of that σ cut at ±3σ, whose std is then 0.98658 σ"),
        *SUPPORTING_LAWS,
    ),
    decide=_decide,
)
