"""`dit`: diffusion transformers whose blocks start as the identity."""

from __future__ import annotations

import math
import re

from torch import nn
from torch.nn.modules.conv import _ConvNd

from initwise.errors import ArgumentError
from initwise.initializers import Keep, Normal, Uniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    Decide,
    is_convolution,
    role_of,
    subject,
    supporting,
    xavier,
)
from initwise.recipes.vision._output import output_layer

_EMBED = Normal(std=0.02)
_MODULATION = re.compile(r"ada_?(ln|layer_?norm)|modulation", re.IGNORECASE)
_TIME = re.compile(r"(^|\.)(t|time|timestep|time_text)_?(embed|emb|mlp)", re.IGNORECASE)


def _dit(reading: Reading) -> Decide:
    modulation = _modulations(reading)
    final = output_layer(reading, (nn.Linear, _ConvNd))

    def decide(parameter: Parameter) -> Decision:
        role, name = role_of(parameter), subject(parameter)
        if role == "position" or (parameter.role is None and "pos" in parameter.attribute):
            return Keep(), f"{name}: sine and cosine positions, left as the model computes them"
        if parameter.module_name in modulation and role in ("weight", "bias"):
            return Zeros(), f"{name}, last of adaLN: zero, so that the block starts as the identity"
        if parameter.module_name == final and role in ("weight", "bias"):
            return Zeros(), f"{name}, final layer: zero"
        if role == "embedding" or (role == "weight" and _TIME.search(parameter.module_name)):
            return _EMBED, f"{name} of a condition: N(0, 0.02²)"
        if role == "weight":
            return _patches(parameter) if is_convolution(parameter) else xavier(parameter)
        return supporting(parameter)

    return decide


def _modulations(reading: Reading) -> frozenset[str]:
    """Return the linear layers that make the shifts, scales and gates of adaLN: the last one of each modulation.

    Setting an earlier one to zero as well would leave both without a gradient.
    """
    last: dict[str, str] = {}
    for name, module in reading.modules.items():
        if isinstance(module, nn.Linear) and (owner := _modulation_of(name, reading)) is not None:
            last[owner] = name
    found = frozenset(last.values())
    if not found:
        raise ArgumentError(
            "no adaLN modulation is found (a linear layer under a name with adaLN or modulation), "
            "and without it adaLN-Zero has nothing to set to zero. Use 'vit', or write rules"
        )
    return found


def _modulation_of(name: str, reading: Reading) -> str | None:
    """Return the modulation that a layer belongs to: by a name on its path, or by the class that owns it."""
    segments = name.split(".")
    named = next((index for index, segment in enumerate(segments) if _MODULATION.search(segment)), None)
    if named is not None:
        return ".".join(segments[: named + 1])
    owner = ".".join(segments[:-1])
    return name if _MODULATION.search(type(reading.modules.get(owner)).__name__) else None


def _patches(parameter: Parameter) -> Decision:
    """Xavier uniform over the kernel seen as a matrix (out, in * kernel), as a linear layer over patches."""
    fan_out, fan_in = parameter.shape[0], math.prod(parameter.shape[1:])
    bound = math.sqrt(6 / (fan_in + fan_out))
    return Uniform(-bound, bound), f"{subject(parameter)}: Xavier uniform as a linear layer over patches"


DIT = Recipe(
    name="dit",
    summary="adaLN-Zero: Xavier uniform; modulations and final layer zero, so that each block is the identity",
    source="Peebles, Xie 2022 (arXiv:2212.09748) and the authors' code",
    laws=(
        ("linear layers", "U(±sqrt(6 / (fan_in + fan_out))), for query, key and value each"),
        ("patch kernel", "the same, seen as a linear layer over patches"),
        ("embeddings of labels, MLP of the time step", "N(0, 0.02²)"),
        ("last layer of each adaLN modulation, final layer", "weight and bias 0"),
        ("biases", "0"),
        ("positions", "left as the model computes them"),
        *NORM_LAWS,
    ),
    decide=_dit,
)
