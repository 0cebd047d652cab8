"""Settings without which a default configuration of transformers makes no model: what it leaves open or contradicts.

By model type, of whole models and of their parts. Values are chosen to be valid and small, not to be a checkpoint's.
"""

from __future__ import annotations

from typing import Any

_HEAD = {"head_dim": 128}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
_ROPE_GLM = {
    "head_dim": 128,
    "rope_parameters": {**_ROPE, "partial_rotary_factor": 0.5, "mrope_section": [8, 12, 12]},
}
_FORECAST = {"prediction_length": 24, "context_length": 48}
_KERNELS = {
    "reduce_channel": [1, 1, 0],
    "return_channel": [1, 1, 0],
    "vertical_long_to_small_conv_longratio": [[7, 1], [1, 1], [3, 0]],
    "vertical_long_to_small_conv_midratio": [[5, 1], [1, 1], [2, 0]],
    "vertical_long_to_small_conv_shortratio": [[3, 1], [1, 1], [1, 0]],
    "horizontal_small_to_long_conv_longratio": [[1, 7], [1, 1], [0, 3]],
    "horizontal_small_to_long_conv_midratio": [[1, 5], [1, 1], [0, 2]],
    "horizontal_small_to_long_conv_shortratio": [[1, 3], [1, 1], [0, 1]],
    "symmetric_conv_long_longratio": [[7, 7], [1, 1], [3, 3]],
    "symmetric_conv_long_midratio": [[5, 5], [1, 1], [2, 2]],
    "symmetric_conv_long_shortratio": [[3, 3], [1, 1], [1, 1]],
}
_SAPIENS_HEAD = {"upsample_out_channels": [64, 64], "conv_out_channels": [64, 64]}

