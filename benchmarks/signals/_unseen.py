"""The models that `iw.predict` is judged by; its rules are developed without a look at their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from benchmarks.signals._case import Case, case, images, noise, text, text_to_text, timm, transformers, vision, words
from benchmarks.signals._nets import GRUClassifier, UNet

_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_TEXT = {"vocab_size": 16384, "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 4}
_ENCODER = {**_TEXT, "intermediate_size": 3072, "pad_token_id": 0}
_DECODER = {**_TEXT, "intermediate_size": 2048, "max_position_embeddings": 512, **_SPECIAL}
_GROUPED = {**_DECODER, "num_key_value_heads": 4}
_IDS = text(16384, use_cache=False)


def _networks() -> Iterator[Case]:
    """Convolutional ones."""
    yield timm("seresnet50", "resnet", 128, 4, "squeeze-excitation")
    yield vision("regnet_x_400mf", "auto", 128, 4, "grouped convolutions")
    yield vision("mobilenet_v3_small", "mobilenet", 128, 4, "squeeze-excitation")
    yield timm("ghostnet_100", "torch-default", 128, 4, "squeeze-excitation")
    yield vision("resnext50_32x4d", "resnet", 128, 4, "grouped convolutions")
    yield timm("res2net50_26w_4s", "resnet", 128, 4, "splits")
    yield case("timm convmixer_768", "torch-default", _convmixer, images(112, 4))
    yield timm("inception_v3", "kaiming", 160, 4, "branches")
    yield vision("squeezenet1_1", "kaiming", 128, 4, "branches")
    yield vision("shufflenet_v2_x1_0", "torch-default", 128, 4, "channel shuffle")
    yield vision("mnasnet1_0", "mobilenet", 128, 4)
    yield timm("nfnet_l0", "kaiming", 128, 2, "squeeze-excitation", "standardized weights")
    yield case("torch unet-groupnorm", "kaiming", UNet, images(64, 2), "concatenation")


def _image_transformers() -> Iterator[Case]:
    """Those with tokens, and mixtures of both kinds."""
    yield timm("poolformer_s12", "auto", 128, 2, "layer scale", "pooling")
    yield timm("coatnet_nano_rw_224", "auto", 224, 2, "relative positions")
    yield timm("maxvit_pico_rw_256", "auto", 256, 2, "windows", "relative positions", "squeeze-excitation")
    yield timm("mobilevit_xs", "auto", 128, 2, "unfolded tokens")
    yield timm("beit_base_patch16_224", "vit", 224, 2, "class token", "relative positions", depth=4)
    yield timm("cait_xxs24_224", "timm-vit", 224, 2, "class token", "layer scale", depth=6)
    yield timm("xcit_tiny_12_p16_224", "timm-vit", 224, 2, "class token", "attention over channels", depth=4)
    yield timm("eva02_small_patch14_224", "timm-vit", 224, 2, "class token", "rotary positions", depth=4,
               num_classes=1000)  # fmt: skip
    yield timm("swinv2_tiny_window8_256", "swin", 256, 2, "windows", "QK-norm", depths=(2, 2, 2, 2))
    yield timm("pvt_v2_b0", "timm-vit", 128, 2, "pooled keys")
    yield timm("twins_svt_small", "timm-vit", 224, 2, "windows", depths=(2, 2, 2, 2))
    yield timm("levit_128s", "timm-vit", 224, 4, "batch norms in attention")
    yield timm("gmlp_ti16_224", "auto", 224, 2, "token mixing")
    mae = {"num_hidden_layers": 4, "image_size": 128, "decoder_num_hidden_layers": 2}
    masked = {"pixel_values": noise(2, 3, 128, 128), "noise": noise(2, 64)}
    yield transformers("ViTMAEForPreTraining", "auto", mae, lambda: masked, "class token", "masked tokens")
    part = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 8}
    clip = {"text_config": {**part, "vocab_size": 16384, "eos_token_id": 2},
            "vision_config": {**part, "image_size": 96, "patch_size": 16}}  # fmt: skip
    both = {"input_ids": words(16384, 32), "pixel_values": noise(2, 3, 96, 96)}
    yield transformers("CLIPModel", "auto", clip, lambda: both, "class token", "two towers")


def _encoders() -> Iterator[Case]:
    """Those that see all tokens, and those with an encoder."""
    yield transformers("RobertaForMaskedLM", "roberta", _ENCODER, text(16384), "tied head")
    distil = {"vocab_size": 16384, "n_layers": 4, "pad_token_id": 0}
    yield transformers("DistilBertForSequenceClassification", "bert", {**distil, "num_labels": 20}, text(16384))
    yield transformers("AlbertForMaskedLM", "bert", {**_ENCODER, "embedding_size": 128}, text(16384), "shared layers")
    electra = {**_ENCODER, "embedding_size": 128, "num_labels": 20}
    yield transformers("ElectraForSequenceClassification", "bert", electra, text(16384))
    deberta = {**_ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 32,
               "norm_rel_ebd": "layer_norm", "max_relative_positions": 64}  # fmt: skip
    yield transformers("DebertaV2ForMaskedLM", "bert", deberta, text(16384), "relative positions")
    bart = {"vocab_size": 16384, "d_model": 768, "encoder_layers": 3, "decoder_layers": 3, "encoder_ffn_dim": 3072,
            "decoder_ffn_dim": 3072, "encoder_attention_heads": 12, "decoder_attention_heads": 12,
            **_SPECIAL}  # fmt: skip
    yield transformers("BartForConditionalGeneration", "bert", bart, text_to_text(16384), "cross attention")
    whisper = {"vocab_size": 16384, "d_model": 512, "encoder_layers": 3, "decoder_layers": 3, "encoder_ffn_dim": 2048,
               "decoder_ffn_dim": 2048, "encoder_attention_heads": 8, "decoder_attention_heads": 8,
               "max_source_positions": 100, "decoder_start_token_id": 1, **_SPECIAL}  # fmt: skip
    sound = {"input_features": noise(2, 80, 200), "decoder_input_ids": words(16384, 32), "use_cache": False}
    yield transformers("WhisperForConditionalGeneration", "auto", whisper, lambda: sound, "cross attention")


def _decoders() -> Iterator[Case]:
    """Those that see the tokens before."""
    heads = {**_GROUPED, "head_dim": 64}
    yield transformers("Qwen3ForCausalLM", "qwen3", heads, _IDS, "QK-norm", "rotary positions")
    yield transformers("Olmo2ForCausalLM", "olmo-normal", _GROUPED, _IDS, "QK-norm", "rotary positions")
    yield transformers("GemmaForCausalLM", "gemma", heads, _IDS, "tied head", "rotary positions")
    yield transformers("MistralForCausalLM", "auto", heads, _IDS, "rotary positions")
    mixtral = {**_GROUPED, "num_local_experts": 4, "intermediate_size": 1024, "num_hidden_layers": 3}
    yield transformers("MixtralForCausalLM", "mixtral", mixtral, _IDS, "experts", "rotary positions")
    yield transformers("PhiForCausalLM", "auto", _DECODER, _IDS, "parallel branches", "rotary positions")
    yield transformers("GPTNeoXForCausalLM", "neox", _DECODER, _IDS, "parallel branches", "rotary positions")
    falcon = {**_TEXT, **_SPECIAL}
    yield transformers("FalconForCausalLM", "gpt2", falcon, _IDS, "parallel branches", "one key for all heads")
    opt = {**_TEXT, "ffn_dim": 3072, "word_embed_proj_dim": 768, **_SPECIAL}
    yield transformers("OPTForCausalLM", "bert", opt, _IDS, "tied head")
    bloom = {"vocab_size": 16384, "hidden_size": 768, "n_head": 12, "n_layer": 4, **_SPECIAL}
    yield transformers("BloomForCausalLM", "bert", bloom, _IDS, "ALiBi")
    mamba = {"vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 4, "num_heads": 16, "head_dim": 64,
             "state_size": 64, "n_groups": 1, "chunk_size": 16, **_SPECIAL}  # fmt: skip
    yield transformers("Mamba2ForCausalLM", "mamba", mamba, text(8192, 32, use_cache=False), "Mamba", "recurrence")
    rwkv = {"vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 4, "attention_hidden_size": 512, **_SPECIAL}
    yield transformers("RwkvForCausalLM", "auto", rwkv, text(8192, 32, use_cache=False), "recurrence")
    yield case("torch gru-classifier", "keras-rnn", GRUClassifier, lambda: noise(8, 40, 80), "recurrence")


def _convmixer() -> nn.Module:
    from timm.models.convmixer import ConvMixer

    model: nn.Module = ConvMixer(dim=768, depth=8, kernel_size=7, patch_size=7)
    return model


_PARTS: tuple[Callable[[], Iterator[Any]], ...] = (_networks, _image_transformers, _encoders, _decoders)
UNSEEN: tuple[Case, ...] = tuple(each for part in _PARTS for each in part())
