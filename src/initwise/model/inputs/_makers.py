"""What the families of transformers are given: makers of tensors, for the table in `_families`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from initwise.model.inputs._call import Call
from initwise.model.inputs._settings import VISION, side
from initwise.model.inputs._tensors import counting, floats, integers, ones

Make = Callable[[Call], Any]


def of_shape(*sizes: int | str) -> Make:
    """Floats of this shape; a string stands for the setting of that name, "batch" for the batch."""

    def make(call: Call) -> Tensor:
        return floats(*(call.size(size) for size in sizes))

    return make


def ids_of_shape(*sizes: int | str, high: int | str) -> Make:
    """Token numbers of this shape, below `high`."""

    def make(call: Call) -> Tensor:
        return integers(*(call.size(size) for size in sizes), high=call.size(high))

    return make


def ones_of_shape(*sizes: int | str, dtype: torch.dtype = torch.int64) -> Make:
    """Ones of this shape: nothing is masked."""

    def make(call: Call) -> Tensor:
        return ones(*(call.size(size) for size in sizes), dtype=dtype)

    return make


def video(frames: int | str, default: int = 8) -> Make:
    """A clip of so many frames; a string stands for the setting of that name."""

    def make(call: Call) -> Tensor:
        count = frames if isinstance(frames, int) else call.setting(frames, within=VISION, default=default)
        return floats(1, int(count), 3, *side(call.config))

    return make


def images_of(height: int, width: int, *, batch: int = 1) -> Make:
    """Images of this size."""
    return of_shape(batch, 3, height, width)


def one_of_several(call: Call) -> Tensor:
    """An image, for models that take several for each text."""
    return floats(1, 1, 3, *side(call.config))


def crops(count: int) -> Make:
    """An image in so many crops of the size that the vision tower takes."""

    def make(call: Call) -> Tensor:
        return floats(1, count, 3, *side(call.config))

    return make


def encoder_outputs(call: Call) -> list[Tensor]:
    """What an encoder gives, for models that are called with it."""
    return [floats(call.batch, 16, call.size("d_model"))]


def pairs(call: Call) -> Tensor:
    """Two images to be compared."""
    return floats(1, 2, 3, 224, 224)


def mono(samples: int = 15360) -> Make:
    """Raw audio with one channel."""
    return of_shape("batch", 1, samples)


def frames(setting: str, default: int = 80, length: int = 128) -> Make:
    """Features of audio, frames first."""

    def make(call: Call) -> Tensor:
        return floats(
            call.batch,
            length,
            int(call.setting(setting, within=("audio_config", "semantic_model_config"), default=default)),
        )

    return make


def decoded(call: Call) -> Any:
    """Text for the decoder."""
    return call.plain("decoder_input_ids")


def one_text(call: Call) -> Any:
    """One text, for models that take one at a time."""
    return call.plain("input_ids")[:1]


def history(call: Call) -> int:
    """How many past values a model of time series looks back to."""
    lags = call.setting("lags_sequence", default=[1])
    return int(call.setting("context_length", "prediction_length")) + int(max(lags))


def past(*last: str) -> Make:
    """Past values of a time series, with the sizes of the settings named."""

    def make(call: Call) -> Tensor:
        sizes = [call.size(name) for name in last]
        return floats(call.batch, history(call), *sizes)

    return make


def observed(call: Call) -> Tensor:
    """Every past value was observed."""
    return ones(call.batch, history(call))


def time_features(call: Call) -> int:
    """How many features of time a model of time series takes."""
    return int(call.setting("num_time_features", default=0)) + int(call.setting("num_dynamic_real_features", default=0))


def codes(call: Call) -> Any:
    """Codes of audio for a decoder, one row for each codebook; text for what encodes it."""
    decoder = getattr(call.config, "decoder", None) or getattr(call.config, "decoder_config", None)
    if decoder is not None and call.making == "input_ids":
        return call.plain("input_ids")
    config = decoder or call.config
    return integers(call.batch * config.num_codebooks, call.length, high=config.vocab_size)


def nothing(call: Call) -> None:
    """The argument is not given."""


def with_question(call: Call) -> Tensor:
    """Text with the token that asks a question."""
    ids: Tensor = call.plain("input_ids")
    ids[:, 3] = call.size("question_token_id")
    return ids


def with_separators(call: Call) -> Tensor:
    """Text with separators between its parts."""
    ids: Tensor = call.plain("input_ids")
    ids[..., [4, 9, -1]] = call.size("sep_token_id")
    return ids


def patches_of(count: int) -> Make:
    """An image of so many patches along each side."""

    def make(call: Call) -> Tensor:
        edge = count * int(call.setting("patch_size", within=VISION, default=14))
        return floats(1, 3, edge, edge)

    return make


def batched_patches(call: Call) -> Tensor:
    """The patches of one image, with a batch in front."""
    patches: Tensor = call.plain("pixel_values")
    return patches[None]


def patches_in_rows(count: int) -> Make:
    """Flat patches, so many to an image."""

    def make(call: Call) -> Tensor:
        patch = int(call.setting("patch_size", within=VISION, default=16))
        return floats(call.batch, count, 3 * patch * patch)

    return make


def patches_in_planes(call: Call) -> Tensor:
    """Patches with their channels in front."""
    patch = int(call.setting("patch_size", within=VISION, default=14))
    return floats(64, 3, patch, patch)


def patches_in_a_row(call: Call) -> Tensor:
    """An image that is one row of patches."""
    patch = int(call.setting("patch_size", within=VISION, default=14))
    return floats(1, 3, patch, 64 * patch)


def temporal_patches(call: Call) -> Tensor:
    """Flat patches over several frames."""
    patch = int(call.setting("patch_size", within=VISION, default=14))
    return floats(64, 3 * patch * patch * int(call.setting("patch_temporal", within=VISION, default=2)))


def merged_patches(call: Call) -> Tensor:
    """Patches that are already merged by neighbours."""
    patch = int(call.setting("patch_size", within=VISION, default=16))
    merge = int(call.setting("spatial_merge_size", within=VISION, default=2))
    return floats(64, patch * merge, patch * merge, 3)


def flattened(call: Call) -> Tensor:
    """Rows of (row, column, patch), as Pix2Struct takes them."""
    patch = int(call.setting("patch_size", within=VISION, default=16))
    return floats(call.batch, 16, 2 + 3 * patch * patch)


def perceiver(call: Call) -> Tensor:
    """What the Perceiver of this task takes."""
    name = type(call.model).__name__
    if "Masked" in name or "Sequence" in name:
        return integers(call.batch, 64, high=call.size("vocab_size"))
    if "Learned" in name:
        return floats(1, 3, 56, 56)
    return floats(1, 3, 224, 224) if "Image" in name else floats(call.batch, 32, call.size("d_model"))


def placeholders(setting: str) -> Make:
    """A mask over the text that marks places for features of an image."""

    def make(call: Call) -> Tensor:
        mask = torch.zeros(call.batch, call.length, dtype=torch.int64, device="cpu")
        mask[:, 1 : 1 + call.size(setting)] = 1
        return mask

    return make


def long_text(setting: str) -> Make:
    """Text a little longer than the setting of this name."""

    def make(call: Call) -> Tensor:
        call.length = call.size(setting) + 8
        ids: Tensor = call.plain("input_ids")
        return ids

    return make


def positions(call: Call) -> Tensor:
    """Row and column of each patch."""
    place = counting(144)
    return torch.stack((place % 12, place // 12), dim=-1).expand(call.batch, 144, 2).clone()


def spatial(call: Call) -> Tensor:
    """Height and width of each image in patches."""
    return torch.tensor([[8, 8]] * call.batch, device="cpu")


def masked_tubes(call: Call) -> Tensor:
    """Every second tube of a clip is masked."""
    height, width = side(call.config)
    patch = call.size("patch_size")
    count = (height // patch) * (width // patch) * (call.size("num_frames") // call.size("tubelet_size"))
    return (counting(1, count) % 2).bool()


def tiles(call: Call) -> Tensor:
    """An image in tiles."""
    return floats(1, 1, 4, 3, *side(call.config))


def stacked_frames(call: Call) -> Tensor:
    """Features of audio of which several frames stand side by side."""
    bands, frames = (
        int(call.setting(name, within=("audio_config",))) for name in ("num_mel_bins", "num_stacked_frames")
    )
    return floats(call.batch, 128, bands * frames)
