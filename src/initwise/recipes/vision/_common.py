"""What the recipes of vision models share: roles, the laws of norms, biases and scales, and of familiar weights."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from torch import nn
from torch.nn.modules.conv import _ConvNd

from initwise.initializers import (
    Constant,
    Initializer,
    KaimingNormal,
    Normal,
    Ones,
    TruncatedNormal,
    Uniform,
    XavierUniform,
    Zeros,
)
from initwise.model import Parameter, Reading, Role
from initwise.recipes._by_type import expert_kernel, plain
from initwise.recipes._recipe import Decision
from initwise.recipes.frameworks._torch_default import TORCH_DEFAULT

Decide = Callable[[Parameter], Decision]

STD = 0.02
TRUNCATED = TruncatedNormal(std=STD)
TRUNCATED_WORDS = "TN(σ=0.02, ±2σ): σ is that after the cut"
NORM_LAWS = (("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),)
HE_FAN_OUT = "N(0, 2 / fan_out), fan_out = kernel² * out / groups"

_LAYER_SCALE = re.compile(r"gamma|layer_?scale|^ls\d?$")
# Raw parameters by what their attributes are called, where neither a trace nor the module's type says what they are.
_NAMES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("table", re.compile(r"relative_position_bias|rel_pos|attention_biases")),
    ("position", re.compile(r"pos(ition)?(al)?_?(emb|enc)|_pos$|^pos_")),
    ("token", re.compile(r"token")),
    ("scale", _LAYER_SCALE),
)


def role_of(parameter: Parameter) -> Role | None:
    """Return the role of a parameter: as it was read, else as a raw parameter's name says."""
    if parameter.role is not None:
        mixed = parameter.attribute == "bias" and expert_kernel(parameter) is not None
        return "bias" if mixed else parameter.role
    return next((role for role, pattern in _NAMES if pattern.search(parameter.attribute)), None)


def subject(parameter: Parameter) -> str:
    """Return what a reason is about, such as "Conv2d weight"."""
    return f"{parameter.kind} {parameter.attribute}"


def is_convolution(parameter: Parameter) -> bool:
    """Return whether a weight or bias belongs to a convolution."""
    return (parameter.operation or "").startswith("conv") or expert_kernel(parameter) is not None


def is_head(parameter: Parameter) -> bool:
    """Return whether a layer makes the model's output: as a trace saw it, or by the name `head...`."""
    traced = parameter.usage is not None and parameter.usage.output
    return traced or parameter.module_name.startswith("head")


def layer_default(reading: Reading) -> Decide:
    """Return what decides about linear layers, convolutions and attention as their constructors do."""
    default = TORCH_DEFAULT.decide(reading)
    layers = (nn.Linear, _ConvNd, nn.MultiheadAttention)
    return lambda parameter: default(parameter) if isinstance(parameter.module, layers) else None


def he_fan_out(parameter: Parameter) -> Decision:
    """Return N(0, 2 / fan_out) with the fan of one group, and of one expert of a conditional convolution."""
    expert = expert_kernel(parameter)
    if expert is None:
        return KaimingNormal(mode="fan_out"), f"{subject(parameter)}: N(0, 2 / fan_out), fan_out of one group"
    outputs, _, *window = expert
    fan_out = outputs // getattr(parameter.module, "groups", 1) * math.prod(window)
    why = f"{subject(parameter)}: N(0, 2 / fan_out), fan_out {fan_out} of an expert"
    return Normal(std=math.sqrt(2 / fan_out)), why


def xavier(parameter: Parameter) -> Decision:
    """Return Xavier uniform; for query, key and value in one matrix the bounds of one of them."""
    if parameter.blocks is not None or not packs_qkv(parameter):
        return XavierUniform(), f"{subject(parameter)}: Xavier uniform" + " per block" * (parameter.blocks is not None)
    fan_out, fan_in = parameter.shape[0] // 3, parameter.shape[1]
    bound = math.sqrt(6 / (fan_in + fan_out))
    return Uniform(-bound, bound), f"{subject(parameter)}: Xavier uniform for query, key and value each"


def packs_qkv(parameter: Parameter) -> bool:
    """Return whether a linear layer's name and shape say that it makes query, key and value at once."""
    named = "qkv" in parameter.module_name.rpartition(".")[2]
    return named and parameter.ndim == 2 and parameter.shape[0] % 3 == 0


def supporting(parameter: Parameter, *, layer_scale: float = 1.0) -> Decision:
    """Decide about norms, biases and scales: norms and scales do nothing at first, biases are zero.

    Args:
        parameter: which one.
        layer_scale: where the scales of residual branches start, unless their module says so itself (`init_values`).
    """
    role = role_of(parameter)
    if role == "bias":
        return Zeros(), f"{subject(parameter)}: zero"
    return _scale(parameter, layer_scale) if role == "scale" else plain(parameter)


def _scale(parameter: Parameter, layer_scale: float) -> Decision:
    given = getattr(parameter.module, "init_values", None)
    neutral = parameter.usage.neutral if parameter.usage is not None else None
    if not _LAYER_SCALE.search(parameter.attribute):
        value = 1.0 if neutral is None else neutral
        return constant(value), f"{subject(parameter)}: {value:g}, where it does nothing"
    if isinstance(given, int | float):
        return constant(float(given)), f"{subject(parameter)}: the module's init_values, {float(given):g}"
    return constant(layer_scale), f"{subject(parameter)}: {layer_scale:g} on the residual branch"


def constant(value: float) -> Initializer:
    """Return the initializer for one value, `Zeros` and `Ones` by their names."""
    return Ones() if value == 1.0 else Zeros() if value == 0.0 else Constant(value)
