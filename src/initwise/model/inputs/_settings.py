"""Looking up settings in a configuration of transformers, and in the configurations of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TEXT = (
    "text_config",
    "vlm_config",
    "thinker_config",
    "language_config",
    "llm_config",
    "decoder_config",
    "decoder",
    "generator",
)
VISION = (
    "vision_config",
    "vision_tower_config",
    "image_config",
    "image_encoder_config",
    "vit_config",
    "backbone_config",
    "perception_encoder_config",
    "vlm_config",
    "thinker_config",
    "encoder",
)
AUDIO = (
    "audio_config",
    "audio_encoder_config",
    "encoder_config",
    "speech_config",
    "acoustic_tokenizer_encoder_config",
    "thinker_config",
    "encoder",
)


def parts(config: Any, names: tuple[str, ...]) -> Iterator[Any]:
    """Yield the configurations that `config` has under `names`, inner ones first, and then itself."""
    for name in names:
        part = getattr(config, name, None)
        if part is not None and hasattr(part, "to_dict") and part is not config:
            yield from parts(part, names)
    yield config


def setting(config: Any, *names: str, within: tuple[str, ...] = (), default: Any = None) -> Any:
    """Return the first of the settings `names` that a part or the configuration itself has, and that is not None."""
    for part in parts(config, within):
        for name in names:
            value = getattr(part, name, None)
            if value is not None:
                return value
    return default


def side(config: Any, within: tuple[str, ...] = VISION, default: int = 224) -> tuple[int, int]:
    """Return height and width of the images that a model takes."""
    size = setting(config, "image_size", "img_size", "input_size", within=within, default=default)
    if isinstance(size, dict):
        return int(size["height"]), int(size["width"])
    if isinstance(size, (tuple, list)):
        return int(size[-2]), int(size[-1])
    return int(size), int(size)


def reserved(config: Any, depth: int = 3) -> set[int]:
    """Return the ids of the special tokens that a configuration names: padding, images, ends of texts, ..."""
    found: set[int] = set()
    for name, value in vars(config).items():
        if hasattr(value, "to_dict") and depth:
            found |= reserved(value, depth - 1)
        elif "token" in name and name.endswith(("_id", "_index", "_ids", "_token")):
            values = value if isinstance(value, (list, tuple)) else (value,)
            found |= {each for each in values if isinstance(each, int) and not isinstance(each, bool)}
    return found
