"""Values for the arguments that forward passes of transformers have, by the argument's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.inputs._call import LENGTH, Call
from initwise.model.inputs._settings import AUDIO, TEXT, VISION, reserved, side
from initwise.model.inputs._tensors import boxes, counting, floats, integers, ones, tokens

GRID = 8  # patches along each side of an image, for models that take images as patches
SAMPLES = 15360  # of raw audio: a second at 16 kHz, in whole frames of all sizes that there are


def _text_vocabulary(call: Call) -> int:
    vocabulary = call.setting("vocab_size", "text_vocab_size", "n_vocab", "vocabulary_size", within=TEXT, default=1000)
    table = _table(call.model)
    return min(int(vocabulary), table) if table else int(vocabulary)


def _table(model: Any) -> int:
    """The rows of the input embedding, where the model says which one that is."""
    try:
        return int(model.get_input_embeddings().num_embeddings)
    except (AttributeError, NotImplementedError, TypeError):
        return 0


def _input_ids(call: Call) -> Tensor:
    ids = tokens(*call.shape, vocabulary=_text_vocabulary(call), reserved=reserved(call.config) | set(range(4)))
    _put(ids, _placeholder(call, "image"), call.images, 1)
    _put(ids, _placeholder(call, "audio"), call.audios, 1 + call.images)
    end = call.setting("eos_token_id", within=TEXT)
    end = end[0] if isinstance(end, (list, tuple)) and end else end
    if isinstance(end, int) and 0 <= end < _text_vocabulary(call):
        ids[..., -1] = end  # BART's classifiers read the state at the end of the text
    return ids


def _placeholder(call: Call, what: str) -> Any:
    names = (f"{what}_token_id", f"{what}_token_index", f"{what}_token", f"{what}_placeholder_token_id")
    return call.setting(*names, within=TEXT)


def placeholders(call: Call, ids: Tensor, what: str) -> int:
    """Return how many places for an "image" or "audio" there are in a text."""
    token = _placeholder(call, what)
    return int((ids[:1] == token).sum()) if isinstance(token, int) else 0


def _put(ids: Tensor, token: Any, count: int, start: int) -> None:
    if count and isinstance(token, int):
        ids[..., start : start + count] = token


def _decoder_ids(call: Call) -> Tensor:
    vocabulary = call.setting("vocab_size", within=(*TEXT, "decoder"), default=1000)
    return tokens(call.batch, call.length, vocabulary=int(vocabulary), reserved=reserved(call.config))


def _mask(call: Call) -> Tensor:
    return ones(*call.shape)


def _pixels(call: Call) -> Tensor:
    if "image_grid_thw" in call.parameters or "grid_thw" in call.parameters:
        return _patches(call)
    return floats(call.batch, _channels(call), *side(call.config))


def _channels(call: Call) -> int:
    channels = call.setting("num_channels", "in_channels", "in_chans", "num_input_channels", within=VISION, default=3)
    return channels if isinstance(channels, int) else 3


def _video(call: Call) -> Tensor:
    frames = call.setting("num_frames", "frames_per_clip", within=VISION, default=8)
    return floats(1, int(frames), _channels(call), *side(call.config))


def _patches(call: Call) -> Tensor:
    """Patches of one image, in rows, as Qwen2-VL and those after it take them."""
    size = call.setting("patch_size", "spatial_patch_size", within=VISION, default=14)
    depth = call.setting("temporal_patch_size", within=VISION, default=1)
    return floats(GRID * GRID, _channels(call) * int(depth) * int(size) ** 2)


def _grid(call: Call) -> Tensor:
    return torch.tensor([[1, GRID, GRID]], device="cpu")


def _merged(call: Call) -> int:
    merge = call.setting("spatial_merge_size", "merge_size", within=VISION, default=2)
    return GRID * GRID // int(merge) ** 2


def _hidden_states(call: Call) -> Tensor:
    if "grid_thw" in call.parameters:
        return _patches(call)
    return floats(call.batch, LENGTH, int(call.setting("hidden_size", "d_model", default=64)))


def _embeds(call: Call) -> Tensor:
    return floats(
        call.batch, call.length, int(call.setting("hidden_size", "d_model", "n_embd", within=TEXT, default=64))
    )


def _encoded(call: Call) -> Tensor:
    width = call.setting(
        "cross_attention_hidden_size", "encoder_hidden_size", "d_model", "hidden_size", "n_embd", within=TEXT
    )
    return floats(call.batch, call.length, int(width))


def _masked(call: Call) -> Tensor:
    """Which patches are hidden: every other one."""
    height, width = call.done["pixel_values"].shape[-2:]
    patch = call.setting("patch_size", within=VISION)
    count = (height // int(patch)) * (width // int(patch))
    return (counting(call.batch, count) % 2).bool()


def _raw_audio(call: Call) -> Tensor:
    channels = call.setting("audio_channels", within=AUDIO)
    return floats(call.batch, SAMPLES) if channels is None else floats(call.batch, int(channels), SAMPLES)


def _features(call: Call) -> Tensor:
    bands = call.setting(
        "num_mel_bins", "feature_size", "input_feat_per_channel", "feature_projection_input_dim", "mel_bins",
        "num_mel_bands", "input_feat_size", "input_dim", within=AUDIO, default=80,
    )  # fmt: skip
    most = call.setting("max_source_positions", within=AUDIO)
    if most is not None and "num_conv_layers" not in vars(call.config):  # Whisper and its kind: always 30 seconds
        return floats(call.batch, int(bands), 2 * int(most))
    return floats(call.batch, 128, int(bands))


def _features_mask(call: Call) -> Tensor:
    features = call.done.get("input_features")
    frames = 128 if features is None else max(features.shape[-2:])
    return ones(call.batch, frames)


def _bbox(call: Call) -> Tensor:
    return boxes(*call.shape, high=int(call.setting("max_2d_position_embeddings", default=1000)))


def _token_types(call: Call) -> Tensor:
    return torch.zeros(call.shape, dtype=torch.int64, device="cpu")


def _modalities(call: Call) -> Tensor:
    """Of each token: 0 for text, 1 for a part of an image."""
    ids: Tensor = call.done["input_ids"]
    token = _placeholder(call, "image")
    return (ids == (token if isinstance(token, int) else -1)).long()


def _past(call: Call) -> Tensor:
    length = call.setting("context_length", "prediction_length", default=64)
    channels = call.setting("num_input_channels", "num_channels", default=1)
    return floats(call.batch, int(length), int(channels))


def _image_sizes(call: Call) -> Tensor:
    return torch.tensor([list(side(call.config))] * call.batch, device="cpu")


def _pixel_mask(call: Call) -> Tensor:
    pixels = call.done["pixel_values"]
    return ones(*pixels.shape[:-3], *pixels.shape[-2:])


def _xpath(setting_name: str) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        high = int(call.setting(setting_name, default=200))
        return integers(call.batch, call.length, int(call.setting("max_depth", default=50)), high=high)

    return make


VALUES: dict[str, Callable[[Call], Any]] = {
    "input_ids": _input_ids,
    "attention_mask": _mask,
    "decoder_input_ids": _decoder_ids,
    "inputs_embeds": _embeds,
    "pixel_values": _pixels,
    "pixel_values_videos": _video,
    "image_grid_thw": _grid,
    "grid_thw": _grid,
    "hidden_states": _hidden_states,
    "input_values": _raw_audio,
    "input_features": _features,
    "input_features_mask": _features_mask,
    "bbox": _bbox,
    "bool_masked_pos": _masked,
    "encoder_hidden_states": _encoded,
    "token_type_ids": _token_types,
    "mm_token_type_ids": _modalities,
    "past_values": _past,
    "image_sizes": _image_sizes,
    "pixel_mask": _pixel_mask,
    "qformer_input_ids": _input_ids,
    "position_ids": lambda call: counting(*call.shape),
    "use_cache": lambda call: False,
    "xpath_tags_seq": _xpath("tag_pad_id"),
    "xpath_subs_seq": _xpath("subs_pad_id"),
}
