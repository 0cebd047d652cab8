"""`kaiming`, `xavier` and `classic`: one scheme for all weights, or one by layer type; what all three share."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from initwise.initializers import (
    Constant,
    Initializer,
    KaimingNormal,
    Keep,
    Normal,
    Ones,
    Orthogonal,
    XavierUniform,
    Zeros,
)
from initwise.model import Parameter, Reading
from initwise.recipes._rates import rate
from initwise.recipes._recipe import Decision, Recipe

SMALL = 0.02  # class tokens, positions and tables of biases, as in BERT and ViT
SLOPE = 0.25  # where PReLU starts, in PyTorch and in He et al. 2015
SHARED = (
    ("recurrent weights", "orthogonal, each gate on its own (Saxe et al. 2013)"),
    ("embeddings", "N(0, 1), the padding row zero"),
    ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
    ("biases", "0"),
    ("class tokens, positions, tables of relative positions", "N(0, 0.02²)"),
    ("factors", "1; state-space decays and time steps as in Mamba"),
    ("PReLU", "0.25"),
)


def plain(parameter: Parameter) -> Decision:
    """Decide about everything but weight matrices and kernels, as tutorials do."""
    subject = f"{parameter.kind} {parameter.attribute}"
    if parameter.role == "recurrent":
        return Orthogonal(), f"{subject}, recurrent: orthogonal" + (" per gate" if parameter.blocks else "")
    if is_bias(parameter) or parameter.role == "norm_bias":
        return Zeros(), f"{subject}: zero"
    if parameter.role == "embedding":
        return Normal(), f"{subject}: N(0, 1)"
    if parameter.role == "norm_weight":
        return _neutral(parameter)
    if parameter.role in ("token", "position", "table"):
        return Normal(std=SMALL), f"{subject}: N(0, {SMALL}²)"
    if parameter.role in ("scale", "rate"):
        return rate(parameter) or _set_by_its_module(parameter)
    return (Constant(SLOPE), f"{subject}: {SLOPE}") if parameter.role == "slope" else None


def is_bias(parameter: Parameter) -> bool:
    """Return whether a parameter is a bias.

    A forward pass shows one that is chosen by expert as a table of rows, and one of two axes (heads, head size), which
    XLNet adds to its queries, as positions.
    """
    called = parameter.attribute.endswith("bias") and "pos" not in parameter.attribute
    return parameter.role == "bias" or (called and parameter.role in ("embedding", "position"))


def is_table_layer(parameter: Parameter) -> bool:
    """Return whether a layer of embeddings holds a parameter, whatever its rows are used for."""
    return isinstance(parameter.module, (nn.Embedding, nn.EmbeddingBag))


def expert_kernel(parameter: Parameter) -> tuple[int, ...] | None:
    """Return the shape (out, in / groups, *window) of one kernel of a conditional convolution; None for any other.

    Its weight holds one flat kernel a row, its bias one row an expert; a routing weighs them, and a convolution takes
    the sum. Each is drawn as a convolution's own, so no fan is to be read from the axes that are stored.
    """
    module, rows = parameter.module, parameter.shape
    window = getattr(module, "kernel_size", None)
    names = ("out_channels", "in_channels", "groups", "num_experts")
    counts = [count for name in names if isinstance(count := getattr(module, name, None), int)]
    if len(rows) != 2 or len(counts) != len(names) or not isinstance(window, tuple):
        return None
    outputs, inputs, groups, experts = counts
    kernel = (outputs, inputs // groups, *window)
    lying = outputs if parameter.attribute == "bias" else math.prod(kernel)
    return kernel if rows == (experts, lying) else None


def _set_by_its_module(parameter: Parameter) -> Decision:
    """A factor starts at one; what enters through a curve of its own stays as its module sets it."""
    subject = f"{parameter.kind} {parameter.attribute}"
    if parameter.role == "scale":
        return Ones(), f"{subject}: one, so that it changes nothing"
    return Keep(), f"{subject} enters through {parameter.operation or 'a curve'}: kept as its module sets it"


def _neutral(parameter: Parameter) -> Decision:
    """Return what makes a norm scale by one: ones, or zeros where its module adds one to the weight."""
    if parameter.usage is not None and parameter.usage.neutral == 0.0:
        return Zeros(), f"{parameter.kind} {parameter.attribute}: zero, since the norm adds one to it"
    return Ones(), f"{parameter.kind} {parameter.attribute}: one"


def _scheme(choose: Callable[[Parameter], Initializer]) -> Callable[[Reading], Callable[[Parameter], Decision]]:
    def decide(parameter: Parameter) -> Decision:
        if parameter.role != "weight":
            return plain(parameter)
        if expert_kernel(parameter) is not None:
            return None  # its stored axes have no fans
        return choose(parameter), f"{parameter.kind} {parameter.attribute}"

    return lambda reading: decide


def _by_type(parameter: Parameter) -> Initializer:
    convolution = (parameter.operation or "").startswith("conv")
    return KaimingNormal(mode="fan_out", nonlinearity="relu") if convolution else XavierUniform()


KAIMING = Recipe(
    name="kaiming",
    summary="Kaiming normal (fan_in, ReLU) on every weight matrix and kernel, zero biases",
    source="He, Zhang, Ren, Sun 2015, Delving Deep into Rectifiers (arXiv:1502.01852)",
    laws=(("weight matrices and kernels", "N(0, 2 / fan_in)"), *SHARED),
    decide=_scheme(lambda parameter: KaimingNormal()),
)

XAVIER = Recipe(
    name="xavier",
    summary="Xavier uniform on every weight matrix and kernel, zero biases",
    source="Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
    laws=(("weight matrices and kernels", "U(±sqrt(6 / (fan_in + fan_out)))"), *SHARED),
    decide=_scheme(lambda parameter: XavierUniform()),
)

CLASSIC = Recipe(
    name="classic",
    summary="by layer type: convolutions Kaiming normal (fan_out, ReLU), linear layers Xavier uniform, zero biases",
    source="He et al. 2015 (arXiv:1502.01852) and Glorot, Bengio 2010; convolutions as in torchvision's ResNet",
    laws=(
        ("convolution kernels", "N(0, 2 / fan_out)"),
        ("other weight matrices", "U(±sqrt(6 / (fan_in + fan_out)))"),
        *SHARED,
    ),
    decide=_scheme(_by_type),
)
