"""`keras-default`: what the layers of Keras draw, for a port that starts from the same laws (as read in Keras 3)."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.fans import fans
from initwise.initializers import Ones, Orthogonal, PerBlock, Uniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import is_bias, is_table_layer, plain
from initwise.recipes._recipe import Decision, Recipe

EMBEDDING = 0.05  # "uniform" in Keras: RandomUniform(-0.05, 0.05)


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    return lambda parameter: _decision(parameter, reading)


def _decision(parameter: Parameter, reading: Reading) -> Decision:
    role, subject = parameter.role, f"{parameter.kind} {parameter.attribute}"
    if is_bias(parameter):
        return _bias(parameter, subject)
    if role == "embedding" or is_table_layer(parameter):
        return Uniform(-EMBEDDING, EMBEDDING), f"{subject}: U(±{EMBEDDING})"
    if role == "recurrent":
        return _recurrent(parameter, subject)
    if role == "slope":
        return Zeros(), f"{subject}: 0, where PReLU starts in Keras"
    if role != "weight":
        return plain(parameter)
    module = parameter.module
    if isinstance(module, nn.MultiheadAttention):
        return _head_projection(parameter, module, subject)
    attention = _attention_above(parameter, reading)
    return _output_projection(attention, subject) if attention is not None else _kernel(parameter, subject)


def _kernel(parameter: Parameter, subject: str) -> Decision:
    """Glorot uniform with the fans that Keras reads from the kernel's shape; (in, out, *window) in its order of axes.

    All gates of a recurrent layer are one kernel there, and the groups of a convolution do not divide its outputs.
    """
    axes = parameter.axes
    if axes is None:
        return None
    transposed = (parameter.operation or "").startswith("conv_transpose")
    stride = axes.stride if transposed else 1  # Keras counts a transposed kernel's inputs without the stride
    inputs = fans(parameter.shape, axes).fan_in * stride
    outputs = fans(parameter.shape, axes).fan_out * (1 if transposed else axes.groups)
    return _glorot(inputs, outputs, subject)


def _glorot(inputs: float, outputs: float, why: str) -> Decision:
    if inputs + outputs == 0:
        return Zeros(), f"{why}: empty"
    bound = math.sqrt(6 / (inputs + outputs))
    return Uniform(-bound, bound), f"{why}: Glorot uniform, U(±sqrt(6 / ({inputs:g} + {outputs:g})))"


def _recurrent(parameter: Parameter, subject: str) -> Decision:
    """Keras draws one orthogonal matrix over all gates: W^T W = 1, which gates of gain 1/sqrt(gates) have as well."""
    gates = len(parameter.blocks.names) if parameter.blocks is not None else 1
    if gates == 1:
        return Orthogonal(), f"{subject}, recurrent: orthogonal"
    why = f"{subject}, recurrent: orthogonal / sqrt({gates} gates), as columns of one orthogonal matrix over all gates"
    return Orthogonal(gain=1 / math.sqrt(gates)), why


def _bias(parameter: Parameter, subject: str) -> Decision:
    blocks = parameter.blocks
    first = parameter.attribute.startswith("bias_ih")
    if blocks is None or "f" not in blocks.names or not isinstance(parameter.module, (RNNBase, RNNCellBase)):
        return Zeros(), f"{subject}: zero"
    if not first:
        return Zeros(), f"{subject}: zero; the forget gate's one stands in bias_ih, and PyTorch adds the two"
    return PerBlock(f=Ones(), rest=Zeros()), f"{subject}: forget gate one, zero elsewhere"


def _head_projection(parameter: Parameter, module: nn.MultiheadAttention, subject: str) -> Decision:
    """The kernel (in, heads, head size) of query, key and value; Keras takes its first axis for a window."""
    inputs = parameter.shape[1]
    why = f"{subject}, kernel ({inputs}, {module.num_heads} heads, {module.head_dim}) in Keras"
    return _glorot(inputs * module.num_heads, inputs * module.head_dim, why)


def _output_projection(attention: nn.MultiheadAttention, subject: str) -> Decision:
    """The kernel (heads, head size, out) of the output; Keras takes the heads for a window."""
    heads, size, outputs = attention.num_heads, attention.head_dim, attention.embed_dim
    return _glorot(heads * size, heads * outputs, f"{subject}, kernel ({heads} heads, {size}, {outputs}) in Keras")


def _attention_above(parameter: Parameter, reading: Reading) -> nn.MultiheadAttention | None:
    above, _, name = parameter.module_name.rpartition(".")
    module = reading.modules.get(above)
    return module if name == "out_proj" and isinstance(module, nn.MultiheadAttention) else None


KERAS_DEFAULT = Recipe(
    name="keras-default",
    summary="the laws that Keras layers draw from: Glorot uniform, zero biases, forget gates one",
    source="Keras 3: keras.layers, keras.initializers",
    laws=(
        ("Dense, Conv*D", "U(±sqrt(6 / (fan_in + fan_out))); groups do not divide fan_out"),
        ("Conv*DTranspose", "U(±sqrt(6 / ((in + out) * kernel))), whatever the stride"),
        ("Embedding", "U(±0.05), the padding row zero"),
        ("LSTM, GRU, SimpleRNN kernels", "U(±sqrt(6 / (in + gates * hidden))), over all gates"),
        (
            "recurrent kernels",
            "orthogonal / sqrt(gates): each gate orthogonal, and W^T W = 1 as in Keras's one matrix over all gates",
        ),
        ("LSTM biases", "forget gate 1 in bias_ih, 0 in bias_hh, which PyTorch adds to it; other gates 0"),
        (
            "MultiHeadAttention",
            "query, key, value U(±sqrt(6 / (in * (heads + head size)))), output U(±sqrt(6 / (dim + heads * dim))): "
            "Keras takes the first axis of a kernel of three for a window",
        ),
        ("norms", "weight 1 (0 where the module adds 1 to it), bias 0"),
        ("other biases", "0"),
        ("PReLU", "0"),
    ),
    decide=_decide,
)
