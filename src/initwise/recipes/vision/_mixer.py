"""`mixer`: MLP-Mixer and its kin, as timm draws them."""

from __future__ import annotations

from torch import nn

from initwise.initializers import Normal, Ones, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    Decide,
    is_convolution,
    is_head,
    role_of,
    subject,
    supporting,
    xavier,
)

_TINY = Normal(std=1e-6)


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
