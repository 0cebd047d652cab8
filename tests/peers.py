"""Libraries that others wrote, made importable where they and this build of torch do not quite fit.

`make` puts torchvision and timm into a folder of their own beside the environment's packages. There is no CPU build of
torchvision: where it can be imported only after `torchvision_operators`, transformers, which imports it if it is there,
could not be used from the command line of the same environment.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch


def torchvision_operators() -> torch.library.Library | None:
    """Declare the operators torchvision asks for at import, where its compiled ones do not fit this build of torch.

    That is so beside a CPU build of torch. torchvision then builds its models, which is all that we need of it; and
    transformers and timm import it. The declaration lives as long as the returned object.
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


sys.path.append(str(Path(sys.prefix) / "vision"))
TORCHVISION = torchvision_operators()
