"""Inputs of timm and torchvision: images of the size that a model was made for, and what else they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from initwise.model.inputs._example import Example
from initwise.model.inputs._tensors import floats

CHANNELS = 3
SIDE = 224
BIG = 512  # from this size on one image is enough
FRAMES = 16
DETECTED = 224  # images for detectors, which take any size
FLOW = 128  # the smallest side that RAFT takes


def timm_candidates(model: Any) -> Iterator[Example]:
    """Yield images as `pretrained_cfg` describes them, then as `default_cfg` does, then of the usual size."""
    seen: set[tuple[int, ...]] = set()
    for settings in (getattr(model, "pretrained_cfg", None), getattr(model, "default_cfg", None), {}):
        if isinstance(settings, Mapping):
            size = tuple(settings.get("input_size") or (CHANNELS, SIDE, SIDE))
            if size not in seen:
                seen.add(size)
                yield Example((images(*size),))


def torchvision_candidates(model: nn.Module) -> Iterator[Example]:
    """Yield images, a list of images, two images or a video, as the family of the model takes them."""
    family = next(kind.__module__ for kind in type(model).__mro__ if kind.__module__.startswith("torchvision."))
    if ".detection" in family:
        yield Example(([floats(CHANNELS, DETECTED, DETECTED)],))
    elif ".optical_flow" in family:
        yield Example((floats(1, CHANNELS, FLOW, FLOW), floats(1, CHANNELS, FLOW, FLOW)))
    elif ".video" in family or any(isinstance(each, nn.Conv3d) for each in model.modules()):
        yield Example((floats(1, CHANNELS, FRAMES, SIDE, SIDE),))
    else:
        side = getattr(model, "image_size", None)
        for each in (side,) if isinstance(side, int) else (SIDE, 299):
            yield Example((images(CHANNELS, each, each),))


def images(channels: int, height: int, width: int) -> Tensor:
    """Return two images, or one where they are big."""
    return floats(1 if max(height, width) >= BIG else 2, channels, height, width)
