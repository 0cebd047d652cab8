"""`swin`: windows of attention, V1 and V2, as their authors draw them."""

from __future__ import annotations

import math

from torch import nn

from initwise.initializers import Constant, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    TRUNCATED,
    TRUNCATED_WORDS,
    Decide,
    is_convolution,
    layer_default,
    role_of,
    subject,
    supporting,
)


def _swin(reading: Reading) -> Decide:
    default = layer_default(reading)

    def decide(parameter: Parameter) -> Decision:
        role, name = role_of(parameter), subject(parameter)
        if role in ("weight", "bias") and is_convolution(parameter):
            return default(parameter)
        if role in ("weight", "table", "position"):
            return TRUNCATED, f"{name}: TN(0.02)"
        if parameter.attribute == "logit_scale":
            return Constant(math.log(10)), f"{name}: ln 10, a temperature of 0.1"
        if role == "norm_weight" and _closes_a_v2_branch(parameter, reading):
            return Zeros(), f"{name}, closes a residual branch of Swin V2: zero"
        return supporting(parameter)

    return decide


def _closes_a_v2_branch(parameter: Parameter, reading: Reading) -> bool:
    block, _, name = parameter.module_name.rpartition(".")
    kind = type(reading.modules.get(block, nn.Identity())).__name__
    return name in ("norm1", "norm2") and "Block" in kind and "V2" in kind


SWIN = Recipe(
    name="swin",
    summary="truncated normal of std 0.02 on linear layers and relative position biases, zero biases",
    source="Liu et al. 2021 (arXiv:2103.14030), V2 2111.09883; torchvision 0.28 and timm 1.0.31",
    laws=(
        ("linear layers", TRUNCATED_WORDS),
        ("relative position biases", TRUNCATED_WORDS),
        ("patch kernel and its bias", "U(±1/sqrt(fan_in))"),
        ("biases", "0"),
        ("logit scale (V2)", "ln 10"),
        ("norms", "weight 1, bias 0; weight 0 where they close a residual branch (V2)"),
    ),
    decide=_swin,
)
