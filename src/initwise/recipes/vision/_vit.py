"""`vit`: as transformers draws its ViT."""

from __future__ import annotations

from initwise.initializers import Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    TRUNCATED,
    TRUNCATED_WORDS,
    Decide,
    role_of,
    subject,
    supporting,
)

_DRAWN = ("weight", "embedding", "position", "token", "table")


def _decide(reading: Reading) -> Decide:
    def decide(parameter: Parameter) -> Decision:
        if "mask_token" in parameter.attribute:
            return Zeros(), f"{subject(parameter)}: zero"
        if role_of(parameter) in _DRAWN:
            return TRUNCATED, f"{subject(parameter)}: TN(0.02)"
        return supporting(parameter)

    return decide


VIT = Recipe(
    name="vit",
    summary="truncated normal of std 0.02 on all weights, class token and positions; biases zero",
    source="Dosovitskiy et al. 2020 (arXiv:2010.11929); transformers 5.23, models/vit",
    laws=(
        ("weights and patch kernels", TRUNCATED_WORDS),
        ("class, register and distillation tokens, positions, tables", TRUNCATED_WORDS),
        ("mask token", "0"),
        ("biases", "0"),
        ("layer scale", "the module's init_values, else 1"),
        *NORM_LAWS,
    ),
    decide=_decide,
)
