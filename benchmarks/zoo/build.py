"""Building an architecture on the meta device: no memory, no weights, nothing downloaded."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.entries import Entry
from benchmarks.zoo.shrink import smallest

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


def build(entry: Entry) -> nn.Module:
    """Return the model on meta, a model of transformers with as few layers as its configuration lets it have."""
    from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

    return {"timm": _timm, "torchvision": _torchvision, "transformers": _transformers}[entry.library](entry.name)


def _timm(name: str) -> nn.Module:
    import timm

    with torch.device("meta"):
        return _module(timm.create_model(name, pretrained=False))


def _torchvision(name: str) -> nn.Module:
    import torchvision

    builder = torchvision.models.get_model_builder(name)
    backbone = {"weights_backbone": None} if "weights_backbone" in inspect.signature(builder).parameters else {}
    with torch.device("meta"):
        return _module(builder(weights=None, **backbone))


def _transformers(name: str) -> nn.Module:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, name)
    try:
        return _on_meta(kind, smallest(kind.config_class, name))
    except Exception:  # noqa: BLE001 - whatever it is that forbids fewer layers, the default has to do
        return _on_meta(kind, smallest(kind.config_class, name, shorten=False))


def _on_meta(kind: Any, config: Any) -> nn.Module:
    with torch.device("meta"):
        return _module(kind(config))


def _module(built: Any) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise TypeError(f"this is a {type(built).__name__}, no module")
    return built
