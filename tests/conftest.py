"""What every test may rely on: no network, and a torchvision that can be imported wherever it is installed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

os.environ["HF_HUB_OFFLINE"] = (
    "1"  # before any import of transformers or timm: tests never ask for a file they do not have
)


def _torchvision_operators() -> torch.library.Library | None:
    """Declare the operators torchvision asks for at import, where its compiled ones do not fit this build of torch.

    That is so beside a CPU build of torch; torchvision then builds its models, which is all that tests here need.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    try:
        for compiled in Path(spec.origin).parent.glob("_C*"):
            torch.ops.load_library(compiled)
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


_TORCHVISION = _torchvision_operators()  # a declaration lives as long as its library object
