"""Families of transformers that ask for more than their arguments' names say, or for other shapes.

By model type or by the name of the class: what is given besides, or instead of, what the argument's name stands for.
Read from the forward passes of transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from initwise.model.inputs._call import OPTIONS
from initwise.model.inputs._makers import (
    Make,
    batched_patches,
    codes,
    crops,
    decoded,
    encoder_outputs,
    flattened,
    frames,
    history,
    ids_of_shape,
    images_of,
    long_text,
    masked_tubes,
    merged_patches,
    mono,
    nothing,
    observed,
    of_shape,
    one_of_several,
    one_text,
    ones_of_shape,
    pairs,
    past,
    patches_in_a_row,
    patches_in_planes,
    patches_in_rows,
    patches_of,
    perceiver,
    placeholders,
    positions,
    spatial,
    stacked_frames,
    temporal_patches,
    tiles,
    time_features,
    video,
    with_question,
    with_separators,
)
from initwise.model.inputs._settings import VISION, side
from initwise.model.inputs._tensors import floats


def family(model: Any) -> Mapping[str, Make]:
    """Return what the family of `model` asks for, by argument; empty for most."""
    kind = getattr(model.config, "model_type", "")
    found: dict[str, Make] = dict(FAMILIES.get(kind, {}))
    for each in type(model).__mro__[::-1]:
        found |= FAMILIES.get(each.__name__, {})
    return found


_FORECAST: dict[str, Make] = {
    "past_values": past(),
    "past_time_features": lambda call: floats(call.batch, history(call), time_features(call)),
    "past_observed_mask": observed,
    "future_values": of_shape("batch", "prediction_length"),
    "future_time_features": lambda call: floats(call.batch, call.size("prediction_length"), time_features(call)),
}
_VIDEO: dict[str, Make] = {"pixel_values": video("num_frames")}
_KEYPOINTS: dict[str, Make] = {"pixel_values": pairs}
_MONO: dict[str, Make] = {"input_values": mono()}
_IN_A_ROW: dict[str, Make] = {
    "pixel_values": patches_in_a_row,
    "target_sizes": lambda call: torch.tensor([[8, 8]], device="cpu"),
}
_CODES: dict[str, Make] = {"input_ids": codes, "decoder_input_ids": codes}
_CAMERAS: dict[str, Make] = {
    "pixel_values": lambda call: floats(1, 1, 3, *side(call.config, ("vlm_config", *VISION))),
    "pixel_attention_mask": ones_of_shape(1, 1, dtype=torch.bool),
    "attention_mask": ones_of_shape(1, "length"),
}
_SEVERAL: dict[str, Make] = {"pixel_values": one_of_several}
_STACKED: dict[str, Make] = {
    "input_features": stacked_frames,
    "input_features_mask": ones_of_shape("batch", 128, dtype=torch.bool),
}
_TILES: dict[str, Make] = {
    "pixel_values": tiles,
    "aspect_ratio_ids": ids_of_shape(1, 1, high=4),
    "aspect_ratio_mask": ones_of_shape(1, 1, 4),
}
_NAFLEX: dict[str, Make] = {
    "pixel_values": patches_in_rows(64),
    "pixel_attention_mask": ones_of_shape("batch", 64),
    "spatial_shapes": spatial,
}
_IN_WINDOWS: dict[str, Make] = {
    "input_features": of_shape("batch", 128, 200),
    "input_features_mask": ones_of_shape("batch", 200),
}
_IMAGE_IN_TEXT = "latent_query_num"
_HEARD = ones_of_shape("batch", 128, dtype=torch.bool)

FAMILIES: dict[str, Mapping[str, Make]] = {
    "autoformer": _FORECAST,
    "informer": _FORECAST,
    "time_series_transformer": _FORECAST,
    "TimesFmModel": {
        "past_values": of_shape("batch", "context_length"),
        "past_values_padding": ids_of_shape("batch", "context_length", high=1),
        "freq": ids_of_shape("batch", 1, high=1),
    },
    "TimesFmModelForPrediction": {"past_values": lambda call: [floats(call.size("context_length"))] * 2},
    "TimesFm2_5Model": {
        "past_values": of_shape("batch", 512),
        "past_values_padding": ids_of_shape("batch", 512, high=1),
    },
    "TimesFm2_5ModelForPrediction": {"past_values": lambda call: [floats(512)] * 2},
    "decision_transformer": {
        "states": of_shape("batch", 8, "state_dim"),
        "actions": of_shape("batch", 8, "act_dim"),
        "rewards": of_shape("batch", 8, 1),
        "returns_to_go": of_shape("batch", 8, 1),
        "timesteps": ids_of_shape("batch", 8, high="max_ep_len"),
        "attention_mask": ones_of_shape("batch", 8),
    },
    # Videos and pairs of images.
    "timesformer": _VIDEO,
    "videomae": _VIDEO,
    "vivit": _VIDEO,
    "xclip": {"pixel_values": video("num_frames")},
    "VideoMAEForPreTraining": {"bool_masked_pos": masked_tubes},
    "instructblipvideo": {"pixel_values": video(4)},
    "tvp": {"pixel_values": of_shape(1, "num_frames", 3, 448, 448), "input_ids": one_text},
    "pe_video_encoder": {"pixel_values_videos": of_shape(1, 4, 3, 336, 336)},
    "pe_video": {"pixel_values_videos": of_shape(1, 4, 3, 336, 336)},
    "pe_audio_video": {
        "input_ids": one_text,
        "pixel_values_videos": of_shape(1, 4, 3, 336, 336),
        "input_values": of_shape(1, 1, 15360),
    },
    "pe_audio_video_encoder": {
        "pixel_values_videos": of_shape(1, 4, 3, 336, 336),
        "input_values": of_shape(1, 1, 15360),
    },
    "efficientloftr": _KEYPOINTS,
    "lightglue": _KEYPOINTS,
    "superglue": _KEYPOINTS,
    # Images of other sizes and layouts.
    "aria": {"pixel_values": patches_of(35)},
    "colqwen2": {"pixel_values": batched_patches},
    "deepseek_vl_hybrid": {"high_res_pixel_values": images_of(1024, 1024)},
    "modernvbert": _SEVERAL,
    "colmodernvbert": _SEVERAL,
    "idefics2": _SEVERAL,
    "idefics3": _SEVERAL,
    "smolvlm": _SEVERAL,
    "ultravbert": _SEVERAL,
    "perception_lm": {"pixel_values": of_shape(1, 1, 3, 448, 448)},
    "llava_next": {"pixel_values": crops(3)},
    "llava_next_video": {"pixel_values": crops(3)},
    "llava_onevision": {"pixel_values": crops(2)},
    "granite4_vision": {"pixel_values": crops(3)},
    "lfm2_vl": _NAFLEX,
    "minicpm_ocr": _IN_A_ROW,
    "minicpmv4_6": _IN_A_ROW,
    "minicpmv4_7": _IN_A_ROW,
    "paddleocr_vl": {"pixel_values": patches_in_planes},
    "kimi_k25": {"pixel_values": patches_in_planes},
    "muse_glimmer": {"pixel_values": temporal_patches},
    "video_llama_3": {"image_merge_sizes": lambda call: torch.tensor([2], device="cpu")},
    "omdet-turbo": {
        "pixel_values": images_of(640, 640),
        "classes_input_ids": ids_of_shape(4, 8, high=1000),
        "classes_attention_mask": ones_of_shape(4, 8),
        "tasks_input_ids": ids_of_shape(1, 8, high=1000),
        "tasks_attention_mask": ones_of_shape(1, 8),
        "classes_structure": lambda call: torch.tensor([4], device="cpu"),
    },
    "luke": {
        "entity_ids": ids_of_shape("batch", 2, high=100),
        "entity_position_ids": ids_of_shape("batch", 2, 4, high=16),
        "entity_attention_mask": ones_of_shape("batch", 2),
    },
    "LukeForMultipleChoice": {
        "entity_ids": ids_of_shape("batch", OPTIONS, 2, high=100),
        "entity_position_ids": ids_of_shape("batch", OPTIONS, 2, 4, high=16),
        "entity_attention_mask": ones_of_shape("batch", OPTIONS, 2),
    },
    "FlavaForPreTraining": {"codebook_pixel_values": images_of(112, 112), "input_ids_masked": one_text},
    "WhisperForCausalLM": {"encoder_outputs": encoder_outputs},
    "depth_pro": {"pixel_values": images_of(1536, 1536)},
    "idefics": {
        "pixel_values": one_of_several,
        "image_attention_mask": ones_of_shape(1, "length", 1),
        "input_ids": one_text,
    },
    "rf_detr": {"pixel_values": images_of(560, 560)},
    "pp_ocrv5_mobile_rec": {"pixel_values": images_of(48, 320)},
    "pp_ocrv5_server_rec": {"pixel_values": images_of(48, 320)},
    "pp_ocrv6_small_rec": {"pixel_values": images_of(48, 320)},
    "pp_ocrv6_tiny_rec": {"pixel_values": images_of(48, 320)},
    "seggpt": {
        "pixel_values": images_of(448, 448),
        "prompt_pixel_values": images_of(448, 448),
        "prompt_masks": images_of(448, 448),
    },
    "siglip2": _NAFLEX,
    "siglip2_vision_model": _NAFLEX,
    "gemma4_vision": {"pixel_values": patches_in_rows(144), "pixel_position_ids": positions},
    "minicpm_ocr_vision": _IN_A_ROW,
    "minicpmv4_7_vision": _IN_A_ROW,
    "kimi_k25_vision": {"pixel_values": patches_in_planes},
    "muse_glimmer_vision": {"pixel_values": temporal_patches},
    "muse_spark_vision": {"pixel_values": temporal_patches},
    "inkling2_vision": {"pixel_values": merged_patches},
    "video_llama_3_vision": {"merge_sizes": lambda call: torch.tensor([2], device="cpu")},
    "pix2struct": {"flattened_patches": flattened, "decoder_input_ids": decoded},
    "mllama": _TILES,
    "mllama_vision_model": _TILES,
    "oneformer": {"task_inputs": ids_of_shape("batch", "task_seq_len", high=1000)},
    "blip_2_qformer": {
        "query_embeds": of_shape("batch", 32, "hidden_size"),
        "encoder_hidden_states": of_shape("batch", 16, "encoder_hidden_size"),
    },
    "BlipForQuestionAnswering": {"decoder_input_ids": lambda call: call.plain("input_ids")},
    "lxmert": {
        "visual_feats": of_shape("batch", 10, "visual_feat_dim"),
        "visual_pos": of_shape("batch", 10, "visual_pos_dim"),
    },
    "kosmos-2": {
        "input_ids": long_text(_IMAGE_IN_TEXT),
        "image_embeds_position_mask": placeholders(_IMAGE_IN_TEXT),
    },
    # Audio.
    "audio-spectrogram-transformer": {"input_values": of_shape("batch", "max_length", "num_mel_bins")},
    "clap": {"input_features": of_shape("batch", 1, 1001, 64)},
    "clvp": {"input_features": of_shape("batch", "feature_size", 128)},
    "dac": _MONO,
    "mimi_decoder": {"latents": of_shape("batch", "hidden_size", 32)},
    "pe_audio": _MONO,
    "pe_audio_encoder": _MONO,
    "pocket_tts_audio_tokenizer_decoder": {"latents": of_shape("batch", 32, "hidden_size")},
    "vibevoice_acoustic_tokenizer": _MONO,
    "vibevoice_acoustic_tokenizer_encoder": {"hidden_states": mono()},
    "vibevoice_acoustic_tokenizer_decoder": {"hidden_states": of_shape("batch", "hidden_size", 16)},
    "xcodec": _MONO,
    "muse_spark_audio": {"input_values": of_shape("batch", 15360)},
    "kyutai_speech_to_text": {"input_ids": ids_of_shape("batch", 16, 33, high=2000)},
    "dia": {"decoder_input_ids": ids_of_shape("batch", 16, 9, high=1000)},
    "fun_asr_nano": _STACKED,
    "fun_asr_nano_encoder": _STACKED,
    "gemma3n_audio": {
        "audio_mel": frames("input_feat_size", 128),
        "audio_mel_mask": ones_of_shape("batch", 128, dtype=torch.bool),
    },
    "gemma4_audio": {
        "input_features": frames("num_mel_bins", 128),
        "attention_mask": ones_of_shape("batch", 128, dtype=torch.bool),
    },
    "granite_speech5_encoder": {"input_features": frames("input_dim", 320)},
    "granite_speech5_ctc": {"input_features": frames("input_dim", 320)},
    "nemotron3_5_transcribe_audio": {"input_features": frames("num_mel_bins", 128)},
    "seamless_m4t": {"input_features": frames("feature_projection_input_dim", 160)},
    "seamless_m4t_v2": {"input_features": frames("feature_projection_input_dim", 160)},
    "wav2vec2-bert": {"input_features": frames("feature_projection_input_dim", 160)},
    "qwen3_asr": _IN_WINDOWS,
    "qwen3_asr_encoder": _IN_WINDOWS,
    "SpeechT5Model": {
        "input_values": of_shape("batch", 16, "hidden_size"),
        "decoder_input_values": of_shape("batch", 16, "hidden_size"),
    },
    "SpeechT5ForTextToSpeech": {
        "decoder_input_values": of_shape("batch", 16, "num_mel_bins"),
        "speaker_embeddings": of_shape("batch", "speaker_embedding_dim"),
    },
    "speech-encoder-decoder": {
        "inputs": of_shape("batch", 16000),
        "decoder_input_ids": decoded,
    },
    # Text with something special in it.
    "LongformerForMultipleChoice": {"input_ids": with_separators},
    "LongformerForQuestionAnswering": {"input_ids": with_separators},
    "SplinterForPreTraining": {"input_ids": with_question},
    "SplinterForQuestionAnswering": {"input_ids": with_question},
    "Blip2ForImageTextRetrieval": {
        "input_ids": long_text("num_query_tokens"),
        "attention_mask": ones_of_shape("batch", "length"),
    },
    "edgetam": {"pixel_values": images_of(1024, 1024)},
    "deepseek_ocr2": {"pixel_values": images_of(1024, 1024)},
    "gemma3n": {"input_features_mask": _HEARD},
    "granitemoehybrid": {"use_cache": lambda call: False},
    "jev": {
        "input_ids": one_text,
        "marks": ids_of_shape(1, 4, high=8),
        "num_options": ones_of_shape(1, 4),
        "question_type_ids": ids_of_shape(1, 4, high=1),
    },
    "musicgen": _CODES,
    "musicgen_melody": _CODES,
    "musicgen_decoder": _CODES,
    "musicgen_melody_decoder": _CODES,
    "muse_glimmer_assistant": {
        "noise_embeds": of_shape("batch", "block_size", "hidden_size"),
        "context_hidden_states": lambda call: floats(
            call.batch, 8, call.size("hidden_size") * len(call.config.target_layer_ids)
        ),
    },
    "neucodec": {
        "input_features": frames("feature_projection_input_dim", 160, 48),
        "input_values": of_shape("batch", 1, 15360),
    },
    "xcodec2": {
        "input_features": frames("feature_projection_input_dim", 160, 48),
        "input_values": of_shape("batch", 1, 15360),
    },
    "perceiver": {"inputs": perceiver, "pixel_values": nothing},
    "qwen2_audio": {
        "feature_attention_mask": ones_of_shape("batch", 3000),
        "attention_mask": ones_of_shape("batch", "length"),
    },
    "qwen2_5_omni_thinker": {"feature_attention_mask": ones_of_shape("batch", 3000)},
    "qwen3_omni_moe_thinker": {"feature_attention_mask": ones_of_shape("batch", 3000)},
    "PI0Model": {
        **_CAMERAS,
        "action_embeds": lambda call: floats(call.batch, 8, int(call.setting("hidden_size", within=("dit_config",)))),
    },
    "PI0ForConditionalGeneration": {
        **_CAMERAS,
        "state": of_shape("batch", "max_state_dim"),
        "noise": of_shape("batch", "chunk_size", "max_action_dim"),
        "timestep": of_shape("batch"),
    },
}
