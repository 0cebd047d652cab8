"""Small models that torchvision, timm and transformers build from their own code; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import nn

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

WORDS = 2000
SPECIAL: Mapping[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WIDE: Mapping[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 6,
    "intermediate_size": 1024, "max_position_embeddings": 128, **SPECIAL,
}  # fmt: skip


def torchvision(name: str, **settings: Any) -> nn.Module:
    """A model of torchvision."""
    from torchvision import models

    model: nn.Module = models.get_model(name, weights=None, **settings)
    return model


def timm(name: str, **settings: Any) -> nn.Module:
    """A model of timm."""
    from timm import create_model

    model: nn.Module = create_model(name, pretrained=False, **settings)
    return model


def transformers(name: str, **settings: Any) -> nn.Module:
    """A model of transformers."""
    import transformers as library

    library.utils.logging.set_verbosity_error()
    kind = getattr(library, name)
    model: nn.Module = kind(kind.config_class(**settings))
    return model
