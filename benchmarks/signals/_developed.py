"""The models that the rules of `iw.predict` are developed with."""

from __future__ import annotations

from functools import partial

from torch import nn

from benchmarks.signals._case import case, noise, text, text_to_text, timm, transformers, vision, words
from benchmarks.signals._nets import LSTMClassifier, mlp

_BERT = {"vocab_size": 30522, "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 4}
_LLAMA = {"vocab_size": 32000, "hidden_size": 768, "intermediate_size": 2048, "num_attention_heads": 12,
          "num_key_value_heads": 4, "num_hidden_layers": 6, "max_position_embeddings": 512}  # fmt: skip
_T5 = {"vocab_size": 32128, "d_model": 512, "d_ff": 2048, "d_kv": 64, "num_heads": 8, "num_layers": 4,
       "decoder_start_token_id": 0}  # fmt: skip
_MAMBA = {"vocab_size": 8192, "hidden_size": 768, "num_hidden_layers": 4, "state_size": 16, "use_cache": False}

DEVELOPED = (
    case("torch mlp-relu", "kaiming", partial(mlp, nn.ReLU), lambda: noise(64, 256)),
    case("torch mlp-gelu", "auto", partial(mlp, nn.GELU), lambda: noise(64, 256)),
    case("torch mlp-tanh", "xavier", partial(mlp, nn.Tanh), lambda: noise(64, 256)),
    vision("resnet18", "resnet", 96, 4),
    vision("resnet50", "resnet", 128, 4),
    vision("vgg11", "mobilenet", 64, 2),
    vision("densenet121", "kaiming", 96, 4),
    timm("convnext_tiny", "convnext", 96, 2, "layer scale"),
    timm("vit_small_patch16_224", "timm-vit", 96, 4, "class token", depth=6, img_size=96),
    timm("deit_small_distilled_patch16_224", "timm-vit", 96, 4, "class token", "distillation token",
         depth=6, img_size=96),
    timm("swin_tiny_patch4_window7_224", "swin", 224, 2, "windows", "relative positions", depths=(2, 2, 2, 2)),
    timm("mixer_s16_224", "xavier", 112, 4, "token mixing", img_size=112),
    timm("efficientnet_b0", "efficientnet", 128, 4, "squeeze-excitation"),
    transformers("GPT2LMHeadModel", "gpt2", {"n_layer": 4}, text(50257, use_cache=False), "tied head"),
    transformers("BertForMaskedLM", "bert", _BERT, text(30522), "tied head"),
    transformers("LlamaForCausalLM", "llama", _LLAMA, text(32000, use_cache=False), "rotary positions"),
    transformers("T5ForConditionalGeneration", "t5", _T5, text_to_text(32128), "T5", "relative positions"),
    transformers("MambaForCausalLM", "mamba", _MAMBA, text(8192, 32), "Mamba", "recurrence"),
    case("torch lstm-classifier", "torch-default", LSTMClassifier, lambda: words(8192, 32, 16), "recurrence"),
)  # fmt: skip
