"""`torch-default`: what the constructors of `torch.nn` draw, parameter by parameter (as read in torch 2.13)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.fans import fans, torch_fans
from initwise.initializers import Constant, Normal, Ones, Uniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._by_type import SLOPE, expert_kernel, is_bias, plain
from initwise.recipes._recipe import Decision, Recipe

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
# What PyTorch's layers draw, and the names of the parameters that they have themselves.
_DRAWN = (
    ((RNNBase, RNNCellBase), r"(weight|bias)_.*"),
    ((nn.MultiheadAttention,), r"(in|q|k|v)_proj_(weight|bias)|bias_[kv]"),
    ((nn.Linear, nn.Bilinear, _ConvNd, nn.PReLU, nn.Embedding, nn.EmbeddingBag, *_NORMS), r"weight|bias"),
)


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    def decide(parameter: Parameter) -> Decision:
        if parameter.ndim > 1 and _within_transformer(parameter, reading):
            return _xavier(parameter, "nn.Transformer draws Xavier uniform over every parameter of two axes or more")
        return _by_module(parameter, reading)

    return decide


def _by_module(parameter: Parameter, reading: Reading) -> Decision:
    table = parameter.role == "embedding" and not is_bias(parameter)
    if table or parameter.role in ("norm_weight", "norm_bias"):
        return plain(parameter)
    drawn = _as_drawn(parameter)
    return _raw(parameter, reading) if drawn is None else _layer(drawn, drawn.module, reading)


def _as_drawn(parameter: Parameter) -> Parameter | None:
    """Return the parameter as the first of its owners has it that PyTorch draws; None where none of them does.

    What a subclass adds to a layer of PyTorch (gains, adapters) is not drawn with it.
    """
    for owner in parameter.owners:
        if re.fullmatch(_own_names(owner.module), owner.attribute):
            others = (each for each in parameter.owners if each is not owner)
            return replace(parameter, owners=(owner, *others))
    return None


def _own_names(module: nn.Module) -> str:
    of_transformers = "weight|bias" if type(module).__name__ == "Conv1D" else ""
    return next((names for kinds, names in _DRAWN if isinstance(module, kinds)), of_transformers)


def _layer(parameter: Parameter, module: nn.Module, reading: Reading) -> Decision:
    if isinstance(module, nn.PReLU):
        start = float(getattr(module, "init", SLOPE))
        return Constant(start), f"PReLU weight: {start:g}"
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return Normal(), f"{_subject(parameter)}: N(0, 1)"
    if isinstance(module, _NORMS):
        return _norm(parameter)
    if isinstance(module, nn.MultiheadAttention):
        return _attention(parameter)
    if parameter.attribute == "bias" and _is_attention_output(parameter, reading):
        return Zeros(), "bias of attention's output projection: zero"
    if isinstance(module, (RNNBase, RNNCellBase)):
        return _uniform(parameter, "hidden_size", module.hidden_size)
    if isinstance(module, nn.Linear):
        return _uniform(parameter, "in_features", module.in_features)
    if isinstance(module, nn.Bilinear):
        return _uniform(parameter, "in1_features", module.in1_features)
    return _convolution(parameter, module) if isinstance(module, _ConvNd) else _conv1d(parameter)


def _uniform(parameter: Parameter, what: str, count: int) -> Decision:
    if count == 0:
        return Zeros(), f"{parameter.kind} without inputs: zero"
    bound = 1 / math.sqrt(count)
    return Uniform(-bound, bound), f"{_subject(parameter)}: U(±1/sqrt({what} {count}))"


def _convolution(parameter: Parameter, module: _ConvNd) -> Decision:
    """The bound of weight and bias; a transposed convolution takes its output channels, as its weight's axis 1 says."""
    kernel = math.prod(module.kernel_size)
    if isinstance(module, _ConvTransposeNd):
        return _uniform(parameter, "out_channels / groups * kernel =", module.out_channels // module.groups * kernel)
    return _uniform(parameter, "in_channels / groups * kernel =", module.in_channels // module.groups * kernel)


def _attention(parameter: Parameter) -> Decision:
    if parameter.attribute in ("bias_k", "bias_v"):
        size = torch_fans(parameter.shape).fan_in
        return Normal(std=1 / math.sqrt(size)), f"{_subject(parameter)}: Xavier normal, N(0, 1/{size})"
    if parameter.attribute.endswith("bias"):
        return Zeros(), f"{_subject(parameter)}: zero"
    whole = " over the packed matrix" if parameter.blocks is not None else ""
    return _xavier(parameter, f"{_subject(parameter)}: Xavier uniform{whole}")


def _xavier(parameter: Parameter, why: str) -> Decision:
    """Xavier uniform with the fans that `torch.nn.init` reads from the shape."""
    fans = torch_fans(parameter.shape)
    if fans.fan_in + fans.fan_out == 0:
        return Zeros(), "an empty parameter"
    bound = math.sqrt(6 / (fans.fan_in + fans.fan_out))
    return Uniform(-bound, bound), f"{why}: U(±sqrt(6 / ({fans.fan_in} + {fans.fan_out})))"


def _conv1d(parameter: Parameter) -> Decision:
    """The x @ W layer of transformers, as its constructor draws it."""
    if parameter.attribute == "weight":
        return Normal(std=0.02), f"{_subject(parameter)}: N(0, 0.02²), as its constructor draws"
    return Zeros(), f"{_subject(parameter)}: zero"


def _norm(parameter: Parameter) -> Decision:
    bias = parameter.attribute == "bias"
    return (Zeros(), f"{_subject(parameter)}: zero") if bias else (Ones(), f"{_subject(parameter)}: one")


def _raw(parameter: Parameter, reading: Reading) -> Decision:
    """Of a module that PyTorch does not have: as the layer of the same operation draws; nothing where none has it."""
    if parameter.role == "slope":
        return plain(parameter)
    expert = expert_kernel(parameter)
    if expert is not None:
        return _uniform(parameter, "in_channels / groups * kernel =", math.prod(expert[1:]))
    weight = parameter if parameter.role in ("weight", "recurrent") else _weight_of(parameter, reading)
    if weight is None or weight.axes is None:
        return None
    count = fans(weight.shape, weight.axes).fan_in
    if count == 0:
        return Zeros(), f"{_subject(parameter)}: no inputs, zero"
    bound = 1 / math.sqrt(count)
    why = f"{_subject(parameter)}, used like the layer of {weight.operation}: U(±1/sqrt(fan_in {count}))"
    return Uniform(-bound, bound), why


def _weight_of(parameter: Parameter, reading: Reading) -> Parameter | None:
    """Return the weight that a bias belongs to: by its name (`up`, `up_bias`), else the only one beside it."""
    if not is_bias(parameter):
        return None
    beside = [
        each for each in reading.parameters if each.module is parameter.module and each.role in ("weight", "recurrent")
    ]
    stem = parameter.attribute.removesuffix("_bias")
    found = [each for each in beside if each.attribute in (stem, f"{stem}_weight")] or beside
    return found[0] if len(found) == 1 else None


def _subject(parameter: Parameter) -> str:
    return f"{parameter.kind} {parameter.attribute}"


def _is_attention_output(parameter: Parameter, reading: Reading) -> bool:
    above, _, name = parameter.module_name.rpartition(".")
    return name == "out_proj" and isinstance(reading.modules.get(above), nn.MultiheadAttention)


def _within_transformer(parameter: Parameter, reading: Reading) -> bool:
    name = parameter.module_name
    while not isinstance(reading.modules.get(name), nn.Transformer):
        if not name:
            return False
        name = name.rpartition(".")[0]
    return True


TORCH_DEFAULT = Recipe(
    name="torch-default",
    summary="exactly the laws that the constructors of torch.nn draw from, biases and recurrent weights included",
    source="torch.nn.modules of PyTorch 2.13",
    laws=(
        ("Linear", "weight and bias U(±1/sqrt(in_features)), which is neither Kaiming for ReLU nor Xavier"),
        ("Conv*d", "weight and bias U(±1/sqrt(in_channels / groups * kernel))"),
        ("ConvTranspose*d", "weight and bias U(±1/sqrt(out_channels / groups * kernel))"),
        ("Bilinear", "weight and bias U(±1/sqrt(in1_features))"),
        ("Embedding, EmbeddingBag", "N(0, 1), the padding row zero"),
        ("RNN, LSTM, GRU and cells", "weights and biases U(±1/sqrt(hidden_size))"),
        (
            "MultiheadAttention",
            "in_proj U(±sqrt(1.5 / embed_dim)), separate projections Xavier uniform, biases 0, "
            "bias_k and bias_v N(0, 1 / embed_dim)",
        ),
        ("Transformer", "Xavier uniform, fans by shape, over every parameter of two axes or more"),
        ("norms", "weight 1, bias 0"),
        ("PReLU", "the `init` it was made with, 0.25 by default"),
        ("Conv1D of transformers", "N(0, 0.02²), bias 0"),
        (
            "weights and biases of other modules",
            "U(±1/sqrt(fan_in)), as the layer of the same operation; other parameters of theirs have no default",
        ),
    ),
    decide=_decide,
)
