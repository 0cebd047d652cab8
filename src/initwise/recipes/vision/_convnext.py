"""`convnext`, `swin` and `mixer`: architectures of 2021 and 2022, each as its authors' code draws it."""

from __future__ import annotations

import math

from torch import nn

from initwise.initializers import Constant, Normal, Ones, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    TRUNCATED,
    TRUNCATED_WORDS,
    Decide,
    is_convolution,
    is_head,
    layer_default,
    role_of,
    subject,
    supporting,
    xavier,
)

_TINY = Normal(std=1e-6)


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


def _mixer(reading: Reading) -> Decide:
    def decide(parameter: Parameter) -> Decision:
        role, name = role_of(parameter), subject(parameter)
        weight = role == "weight"
        if not weight and role != "bias":
            return supporting(parameter, layer_scale=1e-4)
        if is_convolution(parameter):
            lecun = VarianceScaling(1.0, "fan_in", "truncated_normal")
            return (lecun, f"{name}: LeCun, truncated") if weight else supporting(parameter)
        if is_head(parameter):
            return Zeros(), f"{name} of the head: zero"
        if _gates(parameter, reading):
            return (_TINY, f"{name} of a spatial gate: N(0, (1e-6)²)") if weight else (Ones(), f"{name} of a gate: one")
        if weight:
            return xavier(parameter)
        return (_TINY, f"{name} of an MLP: N(0, (1e-6)²)") if "mlp" in parameter.module_name else supporting(parameter)

    return decide


def _gates(parameter: Parameter, reading: Reading) -> bool:
    """The projection of gMLP's spatial gating unit: the gate starts at one."""
    above = parameter.module_name.rpartition(".")[0]
    return type(reading.modules.get(above, nn.Identity())).__name__ == "SpatialGatingUnit"


MIXER = Recipe(
    name="mixer",
    summary="Xavier uniform on linear layers, LeCun on the patch kernel, a head of zeros",
    source="Tolstikhin et al. 2021 (arXiv:2105.01601); timm 1.0.31, models/mlp_mixer.py (ResMLP and gMLP too)",
    laws=(
        ("linear layers", "U(±sqrt(6 / (fan_in + fan_out)))"),
        ("patch kernel", "TN, variance 1 / fan_in after the cut at ±2σ; bias 0"),
        ("biases", "of MLPs N(0, (1e-6)²), others 0"),
        ("head", "weight and bias 0"),
        ("spatial gates (gMLP)", "weight N(0, (1e-6)²), bias 1"),
        ("layer scale (ResMLP)", "1e-4"),
        *NORM_LAWS,
    ),
    decide=_mixer,
)
