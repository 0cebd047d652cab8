"""The list: small models of real architectures, `auto` developed with a few of them and measured on all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.auto import plain

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

BATCH = 8
LENGTH = 32
WORDS = 8192
TEXT: Mapping[str, Any] = {"vocab_size": WORDS, "hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 8}
WIDE: Mapping[str, Any] = {**TEXT, "intermediate_size": 1024, "max_position_embeddings": 128}
GROUPED: Mapping[str, Any] = {**WIDE, "num_key_value_heads": 2}
SPECIAL: Mapping[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


@dataclass(frozen=True)
class Case:
    """A model and its inputs.

    Attributes:
        name: library and architecture.
        known: `auto` was developed with it.
    """

    name: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Any]
    known: bool = False


def images(side: int = 224, batch: int = BATCH) -> Callable[[], Any]:
    """Standard normal images."""
    return partial(_noise, batch, 3, side, side)


def _noise(*shape: int) -> tuple[Tensor]:
    return (torch.randn(shape, generator=torch.Generator().manual_seed(0)),)


def _words() -> Tensor:
    return torch.randint(3, WORDS, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))


def _text(**more: Any) -> Callable[[], Any]:
    return lambda: {"input_ids": _words(), **more}


def _text_to_text() -> Any:
    return {"input_ids": _words(), "decoder_input_ids": _words().flip(0), "use_cache": False}


def _spectrogram() -> Any:
    return {"input_features": _noise(BATCH, 80, 200)[0]}


def _pixels() -> Any:
    return {"pixel_values": _noise(BATCH, 3, 96, 96)[0]}


def _torchvision(name: str) -> nn.Module:
    import torchvision

    model: nn.Module = torchvision.models.get_model(name, weights=None)
    return model


def _timm(name: str, **settings: Any) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False, **settings)
    return model


def _transformers(name: str, settings: Mapping[str, Any]) -> nn.Module:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, name)
    model: nn.Module = kind(kind.config_class(**settings))
    return model


def vision() -> Iterator[Case]:
    """Images to a thousand classes."""
    known = {"resnet18", "vgg11_bn"}
    names = """resnet18 resnet50 vgg11 vgg11_bn mobilenet_v2 mobilenet_v3_small efficientnet_b0 densenet121
        squeezenet1_1 shufflenet_v2_x1_0 regnet_y_400mf mnasnet1_0 googlenet alexnet"""
    for name in names.split():
        yield Case(f"torchvision {name}", partial(_torchvision, name), images(), known=name in known)
    for name in ("convnext_atto", "resnetv2_50", "regnetx_004", "nfnet_l0"):
        yield Case(f"timm {name}", partial(_timm, name), images())
    sized = ("vit_tiny_patch16_224", "deit_tiny_patch16_224", "mixer_s16_224", "cait_xxs24_224", "gmlp_ti16_224")
    for name in (*sized, "resmlp_12_224"):
        yield Case(f"timm {name}", partial(_timm, name), images(), known=name == "vit_tiny_patch16_224")
    yield Case("timm swin_tiny_patch4_window7_224", partial(_timm, "swin_tiny_patch4_window7_224"), images())
    yield Case("timm coatnet_0_rw_224", partial(_timm, "coatnet_0_rw_224"), images())
    yield Case("timm maxvit_tiny_rw_224", partial(_timm, "maxvit_tiny_rw_224"), images())
    yield Case("timm poolformer_s12", partial(_timm, "poolformer_s12"), images())
    yield Case("timm mobilevit_xs", partial(_timm, "mobilevit_xs"), images())


def language() -> Iterator[Case]:
    """Models of transformers."""
    decoders = ("LlamaForCausalLM", "Qwen3ForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Olmo2ForCausalLM")
    for name in decoders:
        heads = {"head_dim": 64, "pad_token_id": 0} | ({} if name == "LlamaForCausalLM" else {"eos_token_id": 2})
        build = partial(_transformers, name, {**GROUPED, **heads})
        yield Case(f"transformers {name}", build, _text(use_cache=False), known=name == "LlamaForCausalLM")
    gpt2 = {"vocab_size": WORDS, "n_embd": 384, "n_head": 6, "n_layer": 8, **SPECIAL}
    yield Case(
        "transformers GPT2LMHeadModel",
        partial(_transformers, "GPT2LMHeadModel", gpt2),
        _text(use_cache=False),
        known=True,
    )
    neox = partial(_transformers, "GPTNeoXForCausalLM", {**WIDE, **SPECIAL})
    yield Case("transformers GPTNeoXForCausalLM", neox, _text(use_cache=False))
    opt = {"vocab_size": WORDS, "hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 8, "ffn_dim": 1536,
           "word_embed_proj_dim": 384, **SPECIAL}  # fmt: skip
    yield Case("transformers OPTForCausalLM", partial(_transformers, "OPTForCausalLM", opt), _text(use_cache=False))
    mixtral = {**GROUPED, "num_hidden_layers": 4, "num_local_experts": 4, "intermediate_size": 512, **SPECIAL}
    yield Case(
        "transformers MixtralForCausalLM", partial(_transformers, "MixtralForCausalLM", mixtral), _text(use_cache=False)
    )
    mamba = {"vocab_size": WORDS, "hidden_size": 384, "num_hidden_layers": 6, "state_size": 16, **SPECIAL}
    yield Case(
        "transformers MambaForCausalLM", partial(_transformers, "MambaForCausalLM", mamba), _text(use_cache=False)
    )
    for name in (
        "BertForMaskedLM",
        "RobertaForMaskedLM",
        "DistilBertForMaskedLM",
        "ElectraForMaskedLM",
        "DebertaV2ForMaskedLM",
    ):
        yield Case(f"transformers {name}", partial(_transformers, name, _encoder(name)), _text())
    t5 = {
        "vocab_size": WORDS,
        "d_model": 384,
        "d_kv": 64,
        "d_ff": 1536,
        "num_layers": 6,
        "num_heads": 6,
        "decoder_start_token_id": 0,
    }
    yield Case(
        "transformers T5ForConditionalGeneration",
        partial(_transformers, "T5ForConditionalGeneration", t5),
        _text_to_text,
    )
    bart = {"vocab_size": WORDS, "d_model": 384, "encoder_layers": 4, "decoder_layers": 4, "encoder_attention_heads": 6,
            "decoder_attention_heads": 6, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, **SPECIAL}  # fmt: skip
    yield Case(
        "transformers BartForConditionalGeneration",
        partial(_transformers, "BartForConditionalGeneration", bart),
        _text_to_text,
    )
    vit = {key: TEXT[key] for key in TEXT if key != "vocab_size"} | {
        "intermediate_size": 1536,
        "image_size": 96,
        "num_labels": 100,
    }
    yield Case(
        "transformers ViTForImageClassification", partial(_transformers, "ViTForImageClassification", vit), _pixels
    )
    whisper = {"vocab_size": WORDS, "d_model": 384, "encoder_layers": 6, "encoder_attention_heads": 6,
               "encoder_ffn_dim": 1536, "num_mel_bins": 80,
               "max_source_positions": 100, "num_labels": 50, **SPECIAL}  # fmt: skip
    yield Case(
        "transformers WhisperForAudioClassification",
        partial(_transformers, "WhisperForAudioClassification", whisper),
        _spectrogram,
    )


def _encoder(name: str) -> dict[str, Any]:
    if name == "DistilBertForMaskedLM":
        return {"vocab_size": WORDS, "dim": 384, "n_heads": 6, "n_layers": 6, "hidden_dim": 1536, "pad_token_id": 0}
    more: dict[str, Any] = {"intermediate_size": 1536, "pad_token_id": 0}
    if name == "DebertaV2ForMaskedLM":
        more |= {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 32,
            "norm_rel_ebd": "layer_norm",
        }
    return {**WIDE, **more}


def torch_alone() -> Iterator[Case]:
    """Models written in plain torch."""
    for activation in (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.SELU, nn.ELU):
        build = partial(plain.mlp, activation)
        yield Case(
            f"torch mlp {activation.__name__.lower()}", build, partial(_noise, 64, 256), known=activation is nn.ReLU
        )
    yield Case("torch dcgan generator", plain.generator, partial(_noise, 16, 100, 1, 1))
    yield Case("torch autoencoder", plain.autoencoder, images(64))
    yield Case("torch unet", plain.UNet, images(64))
    yield Case("torch unet without norms", partial(plain.UNet, norm=False), images(64))
    yield Case("torch lstm language model", plain.LanguageModel, lambda: (_words(),))
    yield Case("torch gru classifier", plain.SequenceClassifier, partial(_noise, 16, 50, 80))
    yield Case("torch encoder, norm first", partial(plain.Encoder, norm_first=True), lambda: (_words(),))
    yield Case(
        "torch encoder, norm last, gelu",
        partial(plain.Encoder, norm_first=False, activation="gelu"),
        lambda: (_words(),),
    )
    yield Case("torch waves (M11)", plain.Waves, partial(_noise, 8, 1, 8000))


def cases() -> list[Case]:
    """All of them."""
    return [*torch_alone(), *vision(), *language()]
