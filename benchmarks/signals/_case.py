"""`Case`: a model with its inputs and the plan of its reference; how the three libraries build theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


@dataclass(frozen=True)
class Case:
    """A model, what it is called with, and how it is initialized.

    Attributes:
        name: library and architecture.
        recipe: the recipe that draws from the laws of its reference; "auto" where there is none.
        build: makes the model, with memory.
        inputs: what `iw.plan`, `iw.predict` and a measured pass are given, the same each time.
        traits: what about it is hard to predict, in words of the issue: "class token", "experts".
    """

    name: str
    recipe: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Any]
    traits: frozenset[str] = frozenset()

    @property
    def slug(self) -> str:
        """Its name as a file's."""
        return self.name.replace(" ", "-").lower()


def case(name: str, recipe: str, build: Callable[[], nn.Module], inputs: Callable[[], Any], *traits: str) -> Case:
    """Return a case."""
    return Case(name, recipe, build, inputs, frozenset(traits))


def vision(name: str, recipe: str, side: int, batch: int, *traits: str, **settings: Any) -> Case:
    """An architecture of torchvision."""
    return case(f"torchvision {name}", recipe, partial(_torchvision, name, settings), images(side, batch), *traits)


def timm(name: str, recipe: str, side: int, batch: int, *traits: str, **settings: Any) -> Case:
    """An architecture of timm; images of `side` pixels, which vision transformers are told."""
    return case(f"timm {name}", recipe, partial(_timm, name, settings), images(side, batch), *traits)


def transformers(name: str, recipe: str, settings: Mapping[str, Any], inputs: Callable[[], Any], *traits: str) -> Case:
    """An architecture of transformers."""
    return case(f"transformers {name}", recipe, partial(_transformers, name, settings), inputs, *traits)


def images(side: int, batch: int) -> Callable[[], Any]:
    """Standard normal images."""
    return lambda: noise(batch, 3, side, side)


def noise(*shape: int) -> Tensor:
    """Standard normal numbers, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def words(count: int, length: int = 48, batch: int = 2, *, seed: int = 0) -> Tensor:
    """Random token ids; the first three, which often mean padding and the like, are left out."""
    return torch.randint(3, count, (batch, length), generator=torch.Generator().manual_seed(seed))


def text(count: int, length: int = 48, **more: Any) -> Callable[[], Any]:
    """Random token ids as keyword arguments."""
    return lambda: {"input_ids": words(count, length), **more}


def text_to_text(count: int) -> Callable[[], Any]:
    """Random token ids for encoder and decoder."""
    return lambda: {
        "input_ids": words(count),
        "decoder_input_ids": words(count, 32, seed=1),
        "use_cache": False,
    }


def _torchvision(name: str, settings: Mapping[str, Any]) -> nn.Module:
    import torchvision

    model: nn.Module = torchvision.models.get_model(name, weights=None, **settings)
    return model


def _timm(name: str, settings: Mapping[str, Any]) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False, **settings)
    return model


def _transformers(name: str, settings: Mapping[str, Any]) -> nn.Module:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, name)
    model: nn.Module = kind(kind.config_class(**settings))
    return model
