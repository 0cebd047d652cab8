"""Building an architecture on the meta device: no memory, no weights, nothing downloaded."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmarks.zoo.entries import Entry
from benchmarks.zoo.settings import BUFFERS
from benchmarks.zoo.shrink import smallest

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


def build(entry: Entry) -> nn.Module:
    """Return the model on meta, a model of transformers with as few layers as its configuration lets it have."""
    from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

    return {"timm": _timm, "torchvision": _torchvision, "transformers": _transformers}[entry.library](entry.name)


def _timm(name: str) -> nn.Module:
    import timm

    return _on_meta(timm.create_model, name, pretrained=False)


def _torchvision(name: str) -> nn.Module:
    import torchvision

    torchvision.ops.boxes.nms = _keep_all
    torchvision.ops.poolers.roi_align = _pool_all
    builder = torchvision.models.get_model_builder(name)
    backbone = {"weights_backbone": None} if "weights_backbone" in inspect.signature(builder).parameters else {}
    return _on_meta(builder, weights=None, **backbone)


def _keep_all(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression that suppresses nothing: the compiled one needs a torchvision that fits this torch."""
    return scores.argsort(descending=True)


def _pool_all(features: Tensor, boxes: Tensor, output_size: Any, *_: Any, **__: Any) -> Tensor:
    """What is inside of a box, for shapes only: all of its image. The reason is the same."""
    return nn.functional.adaptive_avg_pool2d(features, output_size)[boxes[:, 0].long()]


def _transformers(name: str) -> nn.Module:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, name)
    try:
        return _on_meta(kind, smallest(kind.config_class, name))
    except Exception:  # noqa: BLE001 - whatever it is that forbids fewer layers, the default has to do
        return _on_meta(kind, smallest(kind.config_class, name, shorten=False))


def _on_meta(make: Any, *args: Any, **kwargs: Any) -> nn.Module:
    """Call `make` with meta as the device of all that it makes, or of its weights alone where it computes with some."""
    if getattr(getattr(make, "config_class", None), "model_type", "") not in BUFFERS:
        try:
            with torch.device("meta"):
                return _module(make(*args, **kwargs))
        except (NotImplementedError, RuntimeError):
            pass  # a value of a tensor was asked for
    with _WeightsOnMeta():
        return _module(make(*args, **kwargs))


class _WeightsOnMeta(TorchFunctionMode):
    """What layers make their weights with, makes them on meta."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.empty, torch.randn, torch.rand):
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


def _module(built: Any) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise TypeError(f"this is a {type(built).__name__}, no module")
    return built
