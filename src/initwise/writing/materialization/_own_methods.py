"""Buffers filled by the methods that modules have for it, on a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from initwise.shards import held
from initwise.writing._poison import poison
from initwise.writing.materialization._arguments import is_pretrained, unsharded
from initwise.writing.materialization._construction import Constructed, constructing
from initwise.writing.materialization._doubt import ANY, written_by
from initwise.writing.materialization._sources import of_a_library

Method = Callable[[Any], object]

_NAMES = ("init_non_persistent_buffers", "_init_buffers")  # timm's
_INTEGERS = (1, 2)  # marks where there is no NaN


def fill_by_own_method(module: nn.Module, above: Sequence[nn.Module], dtype: torch.dtype) -> Iterator[Constructed]:
    """Yield stand-ins of `module` whose buffers its own method filled, each over other marks; none if it has none.

    A buffer is known where all stand-ins agree: then no element is left from the marks, and none depends on them.
    """
    method = _method(module, above)
    if method is None:
        return
    for mark in range(2):
        made = _stand_in(module, mark)
        before = {id(buffer): buffer._version for buffer in made.buffers()}
        with constructing(seed=mark, dtype=dtype):
            method(made)
        yield Constructed(made, before=before)


def _method(module: nn.Module, above: Sequence[nn.Module]) -> Method | None:
    kind = unsharded(type(module))
    if isinstance(module, _NormBase) and _written_by_none_before(kind, _NormBase, {"running_mean", "running_var"}):
        return _NormBase.reset_running_stats
    named = _TABLE.get(_qualified(kind))
    if named is not None:
        return named
    for name in _NAMES:
        maker = next((each for each in kind.__mro__ if name in vars(each)), None)
        if maker is not None and of_a_library(maker) and _written_by_none_before(kind, maker, set(module._buffers)):
            return partial(_call, name)
    for owner in reversed((*above, module)):
        if is_pretrained(owner) and callable(getattr(owner, "_init_weights", None)):
            pretrained: Any = owner
            return partial(_initialize, pretrained)
    return None


def _written_by_none_before(kind: type[nn.Module], maker: type, names: AbstractSet[str]) -> bool:
    """Tell whether no class between a module and the class whose method it is writes into these buffers."""
    between = kind.__mro__[: kind.__mro__.index(maker)]
    return all(
        written_by(each, itself=True).isdisjoint({*names, ANY})
        for each in between
        if not f"{each.__module__}.".startswith("torch.")
    )


def _initialize(owner: Any, module: nn.Module) -> None:
    owner._init_weights(module)


def _call(name: str, module: nn.Module) -> None:
    getattr(module, name)()


def _qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _swin(module: Any) -> None:
    module.define_relative_position_bias_table()
    module.define_relative_position_index()


def _frozen_norm(module: Any) -> None:
    for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
        getattr(module, name).fill_(value)


def _maxvit(module: Any) -> None:
    from torchvision.models.maxvit import _get_relative_position_index

    module.relative_position_index = _get_relative_position_index(module.size, module.size)


# What torchvision's modules do in their constructors, which take arguments that they do not keep.
_TABLE: dict[str, Method] = {
    "torchvision.models.swin_transformer.ShiftedWindowAttention": _swin,
    "torchvision.models.swin_transformer.ShiftedWindowAttentionV2": _swin,
    "torchvision.models.video.swin_transformer.ShiftedWindowAttention3d": _swin,
    "torchvision.models.maxvit.RelativePositionalMultiHeadAttention": _maxvit,
    "torchvision.ops.misc.FrozenBatchNorm2d": _frozen_norm,
}


@torch.inference_mode(mode=False)
def _stand_in(module: nn.Module, mark: int) -> nn.Module:
    """Return a copy on the CPU whose parameters have no memory and whose empty buffers are marked."""
    made: nn.Module = object.__new__(unsharded(type(module)))
    made.__dict__.update(vars(module))
    made._parameters = {name: None if each is None else _hollow(each) for name, each in module._parameters.items()}
    made._buffers = {name: None if each is None else _marked(each, mark) for name, each in module._buffers.items()}
    made._modules = {name: None if each is None else _stand_in(each, mark) for name, each in module._modules.items()}
    made._non_persistent_buffers_set = set(module._non_persistent_buffers_set)
    return made


def _hollow(parameter: nn.Parameter) -> nn.Parameter:
    shape = held(parameter).whole
    return nn.Parameter(torch.empty(shape, dtype=parameter.dtype, device="meta"), requires_grad=parameter.requires_grad)


def _marked(buffer: Tensor, mark: int) -> Tensor:
    if not buffer.is_meta:
        return buffer.detach().to("cpu", copy=True)
    made = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")
    if mark or not poison(made):
        made.fill_(_INTEGERS[mark] if made.dtype is not torch.bool else bool(mark))
    return made
