"""Families of transformers that ask for more than their arguments' names say, or for other shapes.

By model type or by the name of the class: what is given besides, or instead of, what the argument's name stands for.
Read from the forward passes of transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from initwise.model.inputs._call import Call
from initwise.model.inputs._settings import VISION, side
from initwise.model.inputs._tensors import counting, floats, integers, ones

Make = Callable[[Call], Any]


def family(model: Any) -> Mapping[str, Make]:
    """Return what the family of `model` asks for, by argument; empty for most."""
    kind = getattr(model.config, "model_type", "")
    found: dict[str, Make] = dict(FAMILIES.get(kind, {}))
    for each in type(model).__mro__[::-1]:
        found |= FAMILIES.get(each.__name__, {})
    return found


def _shape(*sizes: int | str) -> Make:
    """Floats of this shape; a string stands for the setting of that name, "batch" for the batch."""

    def make(call: Call) -> Tensor:
        return floats(*(call.size(size) for size in sizes))

    return make


def _ids(*sizes: int | str, high: int | str) -> Make:
    def make(call: Call) -> Tensor:
        return integers(*(call.size(size) for size in sizes), high=call.size(high))

    return make


def _ones(*sizes: int | str, dtype: torch.dtype = torch.int64) -> Make:
    def make(call: Call) -> Tensor:
        return ones(*(call.size(size) for size in sizes), dtype=dtype)

    return make


def _video(frames: int | str, default: int = 8) -> Make:
    def make(call: Call) -> Tensor:
        count = frames if isinstance(frames, int) else call.setting(frames, within=VISION, default=default)
        return floats(1, int(count), 3, *side(call.config))

    return make


def _images(height: int, width: int, *, batch: int = 1) -> Make:
    return _shape(batch, 3, height, width)


def _pairs(call: Call) -> Tensor:
    return floats(1, 2, 3, 224, 224)


def _audio(samples: int = 15360) -> Make:
    return _shape("batch", 1, samples)


def _frames(setting: str, default: int = 80, length: int = 128) -> Make:
    """Features of audio, frames first."""

    def make(call: Call) -> Tensor:
        return floats(
            call.batch,
            length,
            int(call.setting(setting, within=("audio_config", "semantic_model_config"), default=default)),
        )

    return make


def _decoded(call: Call) -> Any:
    return call.plain("decoder_input_ids")


def _one_text(call: Call) -> Any:
    return call.plain("input_ids")[:1]


def _history(call: Call) -> int:
    lags = call.setting("lags_sequence", default=[1])
    return int(call.setting("context_length", "prediction_length")) + max(lags)


def _past(*last: str) -> Make:
    def make(call: Call) -> Tensor:
        sizes = [call.size(name) for name in last]
        return floats(call.batch, _history(call), *sizes)

    return make


def _observed(call: Call) -> Tensor:
    return ones(call.batch, _history(call))


def _time_features(call: Call) -> int:
    return int(call.setting("num_time_features", default=0)) + int(call.setting("num_dynamic_real_features", default=0))


def _codes(call: Call) -> Any:
    """Codes of audio for a decoder, one row for each codebook; text for what encodes it."""
    decoder = getattr(call.config, "decoder", None) or getattr(call.config, "decoder_config", None)
    if decoder is not None and call.making == "input_ids":
        return call.plain("input_ids")
    config = decoder or call.config
    return integers(call.batch * config.num_codebooks, call.length, high=config.vocab_size)


def _nothing(call: Call) -> None:
    """The argument is not given."""


_FORECAST: dict[str, Make] = {
    "past_values": _past(),
    "past_time_features": lambda call: floats(call.batch, _history(call), _time_features(call)),
    "past_observed_mask": _observed,
    "future_values": _shape("batch", "prediction_length"),
    "future_time_features": lambda call: floats(call.batch, call.size("prediction_length"), _time_features(call)),
}
_VIDEO: dict[str, Make] = {"pixel_values": _video("num_frames")}
_KEYPOINTS: dict[str, Make] = {"pixel_values": _pairs}
_MONO: dict[str, Make] = {"input_values": _audio()}
_CODES: dict[str, Make] = {"input_ids": _codes, "decoder_input_ids": _codes}
_CAMERAS: dict[str, Make] = {
    "pixel_values": lambda call: floats(1, 1, 3, *side(call.config, ("vlm_config", *VISION))),
    "pixel_attention_mask": _ones(1, 1, dtype=torch.bool),
    "attention_mask": _ones(1, "length"),
}
_IMAGE_IN_TEXT = "latent_query_num"
_HEARD = _ones("batch", 128, dtype=torch.bool)


def _with_question(call: Call) -> Tensor:
    ids = call.plain("input_ids")
    ids[:, 3] = call.size("question_token_id")
    return ids


def _with_separators(call: Call) -> Tensor:
    ids = call.plain("input_ids")
    ids[..., [4, 9, -1]] = call.size("sep_token_id")
    return ids


def _patches_in_rows(count: int) -> Make:
    def make(call: Call) -> Tensor:
        patch = int(call.setting("patch_size", within=VISION, default=16))
        return floats(call.batch, count, 3 * patch * patch)

    return make


def _patches_in_planes(call: Call) -> Tensor:
    patch = int(call.setting("patch_size", within=VISION, default=14))
    return floats(64, 3, patch, patch)


def _temporal_patches(call: Call) -> Tensor:
    patch = int(call.setting("patch_size", within=VISION, default=14))
    return floats(64, 3 * patch * patch * int(call.setting("patch_temporal", within=VISION, default=2)))


def _merged_patches(call: Call) -> Tensor:
    patch = int(call.setting("patch_size", within=VISION, default=16))
    merge = int(call.setting("spatial_merge_size", within=VISION, default=2))
    return floats(64, patch * merge, patch * merge, 3)


def _flattened(call: Call) -> Tensor:
    """Rows of (row, column, patch), as Pix2Struct takes them."""
    patch = int(call.setting("patch_size", within=VISION, default=16))
    return floats(call.batch, 16, 2 + 3 * patch * patch)


def _perceiver(call: Call) -> Tensor:
    name = type(call.model).__name__
    if "Masked" in name or "Sequence" in name:
        return integers(call.batch, 64, high=call.size("vocab_size"))
    return floats(1, 3, 224, 224) if "Image" in name else floats(call.batch, 32, call.size("d_model"))


def _placeholders(setting: str) -> Make:
    """A mask over the text that marks places for features of an image."""

    def make(call: Call) -> Tensor:
        mask = torch.zeros(call.batch, call.length, dtype=torch.int64, device="cpu")
        mask[:, 1 : 1 + call.size(setting)] = 1
        return mask

    return make


def _long_text(setting: str) -> Make:
    def make(call: Call) -> Tensor:
        call.length = call.size(setting) + 8
        return call.plain("input_ids")

    return make


def _positions(call: Call) -> Tensor:
    place = counting(144)
    return torch.stack((place % 12, place // 12), dim=-1).expand(call.batch, 144, 2).clone()


def _spatial(call: Call) -> Tensor:
    return torch.tensor([[8, 8]] * call.batch, device="cpu")


def _masked_tubes(call: Call) -> Tensor:
    height, width = side(call.config)
    patch = call.size("patch_size")
    count = (height // patch) * (width // patch) * (call.size("num_frames") // call.size("tubelet_size"))
    return (counting(1, count) % 2).bool()


def _tiles(call: Call) -> Tensor:
    return floats(1, 1, call.size("max_num_tiles"), 3, *side(call.config))


FAMILIES: dict[str, Mapping[str, Make]] = {
    "autoformer": _FORECAST,
    "informer": _FORECAST,
    "time_series_transformer": _FORECAST,
    "TimesFmModel": {
        "past_values": _shape("batch", "context_length"),
        "past_values_padding": _ids("batch", "context_length", high=1),
        "freq": _ids("batch", 1, high=1),
    },
    "TimesFmModelForPrediction": {"past_values": lambda call: [floats(call.size("context_length"))] * 2},
    "TimesFm2_5Model": {
        "past_values": _shape("batch", 512),
        "past_values_padding": _ids("batch", 512, high=1),
    },
    "TimesFm2_5ModelForPrediction": {"past_values": lambda call: [floats(512)] * 2},
    "decision_transformer": {
        "states": _shape("batch", 8, "state_dim"),
        "actions": _shape("batch", 8, "act_dim"),
        "rewards": _shape("batch", 8, 1),
        "returns_to_go": _shape("batch", 8, 1),
        "timesteps": _ids("batch", 8, high="max_ep_len"),
        "attention_mask": _ones("batch", 8),
    },
    # Videos and pairs of images.
    "timesformer": _VIDEO,
    "videomae": _VIDEO,
    "vivit": _VIDEO,
    "xclip": {"pixel_values": _video("num_frames")},
    "VideoMAEForPreTraining": {"bool_masked_pos": _masked_tubes},
    "instructblipvideo": {"pixel_values": _video(4)},
    "tvp": {"pixel_values": _shape(1, 4, 3, 448, 448), "input_ids": _one_text},
    "pe_video_encoder": {"pixel_values_videos": _shape(1, 4, 3, 336, 336)},
    "pe_video": {"pixel_values_videos": _shape(1, 4, 3, 336, 336)},
    "pe_audio_video": {
        "input_ids": _one_text,
        "pixel_values_videos": _shape(1, 4, 3, 336, 336),
        "input_values": _shape(1, 1, 15360),
    },
    "pe_audio_video_encoder": {
        "pixel_values_videos": _shape(1, 4, 3, 336, 336),
        "input_values": _shape(1, 1, 15360),
    },
    "efficientloftr": _KEYPOINTS,
    "lightglue": _KEYPOINTS,
    "superglue": _KEYPOINTS,
    # Images of other sizes and layouts.
    "depth_pro": {"pixel_values": _images(1536, 1536)},
    "idefics": {
        "pixel_values": lambda call: floats(1, 1, 3, *side(call.config)),
        "image_attention_mask": _ones(1, "length", 1),
        "input_ids": _one_text,
    },
    "rf_detr": {"pixel_values": _images(560, 560)},
    "pp_ocrv5_mobile_rec": {"pixel_values": _images(48, 320)},
    "pp_ocrv5_server_rec": {"pixel_values": _images(48, 320)},
    "pp_ocrv6_small_rec": {"pixel_values": _images(48, 320)},
    "pp_ocrv6_tiny_rec": {"pixel_values": _images(48, 320)},
    "seggpt": {
        "pixel_values": _images(448, 448),
        "prompt_pixel_values": _images(448, 448),
        "prompt_masks": _images(448, 448),
    },
    "siglip2": {
        "pixel_values": _patches_in_rows(64),
        "pixel_attention_mask": _ones("batch", 64),
        "spatial_shapes": _spatial,
    },
    "siglip2_vision_model": {
        "pixel_values": _patches_in_rows(64),
        "pixel_attention_mask": _ones("batch", 64),
        "spatial_shapes": _spatial,
    },
    "gemma4_vision": {"pixel_values": _patches_in_rows(144), "pixel_position_ids": _positions},
    "kimi_k25_vision": {"pixel_values": _patches_in_planes},
    "muse_glimmer_vision": {"pixel_values": _temporal_patches},
    "muse_spark_vision": {"pixel_values": _temporal_patches},
    "inkling2_vision": {"pixel_values": _merged_patches},
    "video_llama_3_vision": {"merge_sizes": lambda call: torch.tensor([2], device="cpu")},
    "pix2struct": {"flattened_patches": _flattened, "decoder_input_ids": _decoded},
    "MllamaVisionModel": {
        "pixel_values": _tiles,
        "aspect_ratio_ids": _ids(1, 1, high=4),
        "aspect_ratio_mask": _ones(1, 1, "max_num_tiles"),
    },
    "oneformer": {"task_inputs": _ids("batch", "task_seq_len", high=1000)},
    "blip_2_qformer": {
        "query_embeds": _shape("batch", 32, "hidden_size"),
        "encoder_hidden_states": _shape("batch", 16, "encoder_hidden_size"),
    },
    "BlipForQuestionAnswering": {"decoder_input_ids": lambda call: call.plain("input_ids")},
    "lxmert": {
        "visual_feats": _shape("batch", 10, "visual_feat_dim"),
        "visual_pos": _shape("batch", 10, "visual_pos_dim"),
    },
    "kosmos-2": {
        "input_ids": _long_text(_IMAGE_IN_TEXT),
        "image_embeds_position_mask": _placeholders(_IMAGE_IN_TEXT),
    },
    # Audio.
    "audio-spectrogram-transformer": {"input_values": _shape("batch", "max_length", "num_mel_bins")},
    "clap": {"input_features": _shape("batch", 1, 1001, 64)},
    "clvp": {"input_features": _shape("batch", "feature_size", 128)},
    "dac": _MONO,
    "mimi_decoder": {"latents": _shape("batch", "hidden_size", 32)},
    "pe_audio": _MONO,
    "pe_audio_encoder": _MONO,
    "pocket_tts_audio_tokenizer_decoder": {"latents": _shape("batch", 32, "hidden_size")},
    "vibevoice_acoustic_tokenizer": _MONO,
    "vibevoice_acoustic_tokenizer_encoder": {"hidden_states": _audio()},
    "vibevoice_acoustic_tokenizer_decoder": {"hidden_states": _shape("batch", "hidden_size", 16)},
    "xcodec": _MONO,
    "muse_spark_audio": {"input_values": _shape("batch", 15360)},
    "kyutai_speech_to_text": {"input_ids": _ids("batch", 16, 33, high=2000)},
    "dia": {"decoder_input_ids": _ids("batch", 16, 9, high=1000)},
    "fun_asr_nano_encoder": {
        "input_features": lambda call: floats(
            call.batch, 128, call.size("num_mel_bins") * call.size("num_stacked_frames")
        ),
    },
    "gemma3n_audio": {
        "audio_mel": _frames("input_feat_size", 128),
        "audio_mel_mask": _ones("batch", 128, dtype=torch.bool),
    },
    "gemma4_audio": {
        "input_features": _frames("num_mel_bins", 128),
        "attention_mask": _ones("batch", 128, dtype=torch.bool),
    },
    "granite_speech5_encoder": {"input_features": _frames("input_dim", 320)},
    "granite_speech5_ctc": {"input_features": _frames("input_dim", 320)},
    "nemotron3_5_transcribe_audio": {"input_features": _frames("num_mel_bins", 128)},
    "seamless_m4t": {"input_features": _frames("feature_projection_input_dim", 160)},
    "seamless_m4t_v2": {"input_features": _frames("feature_projection_input_dim", 160)},
    "wav2vec2-bert": {"input_features": _frames("feature_projection_input_dim", 160)},
    "qwen3_asr_encoder": {
        "input_features": _shape("batch", "num_mel_bins", 200),
        "input_features_mask": _ones("batch", 200),
    },
    "SpeechT5Model": {
        "input_values": _shape("batch", 16, "hidden_size"),
        "decoder_input_values": _shape("batch", 16, "hidden_size"),
    },
    "SpeechT5ForTextToSpeech": {
        "decoder_input_values": _shape("batch", 16, "num_mel_bins"),
        "speaker_embeddings": _shape("batch", "speaker_embedding_dim"),
    },
    "speech-encoder-decoder": {
        "inputs": _shape("batch", 16000),
        "decoder_input_ids": _decoded,
    },
    # Text with something special in it.
    "LongformerForMultipleChoice": {"input_ids": _with_separators},
    "LongformerForQuestionAnswering": {"input_ids": _with_separators},
    "SplinterForPreTraining": {"input_ids": _with_question},
    "SplinterForQuestionAnswering": {"input_ids": _with_question},
    "Blip2ForImageTextRetrieval": {"attention_mask": _ones("batch", "length")},
    "deepseek_ocr2": {"pixel_values": _images(1024, 1024)},
    "gemma3n": {"input_features_mask": _HEARD},
    "granitemoehybrid": {"use_cache": lambda call: False},
    "jev": {
        "input_ids": _one_text,
        "marks": _ids(1, 4, high=8),
        "num_options": _ones(1, 4),
        "question_type_ids": _ids(1, 4, high=1),
    },
    "musicgen": _CODES,
    "musicgen_melody": _CODES,
    "musicgen_decoder": _CODES,
    "musicgen_melody_decoder": _CODES,
    "muse_glimmer_assistant": {
        "noise_embeds": _shape("batch", "block_size", "hidden_size"),
        "context_hidden_states": lambda call: floats(
            call.batch, 8, call.size("hidden_size") * len(call.config.target_layer_ids)
        ),
    },
    "neucodec": {
        "input_features": _frames("feature_projection_input_dim", 160, 48),
        "input_values": _shape("batch", 1, 15360),
    },
    "xcodec2": {
        "input_features": _frames("feature_projection_input_dim", 160, 48),
        "input_values": _shape("batch", 1, 15360),
    },
    "perceiver": {"inputs": _perceiver, "pixel_values": _nothing},
    "qwen3_omni_moe_thinker": {"feature_attention_mask": _ones("batch", 3000)},
    "PI0Model": {
        **_CAMERAS,
        "action_embeds": lambda call: floats(call.batch, 8, int(call.setting("hidden_size", within=("dit_config",)))),
    },
    "PI0ForConditionalGeneration": {
        **_CAMERAS,
        "state": _shape("batch", "max_state_dim"),
        "noise": _shape("batch", "chunk_size", "max_action_dim"),
        "timestep": _shape("batch"),
    },
}
