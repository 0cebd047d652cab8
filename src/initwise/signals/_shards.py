"""Sharded models: their parameters are gathered while modules run, and freed on the way back."""

from __future__ import annotations

import contextlib

from torch import nn

from initwise.model import Reading

_KINDS = frozenset({"FSDPModule", "FullyShardedDataParallel"})


def is_sharded(reading: Reading) -> bool:
    """Tell whether parameters are gathered while their modules run, so that gradients arrive at others than those."""
    return any(not _kinds(module).isdisjoint(_KINDS) for module in reading.model.modules())


def let_go(model: nn.Module) -> None:
    """Free what `fully_shard` gathered for a pass that did not come back, so that the model can be used again."""
    for module in model.modules():
        if "FSDPModule" in _kinds(module):
            with contextlib.suppress(RuntimeError):  # it is not the root of its kind, which frees those below it
                module.reset_iter_state()  # type: ignore[operator]


def _kinds(module: nn.Module) -> set[str]:
    return {kind.__name__ for kind in type(module).__mro__}
