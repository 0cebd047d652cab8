"""`config.json` beside the weights of a model of transformers, so that `from_pretrained` takes the folder."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from initwise.writing.materialization import is_pretrained

CONFIG = "config.json"


def config(model: nn.Module) -> bytes | None:
    """Return the configuration of a model of transformers as it stores it itself; None for other models."""
    inner = _unwrapped(model)
    if not is_pretrained(inner):
        return None
    stored: Any = copy.deepcopy(inner.config)
    stored.architectures = [type(inner).__name__]
    dtype = next((each.dtype for each in inner.parameters() if each.is_floating_point()), None)
    if dtype is not None:
        stored.dtype = str(dtype).removeprefix("torch.")
    text: str = stored.to_json_string(use_diff=True)
    return text.encode()


def _unwrapped(model: nn.Module) -> Any:
    inner: Any = getattr(model, "_orig_mod", model)
    return inner.module if isinstance(inner, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else inner