SETTINGS: dict[str, dict[str, Any]] = {
    "autoformer": _FORECAST,
    "aya_vision": {"vision_config": {"model_type": "siglip_vision_model", "num_hidden_layers": 2, "image_size": 364}},
    "blip-2": {"image_token_index": 50265},
    "chameleon": {"vocabulary_map": {"<image>": 8711}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROPE, "sliding_attention": _ROPE}},
    "convnext": {"hidden_sizes": [96, 192, 384, 768]},
    "convnextv2": {"hidden_sizes": [96, 192, 384, 768]},
    "deepseek_ocr2_encoder": {"hidden_size": 896, "num_attention_heads": 14, "num_key_value_heads": 2},
    "deepseek_ocr2_text": {"num_hidden_layers": 2, "num_experts_per_tok": 2, "mlp_layer_types": ["dense", "sparse"]},
    "deepseek_v2": {"num_experts_per_tok": 2, "n_group": 1, "topk_group": 1},
    "diffusion_gemma_text": {"num_experts": 8, "top_k_experts": 2, "moe_intermediate_size": 704},
    "dots1": {"n_shared_experts": 2, "n_routed_experts": 8, "num_experts_per_tok": 2},
    "edgetam_vision_model": {
        "backbone_config": {
            "model_type": "timm_wrapper",
            "architecture": "repvit_m1",
            "num_classes": 2,
            "model_args": {"features_only": True, "in_chans": 3, "out_indices": [0, 1, 2, 3]},
        }
    },
    "emu3": {"vocabulary_map": {"<image>": 151666, "<|extra_200|>": 151847, "<|visual token 000000|>": 151854}},
    "esm": {"vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32},
    "focalnet": {"hidden_sizes": [192, 384, 768, 768]},
    "gemma3": {"mm_tokens_per_image": 49},
    "glm4v_text": _ROPE_GLM,
    "glm4v_moe_text": _ROPE_GLM,
    "glm_image_text": _ROPE_GLM,
    "granite4_vision": {"deepstack_layer_map": [[-1, 0]], "downsample_rate": "7/14"},
    "hiera": {"decoder_hidden_size": 512, "decoder_depth": 2, "decoder_num_heads": 16},
    "hunyuan_v1_dense": _HEAD,
    "hunyuan_v1_moe": _HEAD,
    "hunyuan_vl_text": {**_HEAD, "rope_parameters": {**_ROPE, "mrope_section": [16, 16, 16, 16]}},
    "idefics3_vision": {"image_size": 256},
    "informer": _FORECAST,
    "instructblip": {"image_token_index": 50265},
    "instructblipvideo": {"video_token_index": 50265},
    "lfm2_moe": {"num_hidden_layers": 3, "layer_types": ["conv", "conv", "full_attention"]},
    "llama4_vision_model": {"intermediate_size": 3072, "vision_output_dim": 4096},
    "ministral": _HEAD,
    "modernvbert": {"pixel_shuffle_factor": 2},
    "moonshine_streaming": {"num_key_value_heads": 8},
    "nemotron": {"num_key_value_heads": 8},
    "ovis2": {"hidden_size": 4096},
    "perception_lm": {
        "vision_config": {
            "model_type": "timm_wrapper",
            "architecture": "vit_pe_core_large_patch14_336",
            "model_args": {"embed_dim": 1024, "img_size": [448, 448], "depth": 2, "global_pool": ""},
        }
    },
    "pp_doclayout_v2": {"class_thresholds": [0.5] * 25, "class_order": list(range(25))},
    "pp_ocrv5_server_det": {"intraclass_block_config": _KERNELS, "kernel_list": [3, 2, 2]},
    "pp_ocrv6_medium_det": {"intraclass_block_config": _KERNELS, "kernel_list": [3, 2, 2]},
    "qwen3_omni_moe_text": {"head_dim": 128},
    "qwen4_exp_text": {
        "indexer_n_heads": 4,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 256,
        "indexer_budget": 64,
        "indexer_compress_ratio": 4,
    },
    "qwen3_omni_moe_talker_text": {"shared_expert_intermediate_size": 1024},
    "qwen2_vl_vision": {"hidden_size": 8192},
    "reformer": {"axial_pos_shape": [4, 4], "axial_pos_embds_dim": [64, 192]},
    "sapiens2": {"head_config": _SAPIENS_HEAD},
    "smolvlm_vision": {"image_size": 256},
    "step3p5": {"sliding_window": 512},
    "time_series_transformer": _FORECAST,
    "ultravbert": {"pixel_shuffle_factor": 2},
    "vitmatte": {"fusion_hidden_sizes": [256, 128, 64, 32]},
    "voxtral": {"audio_token_id": 24},
    "wav2vec2-bert": {"vocab_size": 32},
    "wav2vec2-conformer": {"vocab_size": 32},
    "xmod": {"default_language": "en_XX"},
}
"""Given to every configuration of the type."""

FOR_CLASS: dict[str, dict[str, Any]] = {
    "TimmBackbone": {"backbone": "resnet18"},
    "BeitForSemanticSegmentation": {"out_indices": [3, 5, 7, 11]},
    "Blip2ForImageTextRetrieval": {"qformer_config": {"use_qformer_text_input": True, "num_hidden_layers": 2}},
    "PerceiverForImageClassificationConvProcessing": {"num_cross_attention_heads": 1},
    "PerceiverForImageClassificationFourier": {"num_cross_attention_heads": 1},
    "ReformerModelWithLMHead": {"is_decoder": True},
    "T5GemmaEncoderModel": {"is_encoder_decoder": False},
}
"""Given to the configuration of one class."""

DEEP = frozenset(
    """data2vec-vision beit dpt lw_detr rf_detr eomt eomt_dinov3 swin swinv2 edgetam edgetam_vision_model uvdoc vitmatte
    zoedepth mllama_vision_model vipllava sam_vision_model""".split()
)
"""Types whose layers stay as many as they are: other settings name them by their number."""

BUFFERS = frozenset(
    """mimi mimi_encoder mimi_decoder pocket_tts_audio_tokenizer pocket_tts_audio_tokenizer_encoder
    pocket_tts_audio_tokenizer_decoder encodec""".split()
)
"""Types that compute shapes from buffers: only their weights are built on meta."""
