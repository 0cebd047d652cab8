"""The second list: twenty other models, one wrong law in each."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

import initwise as iw
from benchmarks.culprits._plant import Plant, _whole, law, noise, std, swapped, times, whole, words
from benchmarks.culprits.nets import dense, images, libraries, sequences
from benchmarks.culprits.nets.libraries import SPECIAL, WIDE, WORDS

PLAIN = [iw.rule((nn.Linear, nn.Conv1d, nn.Conv2d), weight=iw.KaimingNormal(), bias=iw.Zeros(), optional=True)]
T5: dict[str, Any] = {
    "vocab_size": WORDS, "d_model": 256, "d_kv": 64, "d_ff": 1024, "num_layers": 4, "num_heads": 4,
    "decoder_start_token_id": 0,
}  # fmt: skip
MAMBA: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 256, "num_hidden_layers": 6, "state_size": 16, **SPECIAL,
}  # fmt: skip
DISTILBERT: dict[str, Any] = {
    "vocab_size": WORDS, "dim": 384, "n_heads": 6, "n_layers": 4, "hidden_dim": 1536, "pad_token_id": 0,
}  # fmt: skip
WHISPER: dict[str, Any] = {
    "vocab_size": WORDS, "d_model": 256, "encoder_layers": 4, "encoder_attention_heads": 4, "encoder_ffn_dim": 1024,
    "num_mel_bins": 80, "max_source_positions": 100, "num_labels": 20, **SPECIAL,
}  # fmt: skip
SWIN: dict[str, Any] = {
    "img_size": 64, "window_size": 4, "embed_dim": 64, "depths": (2, 2, 2), "num_heads": (2, 4, 8), "num_classes": 100,
}  # fmt: skip


def _translated() -> dict[str, Any]:
    (source,) = _whole(WORDS, (4, 32), 1)
    return {"input_ids": source, "decoder_input_ids": source.flip(0), "use_cache": False}


def _spectrogram() -> dict[str, Any]:
    return {"input_features": noise((4, 80, 200))()[0]}


SECOND: tuple[Plant, ...] = (
    Plant(
        "MLP with ReLU", "sqrt(2) went in twice, by one rule for all: the variance is 4 / fan_in.",
        partial(dense.chain, nn.ReLU, (256, *[256] * 12, 10)), noise((64, 256)),
        PLAIN, law(iw.VarianceScaling(4.0), "*.weight"), ("*.weight",), "smaller",
    ),
    Plant(
        "deep SELU MLP", "One layer of sixteen has a tenth of its standard deviation.",
        partial(dense.chain, nn.SELU, (128, *[256] * 16, 10)), noise((64, 128)),
        [iw.rule("*.weight", iw.LecunNormal()), iw.rule("*.bias", iw.Zeros())],
        times(0.1, "14.weight"), ("14.weight",), "larger",
    ),
    Plant(
        "residual net without norms", "The second convolutions miss the 1 / sqrt(blocks) that keeps the stream.",
        images.residual, noise((8, 3, 32, 32)),
        [*PLAIN, iw.rule("*.conv2.weight", iw.KaimingNormal(nonlinearity=(2 / 10) ** 0.5))],
        law(iw.KaimingNormal(), "*.conv2.weight"), ("*.conv2.weight",), "smaller",
    ),
    Plant(
        "MobileNetV2", "The norm that ends one block has weight 10.",
        partial(libraries.torchvision, "mobilenet_v2"), noise((8, 3, 96, 96)),
        "mobilenet", law(iw.Constant(10), "features.9.conv.3.weight"), ("features.9.conv.3.weight",), "smaller",
    ),
    Plant(
        "ConvNeXt", "The convolution between two stages is drawn by torch.randn.",
        partial(libraries.timm, "convnext_atto"), noise((4, 3, 96, 96)),
        "auto", std(1.0, "stages.2.downsample.1.weight"), ("stages.2.downsample.1.weight",), "smaller",
    ),
    Plant(
        "Swin", "The attention's projection of one block has ten times its standard deviation.",
        partial(libraries.timm, "swin_tiny_patch4_window7_224", **SWIN), noise((4, 3, 64, 64)),
        "auto", times(10, "layers.1.blocks.1.attn.proj.weight"), ("layers.1.blocks.1.attn.proj.weight",), "smaller",
    ),
    Plant(
        "MLP-Mixer", "The second dense layer over the tokens of one block is drawn by torch.randn.",
        partial(libraries.timm, "mixer_s32_224"), noise((4, 3, 224, 224)),
        "auto", std(1.0, "blocks.3.mlp_tokens.fc2.weight"), ("blocks.3.mlp_tokens.fc2.weight",), "smaller",
    ),
    Plant(
        "T5", "The way back of one dense block of the decoder has standard deviation 1.",
        partial(libraries.transformers, "T5ForConditionalGeneration", **T5), _translated,
        "t5", std(1.0, "decoder.block.2.layer.2.DenseReluDense.wo.weight"),
        ("decoder.block.2.layer.2.DenseReluDense.wo.weight",), "smaller",
    ),
    Plant(
        "Mamba", "The way back of one block of six has ten times its standard deviation.",
        partial(libraries.transformers, "MambaForCausalLM", **MAMBA), words(WORDS, use_cache=False),
        "auto", times(10, "backbone.layers.3.mixer.out_proj.weight"), ("*.3.mixer.out_proj.weight",), "smaller",
    ),
    Plant(
        "GRU translator", "The encoder's recurrent weight is drawn by torch.randn.",
        sequences.Translator, whole(2000, 8, 24, count=2),
        "auto", std(1.0, "encoder.weight_hh_l0"), ("encoder.weight_hh_l0",), "smaller",
    ),
    Plant(
        "convolutions over text",
        "The kernel's five places are not counted in fan_in, by one rule for all convolutions.",
        sequences.text_cnn, noise((16, 64, 50)),
        PLAIN, std((2 / 128) ** 0.5, "[0-9].weight", "10.weight"), ("[0-9].weight", "10.weight"), "smaller",
    ),
    Plant(
        "neural collaborative filtering", "The first layer of the tower is drawn by torch.randn.",
        dense.Ncf, whole(2000, 64, count=2),
        "auto", std(1.0, "tower.0.weight"), ("tower.0.weight",), "smaller",
    ),
    Plant(
        "DistilBERT", "The table of words, which is the head too, is N(0, 1), as nn.Embedding draws it.",
        partial(libraries.transformers, "DistilBertForMaskedLM", **DISTILBERT), words(WORDS),
        "bert", std(1.0, "distilbert.embeddings.word_embeddings.weight"),
        ("distilbert.embeddings.word_embeddings.weight",), "smaller",
    ),
    Plant(
        "GPT-NeoX", "Query, key and value of one block, packed into one weight, are drawn by torch.randn.",
        partial(libraries.transformers, "GPTNeoXForCausalLM", **WIDE), words(WORDS, use_cache=False),
        "neox", std(1.0, "gpt_neox.layers.2.attention.query_key_value.weight"),
        ("gpt_neox.layers.2.attention.query_key_value.weight",), "smaller",
    ),
    Plant(
        "VAE decoder", "The first transposed convolution's fan_in is torch's: 128 * 16 of its shape, where 64 count.",
        images.decoder, noise((16, 64, 1, 1)),
        "auto", std((2 / 2048) ** 0.5, "0.weight"), ("0.weight",), "larger",
    ),
    Plant(
        "RealNVP", "The last layer of one coupling's net, zeros in all others, is drawn like the layers before it.",
        dense.flow, noise((64, 32)),
        [*PLAIN, iw.rule("*.net.4.weight", iw.Zeros())],
        law(iw.KaimingNormal(), "3.net.4.weight"), ("3.net.4.weight",), "smaller",
    ),
    Plant(
        "transformer over a time series", "The way in, 8 to 256, has fan_out where fan_in belongs.",
        sequences.Series, noise((8, 48, 8)),
        "auto", swapped("patches.weight"), ("patches.weight",), "larger",
    ),
    Plant(
        "Whisper's encoder", "The first convolution's fan_out (768) stands where fan_in (240) belongs, without a gain.",
        partial(libraries.transformers, "WhisperForAudioClassification", **WHISPER), _spectrogram,
        "auto", swapped("encoder.conv1.weight"), ("encoder.conv1.weight",), "larger",
    ),
    Plant(
        "recurrent net with ReLU",
        "In the recurrent weight sqrt(2) went in twice: orthogonal with gain 2, over 28 steps.",
        sequences.ReluRnn, noise((32, 28, 28)),
        [
            *PLAIN,
            iw.rule(nn.RNN, weight_hh=iw.Orthogonal(2**0.5), weight_ih=iw.VarianceScaling(1 / 28), bias=iw.Zeros()),
        ],
        law(iw.Orthogonal(gain=2), "rnn.weight_hh_l0"), ("rnn.weight_hh_l0",), "smaller",
    ),
    Plant(
        "PointNet", "Every weight is N(0, 0.02^2), as transformers have it, in a net of width 128.",
        dense.PointNet, noise((16, 64, 3)),
        PLAIN, std(0.02, "*.weight"), ("*.weight",), "larger",
    ),
)  # fmt: skip
