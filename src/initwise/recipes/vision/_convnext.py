"""`convnext`: small truncated normals and a small layer scale."""

from __future__ import annotations

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


def _convnext(reading: Reading) -> Decide:
    def decide(parameter: Parameter) -> Decision:
        if role_of(parameter) == "weight":
            return TRUNCATED, f"{subject(parameter)}: TN(0.02)"
        return supporting(parameter, layer_scale=1e-6)

    return decide


CONVNEXT = Recipe(
    name="convnext",
    summary="truncated normal of std 0.02 on convolutions and linear layers, zero biases, layer scale 1e-6",
    source="Liu et al. 2022 (arXiv:2201.03545); torchvision 0.28 and timm 1.0.31, models/convnext.py",
    laws=(
        ("convolution kernels and linear layers", TRUNCATED_WORDS),
        ("head", "the same, times a head_init_scale of 1 (0.001 in the authors' fine-tuning)"),
        ("biases", "0"),
        ("layer scale", "1e-6; global response norms of V2 zero"),
        *NORM_LAWS,
    ),
    decide=_convnext,
)
