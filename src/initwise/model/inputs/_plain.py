"""Candidates for a model that no library knows: its first layer says what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.model.inputs._example import Example
from initwise.model.inputs._tensors import floats, integers

SIDES = {1: (32, 64, 1024, 16000), 2: (32, 64, 224, 28, 299, 16), 3: (16, 32)}  # sizes of signals, images, volumes
LENGTH = 16
BATCH = 2


def plain_candidates(model: nn.Module) -> Iterator[Example]:
    """Yield inputs that may fit, the likeliest first; nothing where forward takes more than one argument."""
    if isinstance(model, nn.Transformer):
        yield Example((floats(LENGTH, BATCH, model.d_model),) * 2)
        return
    if isinstance(model, (nn.MultiheadAttention, nn.TransformerDecoder, nn.TransformerDecoderLayer)):
        yield from _attention(model)
        return
    if len(required(model)) != 1:
        return
    first = next((module for module in model.modules() if module._parameters and _reader(module)), None)
    for tensor in _tensors(first) if first is not None else ():
        yield Example((tensor,))


def required(model: nn.Module) -> list[str]:
    """Return the names of the arguments that forward has no default for; ["input"] for a forward of `*args`."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [each.name for each in parameters if each.default is each.empty and each.kind in _NAMED]
    anything = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return named or (["input"] if anything else [])


_NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def _attention(model: Any) -> Iterator[Example]:
    if isinstance(model, nn.MultiheadAttention):
        widths = (model.embed_dim, model.kdim or model.embed_dim, model.vdim or model.embed_dim)
        yield Example(tuple(floats(LENGTH, BATCH, width) for width in widths))
    else:
        layer = model.layers[0] if isinstance(model, nn.TransformerDecoder) else model
        yield Example((floats(LENGTH, BATCH, layer.self_attn.embed_dim),) * 2)


def _tensors(first: nn.Module) -> Iterator[Tensor]:
    reader = _reader(first)
    if reader is not None:
        yield from reader(first)


def _reader(module: nn.Module) -> Callable[[Any], Iterator[Tensor]] | None:
    return next((reader for kind, reader in _READERS.items() if isinstance(module, kind)), None)


def _linear(module: nn.Linear) -> Iterator[Tensor]:
    width = module.in_features
    yield floats(BATCH, width)
    yield floats(BATCH, LENGTH, width)
    yield from _images_of(width)


def _images_of(width: int) -> Iterator[Tensor]:
    """Yield images that a flattening in front of a linear layer makes `width` numbers of."""
    for channels in (1, 3):
        side = round((width / channels) ** 0.5)
        if side > 1 and channels * side * side == width:
            yield floats(BATCH, channels, side, side)


def _convolution(module: _ConvNd) -> Iterator[Tensor]:
    dimensions = len(module.kernel_size)
    for side in SIDES[dimensions]:
        yield floats(BATCH, module.in_channels, *(side,) * dimensions)


def _embedding(module: nn.Embedding | nn.EmbeddingBag) -> Iterator[Tensor]:
    yield integers(BATCH, LENGTH, high=module.num_embeddings)
    yield integers(BATCH, high=module.num_embeddings)


def _recurrent(module: RNNBase) -> Iterator[Tensor]:
    shape = (BATCH, LENGTH) if module.batch_first else (LENGTH, BATCH)
    yield floats(*shape, module.input_size)


def _cell(module: RNNCellBase) -> Iterator[Tensor]:
    yield floats(BATCH, module.input_size)


def _width(module: Any) -> Iterator[Tensor]:
    shape = tuple(module.normalized_shape)
    yield floats(BATCH, *shape)
    yield floats(BATCH, LENGTH, *shape)


def _channels(module: Any) -> Iterator[Tensor]:
    channels = module.num_features if isinstance(module, _NormBase) else module.num_channels
    for dimensions in (2, 1, 0, 3):
        yield floats(BATCH, channels, *(32,) * dimensions)


def _tokens(module: nn.MultiheadAttention) -> Iterator[Tensor]:
    shape = (BATCH, LENGTH) if module.batch_first else (LENGTH, BATCH)
    yield floats(*shape, module.embed_dim)


_READERS: dict[Any, Callable[[Any], Iterator[Tensor]]] = {
    nn.Linear: _linear,
    _ConvNd: _convolution,
    (nn.Embedding, nn.EmbeddingBag): _embedding,
    RNNBase: _recurrent,
    RNNCellBase: _cell,
    nn.MultiheadAttention: _tokens,
    (nn.LayerNorm, nn.RMSNorm): _width,
    (_NormBase, nn.GroupNorm): _channels,
}
