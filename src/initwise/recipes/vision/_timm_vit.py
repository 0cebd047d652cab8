"""`timm-vit` and its modes `jax`, `jax_nlhb` and `moco`: as timm's VisionTransformer draws."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise.initializers import Keep, Normal, TruncatedNormal, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    TRUNCATED,
    TRUNCATED_WORDS,
    Decide,
    constant,
    is_convolution,
    is_head,
    layer_default,
    role_of,
    subject,
    supporting,
    xavier,
)

_TINY = Normal(std=1e-6)
_LECUN = VarianceScaling(1.0, "fan_in", "truncated_normal")
_LAYER_SCALE = 1e-5
_SHARED = (
    ("positions", TRUNCATED_WORDS),
    ("class and register tokens", "N(0, (1e-6)²); DeiT's distillation token TN(σ=0.02)"),
    ("latents of attention pooling", "normal of std 1/sqrt(dim), cut at ±2 of it"),
    ("layer scale", "the module's init_values, else 1e-5"),
    ("lambdas of differential attention", "N(0, 0.1²), scalar ones 0"),
    ("rotary frequencies", "left as the model computes them"),
    *NORM_LAWS,
)

Mode = Callable[[Parameter, Decide], Decision]


def _decide(mode: Mode) -> Callable[[Reading], Decide]:
    """Return a recipe's decision: `mode` for weights and biases of layers, timm's one law for all else."""

    def decide(reading: Reading) -> Decide:
        default = layer_default(reading)

        def of_parameter(parameter: Parameter) -> Decision:
            said = mode(parameter, default) if role_of(parameter) in ("weight", "bias") else _raw(parameter)
            return said or supporting(parameter, layer_scale=_LAYER_SCALE)

        return of_parameter

    return decide


def _raw(parameter: Parameter) -> Decision:
    role, name = role_of(parameter), subject(parameter)
    if parameter.kind == "AttentionPoolLatent" and role in ("token", "position"):
        std = parameter.shape[-1] ** -0.5
        return TruncatedNormal(
            std=std, corrected=False
        ), f"{name}: normal of std 1/sqrt({parameter.shape[-1]}), cut at ±2"
    if role == "token" and parameter.attribute != "dist_token":
        return _TINY, f"{name}: N(0, (1e-6)²)"
    if parameter.kind.startswith("Rotary"):
        return Keep(), f"{name}: frequencies, left as the model computes them"
    if parameter.attribute.startswith("lambda_"):
        drawn = parameter.ndim > 0  # with dual_lambda they are scalars, and zero
        return (Normal(std=0.1), f"{name}: N(0, 0.1²)") if drawn else (Zeros(), f"{name}: zero")
    return (TRUNCATED, f"{name}: TN(0.02)") if role in ("token", "position", "table") else None


def _timm(parameter: Parameter, default: Decide) -> Decision:
    if is_convolution(parameter):
        return default(parameter)
    return (TRUNCATED, f"{subject(parameter)}: TN(0.02)") if role_of(parameter) == "weight" else None


def _moco(parameter: Parameter, default: Decide) -> Decision:
    if is_convolution(parameter):
        return default(parameter)
    return xavier(parameter) if role_of(parameter) == "weight" else None


def _jax(head_bias: Callable[[int], float]) -> Mode:
    def decide(parameter: Parameter, default: Decide) -> Decision:
        name, weight = subject(parameter), role_of(parameter) == "weight"
        if is_convolution(parameter):
            return (_LECUN, f"{name}: LeCun, truncated") if weight else None
        if is_head(parameter):
            bias = head_bias(parameter.shape[0])
            return (
                (Zeros(), f"{name} of the head: zero") if weight else (constant(bias), f"{name} of the head: {bias:g}")
            )
        if weight:
            return xavier(parameter)
        return (_TINY, f"{name} of the MLP: N(0, (1e-6)²)") if "mlp" in parameter.module_name else None

    return decide


_JAX_LAWS = (
    ("linear layers", "U(±sqrt(6 / (fan_in + fan_out))), for query, key and value each"),
    ("patch kernel", "TN, variance 1 / fan_in after the cut at ±2σ; bias 0"),
    ("biases", "of MLPs N(0, (1e-6)²), others 0"),
)
_SOURCE = "timm 1.0.31, models/vision_transformer.py"

TIMM_VIT = Recipe(
    name="timm-vit",
    summary="truncated normal of std 0.02 on linear layers, the patch kernel as torch.nn draws it, tiny tokens",
    source=f"{_SOURCE}, weight_init=''",
    laws=(
        ("linear layers", TRUNCATED_WORDS),
        ("patch kernel and its bias", "U(±1/sqrt(fan_in))"),
        ("biases", "0"),
        *_SHARED,
    ),
    decide=_decide(_timm),
)

TIMM_VIT_JAX = Recipe(
    name="timm-vit-jax",
    summary="Xavier uniform on linear layers, LeCun on the patch kernel, a head of zeros",
    source=f"{_SOURCE}, weight_init='jax', after Dosovitskiy et al. 2020 (arXiv:2010.11929) and its JAX code",
    laws=(*_JAX_LAWS, ("head", "weight and bias 0"), *_SHARED),
    decide=_decide(_jax(lambda classes: 0.0)),
)

TIMM_VIT_JAX_NLHB = Recipe(
    name="timm-vit-jax-nlhb",
    summary="timm-vit-jax with -ln C in the head's bias, for training with a binary loss a class",
    source=f"{_SOURCE}, weight_init='jax_nlhb'",
    laws=(*_JAX_LAWS, ("head", "weight 0, bias -ln(classes)"), *_SHARED),
    decide=_decide(_jax(lambda classes: -math.log(classes))),
)

TIMM_VIT_MOCO = Recipe(
    name="timm-vit-moco",
    summary="Xavier uniform on linear layers, query, key and value each on its own; zero biases",
    source=f"{_SOURCE}, weight_init='moco', after Chen, Xie, He 2021 (arXiv:2104.02057)",
    laws=(
        ("linear layers", "U(±sqrt(6 / (fan_in + fan_out))), for query, key and value each"),
        ("patch kernel and its bias", "U(±1/sqrt(fan_in)); MoCo v3 freezes U(±sqrt(6 / (3 * patch² + dim))) there"),
        ("biases", "0"),
        *_SHARED,
    ),
    decide=_decide(_moco),
)
