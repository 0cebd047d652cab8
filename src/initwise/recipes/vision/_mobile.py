"""`efficientnet` and `mobilenet`: He normal by the fan_out of one group; they differ in the classifier."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise.initializers import Normal, Uniform
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    HE_FAN_OUT,
    NORM_LAWS,
    he_fan_out,
    is_convolution,
    role_of,
    subject,
    supporting,
)


def _decide(linear: Callable[[Parameter], Decision]) -> Callable[[Reading], Callable[[Parameter], Decision]]:
    def decide(parameter: Parameter) -> Decision:
        if role_of(parameter) != "weight":
            return supporting(parameter)
        return he_fan_out(parameter) if is_convolution(parameter) else linear(parameter)

    return lambda reading: decide


def _by_fan_out(parameter: Parameter) -> Decision:
    """U(±1/sqrt(fan_out)); the routing of conditional convolutions counts both fans, as timm and TensorFlow do."""
    fan_out, fan_in = parameter.shape
    routing = "routing_fn" in parameter.module_name
    bound = 1 / math.sqrt(fan_out + (fan_in if routing else 0))
    return Uniform(-bound, bound), f"{subject(parameter)}: U(±1/sqrt({'fan_in + ' if routing else ''}fan_out))"


def _small(parameter: Parameter) -> Decision:
    return Normal(std=0.01), f"{subject(parameter)}: N(0, 0.01²)"


EFFICIENTNET = Recipe(
    name="efficientnet",
    summary="He normal by the fan_out of one group on convolutions, U(±1/sqrt(fan_out)) on linear layers, zero biases",
    source="Tan, Le 2019 (arXiv:1905.11946) and its released code; timm 1.0.31, which draws its MobileNets so too",
    laws=(
        ("convolution kernels", HE_FAN_OUT),
        ("linear layers", "U(±1/sqrt(fan_out)); routing of conditional convolutions U(±1/sqrt(fan_in + fan_out))"),
        ("biases", "0"),
        *NORM_LAWS,
    ),
    decide=_decide(_by_fan_out),
)

MOBILENET = Recipe(
    name="mobilenet",
    summary="He normal by the fan_out of one group on convolutions, N(0, 0.01) on linear layers, zero biases",
    source="Howard et al. 2017, 2019 (arXiv:1704.04861, 1905.02244); torchvision 0.28, models/mobilenetv2.py and v3",
    laws=(
        ("convolution kernels", HE_FAN_OUT),
        ("linear layers", "N(0, 0.01²)"),
        ("biases", "0"),
        *NORM_LAWS,
    ),
    decide=_decide(_small),
)
