"""The parameters of PyTorch's layers: for each module type, how each of its parameters is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.axes import Axes, Blocks
from initwise.model._norms import neutral_weight
from initwise.model._state_space import readers as state_space_readers
from initwise.model._transformers import reader as transformers_reader
from initwise.model._usage import Role, Usage
from initwise.model._vision import readers as vision_readers

Reader = Callable[[Any], dict[str, Usage]]

ROWS = Axes(fan_in=(1,), fan_out=(0,))  # weight of shape (out, in)
COLUMNS = Axes(fan_in=(0,), fan_out=(1,))  # weight of shape (in, out)
GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n"), "RNN": ()}


def usages(module: nn.Module) -> dict[str, Usage]:
    """Return how each parameter of `module` itself is used, by attribute; empty for a type that is not known.

    A subclass is read like its nearest known base class; what that one does not know, the next ones may.
    """
    found: dict[str, Usage] = {}
    for kind in type(module).__mro__:
        found = _of_kind(kind, module) | found
        if found and found.keys() >= module._parameters.keys():
            break
    return found


def _of_kind(kind: type, module: nn.Module) -> dict[str, Usage]:
    neutral = neutral_weight(kind)
    if neutral is not None:
        return _norm(neutral)
    named = NAMED_READERS.get(f"{kind.__module__}.{kind.__qualname__}")
    reader = READERS.get(kind) or named or transformers_reader(kind)
    return reader(module) if reader is not None else {}


def _linear(module: nn.Linear) -> dict[str, Usage]:
    return {"weight": Usage("linear", "weight", ROWS), "bias": Usage("linear", "bias")}


def _conv1d_transformers(module: nn.Module) -> dict[str, Usage]:
    return {"weight": Usage("matmul", "weight", COLUMNS), "bias": Usage("matmul", "bias")}


def _bilinear(module: nn.Bilinear) -> dict[str, Usage]:
    axes = Axes(fan_in=(1, 2), fan_out=(0,))  # (out, in1, in2)
    return {"weight": Usage("bilinear", "weight", axes), "bias": Usage("bilinear", "bias")}


def _convolution(module: _ConvNd) -> dict[str, Usage]:
    dimensions = len(module.kernel_size)
    kernel = tuple(range(2, 2 + dimensions))
    if isinstance(module, _ConvTransposeNd):  # (in, out / groups, *kernel)
        stride = math.prod(module.stride)
        axes = Axes(fan_in=(0,), fan_out=(1,), kernel=kernel, groups=module.groups, stride=stride)
        operation = f"conv_transpose{dimensions}d"
    else:  # (out, in / groups, *kernel)
        axes = Axes(fan_in=(1,), fan_out=(0,), kernel=kernel, groups=module.groups)
        operation = f"conv{dimensions}d"
    return {"weight": Usage(operation, "weight", axes), "bias": Usage(operation, "bias")}


def _embedding(module: nn.Embedding | nn.EmbeddingBag) -> dict[str, Usage]:
    axes = Axes(fan_in=(), fan_out=(1,))  # (vocabulary, dim): a lookup sums one row
    return {"weight": Usage("embedding", "embedding", axes, padding=module.padding_idx)}


def _recurrent(module: RNNBase | RNNCellBase) -> dict[str, Usage]:
    kind = next(name for name in GATES if _is_kind(module, name))
    gates = GATES[kind]
    blocks = Blocks(axis=0, names=gates, sizes=(module.hidden_size,) * len(gates)) if gates else None
    return {name: _recurrent_usage(name, kind.lower(), blocks) for name in _parameter_names(module)}


def _recurrent_usage(name: str, operation: str, blocks: Blocks | None) -> Usage:
    if name.startswith("bias"):
        return Usage(operation, "bias", blocks=blocks)
    if name.startswith("weight_hr"):  # the projection of an LSTM's state, one matrix
        return Usage(operation, "weight", ROWS)
    role: Role = "recurrent" if name.startswith("weight_hh") else "weight"
    return Usage(operation, role, ROWS, blocks)


def _is_kind(module: RNNBase | RNNCellBase, name: str) -> bool:
    mode = getattr(module, "mode", None)  # "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"; cells have none
    if mode is not None:
        return str(mode).startswith(name)
    return isinstance(module, getattr(nn, f"{name}Cell"))


def _parameter_names(module: nn.Module) -> list[str]:
    hidden = getattr(module, "parametrizations", {})
    return [*module._parameters, *(name for name in hidden if name not in module._parameters)]


def _attention(module: nn.MultiheadAttention) -> dict[str, Usage]:
    packed = Blocks(axis=0, names=("q", "k", "v"), sizes=(module.embed_dim,) * 3)
    projections = {f"{name}_proj_weight": Usage("attention", "weight", ROWS) for name in "qkv"}
    return projections | {
        "in_proj_weight": Usage("attention", "weight", ROWS, packed),
        "in_proj_bias": Usage("attention", "bias", blocks=packed),
        "bias_k": Usage("attention", "bias"),  # a token appended to the keys, (1, 1, E)
        "bias_v": Usage("attention", "bias"),
    }


def _norm(neutral: float) -> dict[str, Usage]:
    return {"weight": Usage("norm", "norm_weight", neutral=neutral), "bias": Usage("norm", "norm_bias", neutral=0.0)}


def _torch_norm(module: nn.Module) -> dict[str, Usage]:
    return _norm(1.0)


def _prelu(module: nn.PReLU) -> dict[str, Usage]:
    return {"weight": Usage("prelu", "slope")}


READERS: dict[type, Reader] = {
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    _ConvNd: _convolution,
    nn.Embedding: _embedding,
    nn.EmbeddingBag: _embedding,
    RNNBase: _recurrent,
    RNNCellBase: _recurrent,
    nn.MultiheadAttention: _attention,
    _NormBase: _torch_norm,
    nn.LayerNorm: _torch_norm,
    nn.GroupNorm: _torch_norm,
    nn.RMSNorm: _torch_norm,
    nn.PReLU: _prelu,
}

NAMED_READERS: dict[str, Reader] = {
    "transformers.pytorch_utils.Conv1D": _conv1d_transformers,  # computes x @ weight, stored (in, out)
    "transformers.modeling_utils.Conv1D": _conv1d_transformers,
    **vision_readers(),
    **state_space_readers(),
}
