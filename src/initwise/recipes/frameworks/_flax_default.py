"""`flax-default`: what the layers of Flax draw, for a port that starts from the same laws (flax.linen, flax.nnx)."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise.initializers import Constant, Initializer, Normal, Orthogonal, TruncatedNormal, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import is_bias, is_table_layer, plain
from initwise.recipes._recipe import Decision, Recipe

SLOPE = 0.01
KERNEL = VarianceScaling(1.0, "fan_in", "truncated_normal")  # lecun_normal in JAX


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    return _decision


def _decision(parameter: Parameter) -> Decision:
    role, subject = parameter.role, f"{parameter.kind} {parameter.attribute}"
    if role == "weight":
        return (_kernel(parameter), f"{subject}: LeCun normal, cut at ±2σ") if parameter.axes is not None else None
    if role == "recurrent":
        return Orthogonal(), f"{subject}, recurrent: orthogonal" + (" per gate" if parameter.blocks else "")
    if is_bias(parameter):
        return Zeros(), f"{subject}: zero"
    if role == "embedding" or is_table_layer(parameter):
        features = parameter.shape[-1]
        return Normal(std=1 / math.sqrt(max(features, 1))), f"{subject}: N(0, 1/{features} features)"
    if role == "slope":
        return Constant(SLOPE), f"{subject}: {SLOPE}, where PReLU starts in Flax"
    return plain(parameter)


def _kernel(parameter: Parameter) -> Initializer:
    """Variance 1 / fan_in; for a transposed convolution Flax counts the inputs without dividing by the stride."""
    axes = parameter.axes
    if axes is None or axes.stride == 1:
        return KERNEL
    window = math.prod(parameter.shape[axis] for axis in axes.kernel)
    inputs = math.prod(parameter.shape[axis] for axis in axes.fan_in) // axes.groups
    return TruncatedNormal(std=1 / math.sqrt(max(inputs * window, 1)))


FLAX_DEFAULT = Recipe(
    name="flax-default",
    summary="the laws that Flax layers draw from: LeCun normal cut at 2 sigmas, zero biases",
    source="flax.linen and jax.nn.initializers",
    laws=(
        ("Dense, Conv", "variance 1 / fan_in, normal cut at ±2σ, the std being that after the cut"),
        ("ConvTranspose", "variance 1 / (in * kernel), whatever the stride; cut as above"),
        ("MultiHeadDotProductAttention", "as Dense: variance 1 / fan_in for query, key, value and output"),
        ("Embed", "N(0, 1 / features), the padding row zero"),
        (
            "LSTMCell, GRUCell kernels",
            "variance 1 / fan_in, cut as above; recurrent ones orthogonal, gate by gate",
        ),
        ("norms", "scale 1 (0 where the module adds 1 to it), bias 0"),
        ("biases", "0, the forget gate's too"),
        ("PReLU", "0.01"),
    ),
    decide=_decide,
)
