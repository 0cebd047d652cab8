"""The models: the sixty that stand for the zoo, forty more whose buffers are unusual, and how each is constructed."""

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

_BACKBONES = {"fcn_resnet50", "fasterrcnn_resnet50_fpn", "ssd300_vgg16"}


def zoo() -> list[Entry]:
    """Return the sixty models."""
    return sample(60)


def further() -> list[Entry]:
    """Return the others."""
    return [Entry(library, name) for library, names in _FURTHER.items() for name in names.split()]


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
        model: nn.Module = kind(config)
        return model

    return make


def _settings(config: Any) -> dict[str, Any]:
    """Return the arguments that shorten a configuration; of parts and of what is derived from widths none."""
    given = {name: value for name, value in config.to_diff_dict().items() if isinstance(value, (int, float))}
    return {name: value for name, value in given.items() if name not in {"head_dim", "transformers_version"}}
