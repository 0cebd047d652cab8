"""The models: the sixty that stand for the zoo, others with unusual buffers, others again, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from benchmarks.zoo.entries import Entry
from benchmarks.zoo.sample import sample
from benchmarks.zoo.shrink import smallest

# Widths of models that are too large to be constructed twice; the code that runs is the same.
_NARROW = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "vocab_size": 1000}
_GROUPED = {**_NARROW, "num_key_value_heads": 2}
_WIDTHS: dict[str, dict[str, Any]] = {
    "LlamaForCausalLM": _GROUPED,
    "Gemma2ForCausalLM": _GROUPED,
    "Gemma3ForCausalLM": _GROUPED,
    "Qwen3ForCausalLM": {**_GROUPED, "head_dim": 32},
    "MixtralForCausalLM": _GROUPED,
    "RwkvForCausalLM": {"hidden_size": 128, "attention_hidden_size": 128, "vocab_size": 1000},
    "FalconForCausalLM": {"hidden_size": 128, "num_attention_heads": 4, "vocab_size": 1000},
    "GPTNeoXForCausalLM": _NARROW,
    "GPTJForCausalLM": {"n_embd": 128, "n_head": 4, "rotary_dim": 16, "vocab_size": 1000},
    "CodeGenForCausalLM": {"n_embd": 128, "n_head": 4, "rotary_dim": 16, "vocab_size": 1000},
    "PhiForCausalLM": _NARROW,
    "DebertaV2ForTokenClassification": {**_NARROW, "pooler_hidden_size": 128},
    "LlavaForConditionalGeneration": {"text_config": {"model_type": "llama", **_GROUPED, "num_hidden_layers": 2}},
    "Qwen2VLForConditionalGeneration": {
        "text_config": {
            **_GROUPED,
            "num_hidden_layers": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]},
        },
        "vision_config": {"embed_dim": 128, "hidden_size": 128, "num_heads": 4, "depth": 2},
    },
    "XGLMForCausalLM": {"d_model": 128, "ffn_dim": 256, "attention_heads": 4, "vocab_size": 1000},
    "M2M100ForConditionalGeneration": {"d_model": 128, "vocab_size": 1000},
    "ReformerModel": {"is_decoder": True},
    "BigBirdPegasusForConditionalGeneration": {"d_model": 128, "vocab_size": 1000},
    "DeepseekV3ForCausalLM": {
        **_NARROW,
        "num_key_value_heads": 4,
        "n_routed_experts": 8,
        "n_group": 2,
        "topk_group": 1,
        "moe_intermediate_size": 64,
        "q_lora_rank": 32,
        "kv_lora_rank": 16,
        "first_k_dense_replace": 1,
    },
    "Qwen3MoeForCausalLM": {**_GROUPED, "num_experts": 4, "moe_intermediate_size": 64},
    "Mamba2ForCausalLM": {"hidden_size": 128, "num_heads": 8, "head_dim": 32, "vocab_size": 1000},
    "JambaForCausalLM": {**_GROUPED, "num_experts": 2},
    "GptOssForCausalLM": {**_GROUPED, "num_local_experts": 2},
    "Olmo2ForCausalLM": _GROUPED,
    "Phi3ForCausalLM": {**_GROUPED, "pad_token_id": 0},
    "StableLmForCausalLM": _GROUPED,
    "CohereForCausalLM": _GROUPED,
    "MistralForCausalLM": _GROUPED,
    "RecurrentGemmaForCausalLM": {**_GROUPED, "lru_width": 128},
    "BambaForCausalLM": {**_GROUPED, "mamba_n_heads": 8, "mamba_d_head": 32},
    "FalconMambaForCausalLM": {"hidden_size": 128, "vocab_size": 1000},
    "MptForCausalLM": {"d_model": 128, "n_heads": 4, "vocab_size": 1000},
    "GraniteMoeForCausalLM": {**_GROUPED, "num_local_experts": 2},
    "Starcoder2ForCausalLM": _GROUPED,
    "PersimmonForCausalLM": _NARROW,
    "UMT5ForConditionalGeneration": {"d_model": 128, "vocab_size": 1000},
    "Llama4ForCausalLM": {**_GROUPED, "num_local_experts": 2, "intermediate_size_mlp": 256, "pad_token_id": 0},
    "SmolLM3ForCausalLM": {**_GROUPED, "pad_token_id": 0},
}

_FURTHER = {
    "timm": """
        eva02_tiny_patch14_224 vit_small_patch16_dinov3 swinv2_tiny_window8_256 levit_128s volo_d1_224 halonet26t
        lambda_resnet26t convit_tiny maxvit_tiny_tf_224 mvitv2_tiny crossvit_9_240 nest_tiny efficientvit_m0
        gcresnext26ts resnetblur50 vit_relpos_small_patch16_224
    """,
    "torchvision": "maxvit_t swin_v2_t swin3d_t fasterrcnn_resnet50_fpn ssd300_vgg16 efficientnet_b0",
    "transformers": """
        Gemma3ForCausalLM SwinModel Swinv2Model BeitModel Dinov2Model DINOv3ViTModel SpeechT5Model
        Speech2TextForConditionalGeneration M2M100ForConditionalGeneration XGLMForCausalLM BigBirdForMaskedLM
        MarianMTModel EsmForMaskedLM ViTMAEForPreTraining GPTJForCausalLM CodeGenForCausalLM
        InformerModel ReformerModel SamModel
    """,
}

# Found equal, or not, the first time they were tried, when all of the code was written.
_UNSEEN = {
    "timm": """
        swinv2_cr_tiny_224 deit3_small_patch16_224 maxvit_nano_rw_256 efficientformer_l1 efficientformerv2_s0
        cait_xxs24_224 tnt_s_patch16_224 pit_ti_224 visformer_tiny twins_pcpvt_small coat_tiny botnet26t_256
        sehalonet33ts eca_nfnet_l0 hrnet_w18_small tf_mobilenetv3_small_100 vit_base_patch16_rope_reg1_gap_256
        hiera_tiny_224 mobilevitv2_050 fastvit_t8 davit_tiny edgenext_xx_small focalnet_tiny_srf resnetv2_50x1_bit
        tiny_vit_5m_224 gcvit_xxtiny nextvit_small inception_next_atto naflexvit_base_patch16_gap
    """,
    "torchvision": """
        retinanet_resnet50_fpn fcos_resnet50_fpn ssdlite320_mobilenet_v3_large mvit_v1_b mvit_v2_s swin3d_s s3d
        shufflenet_v2_x0_5 regnet_y_400mf
    """,
    "transformers": """
        Mamba2ForCausalLM DeepseekV3ForCausalLM Qwen3MoeForCausalLM LongformerModel XLNetModel RobertaForMaskedLM
        GptOssForCausalLM ElectraModel MPNetModel HubertModel Data2VecAudioModel ClapModel BlipModel OwlViTModel
        TimesformerModel ModernBertModel JambaForCausalLM Olmo2ForCausalLM Phi3ForCausalLM StableLmForCausalLM
        CohereForCausalLM MistralForCausalLM RecurrentGemmaForCausalLM FalconMambaForCausalLM MptForCausalLM
        AutoformerModel TimeSeriesTransformerModel PerceiverModel NystromformerModel CanineModel
        RTDetrForObjectDetection DPTModel EncodecModel DacModel MimiModel VitsModel HieraModel LevitModel MobileViTModel
        PvtV2Model UMT5ForConditionalGeneration SiglipModel ASTModel Wav2Vec2ConformerModel Wav2Vec2BertModel SEWDModel
        SplinterModel TapasModel LukeModel RoFormerModel Starcoder2ForCausalLM PersimmonForCausalLM Llama4ForCausalLM
        SmolLM3ForCausalLM BambaForCausalLM GraniteMoeForCausalLM MgpstrModel Kosmos2Model FastSpeech2ConformerModel
    """,
}

_BACKBONES = {
    "fcn_resnet50",
    "fasterrcnn_resnet50_fpn",
    "ssd300_vgg16",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
}
_THETA = 12345.0  # a rotary base that is nobody's default


def zoo() -> list[Entry]:
    """Return the sixty models."""
    return sample(60)


def further() -> list[Entry]:
    """Return the others."""
    return _entries(_FURTHER)


def unseen() -> list[Entry]:
    """Return those that were not looked at while the code was written."""
    return _entries(_UNSEEN)


def _entries(listed: dict[str, str]) -> list[Entry]:
    return [Entry(library, name) for library, names in listed.items() for name in names.split()]


def maker(entry: Entry) -> Callable[[], nn.Module]:
    """Return a function that constructs a model anew, on the device that is current when it is called."""
    from tests import peers  # noqa: F401 - makes torchvision and timm importable

    if entry.library == "timm":
        import timm

        return lambda: timm.create_model(entry.name, pretrained=False)
    if entry.library == "torchvision":
        import torchvision

        backbone = {"weights_backbone": None} if entry.name in _BACKBONES else {}
        return lambda: torchvision.models.get_model(entry.name, weights=None, **backbone)
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, entry.name)

    def make() -> nn.Module:
        config = smallest(kind.config_class, entry.name)
        narrow = _WIDTHS.get(entry.name)
        if narrow:
            config = type(config)(**{**_settings(config), **narrow})
        _turn(config)
        model: nn.Module = kind(config)
        return model

    return make


def _settings(config: Any) -> dict[str, Any]:
    """Return the arguments that shorten a configuration; of parts and of what is derived from widths none."""
    given = {name: value for name, value in config.to_diff_dict().items() if isinstance(value, (int, float))}
    return {name: value for name, value in given.items() if name not in {"head_dim", "transformers_version"}}


def _turn(config: Any) -> None:
    """Give rotary embeddings another base than the default, so that a default taken for it would be seen."""
    for part in (config, *(each for each in vars(config).values() if hasattr(each, "to_diff_dict"))):
        parameters = getattr(part, "rope_parameters", None)
        kinds = [parameters, *parameters.values()] if isinstance(parameters, dict) else []
        for each in kinds:
            if isinstance(each, dict) and "rope_theta" in each:
                each["rope_theta"] = _THETA
