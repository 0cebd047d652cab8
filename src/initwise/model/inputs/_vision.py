"""Inputs of timm and torchvision: images of the size that a model was made for, and what else they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from initwise.model.inputs._example import Example
from initwise.model.inputs._tensors import floats

CHANNELS = 3
MOST_CHANNELS = 16  # of satellite images and their kind
SIDE = 224
BIG = 512  # from this size on one image is enough
FRAMES = 16
DETECTED = 224  # images for detectors, which take any size
FLOW = 128  # the smallest side that RAFT takes


def timm_candidates(model: Any) -> Iterator[Example]:
    """Yield images of the size that the model was built for, else of that in its `pretrained_cfg` or `default_cfg`."""
    for size in dict.fromkeys(_sizes(model)):
        yield Example((images(_channels(model), *size),))


def _sizes(model: Any) -> Iterator[tuple[int, int]]:
    """Yield heights and widths; `img_size=` of a model built with another size stands in its patch embedding only."""
    built = getattr(getattr(model, "patch_embed", None), "img_size", None)
    if built is not None:
        yield built[0], built[1]
    for name in ("pretrained_cfg", "default_cfg"):
        settings = getattr(model, name, None)
        if isinstance(settings, Mapping) and settings.get("input_size"):
            yield tuple(settings["input_size"])[1:]
    yield SIDE, SIDE


def _channels(model: nn.Module) -> int:
    """The channels that the first convolution takes, since `in_chans=` changes no setting.

    Where it takes more than an image can have, something folds pixels into channels before it.
    """
    first = next((module for module in model.modules() if module._parameters and module is not model), None)
    taken = first.in_channels if isinstance(first, nn.Conv2d) else CHANNELS
    return taken if taken <= MOST_CHANNELS else CHANNELS


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
