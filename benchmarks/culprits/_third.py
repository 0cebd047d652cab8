"""The third list: twenty models that are in neither other list, one wrong law in each; written without the judge."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

import initwise as iw
from benchmarks.culprits._plant import Plant, law, noise, std, times, whole, words
from benchmarks.culprits.nets import dense, gates, libraries, several
from benchmarks.culprits.nets.libraries import SPECIAL, WIDE, WORDS

RELU = [iw.rule((nn.Linear, nn.Conv2d), weight=iw.KaimingNormal(), bias=iw.Zeros(), optional=True)]
BERT = [  # 0.02 everywhere, as transformers has it for most of its models
    iw.rule((nn.Linear, nn.Embedding), weight=iw.Normal(std=0.02), bias=iw.Zeros()),
    iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
]
# E[(a sigmoid(b))^2] is 1 where a and b have variance 3.08: a gated linear unit's own gain
GATED = [
    iw.rule(nn.Conv1d, weight=iw.VarianceScaling(3.08), bias=iw.Zeros()),
    iw.rule(nn.Embedding, weight=iw.Normal(std=1.0)),
    iw.rule(nn.Linear, weight=iw.LecunNormal(), bias=iw.Zeros()),
]
TANH = [
    iw.rule(nn.Linear, weight=iw.LecunNormal(), bias=iw.Zeros()),
    iw.rule("body.*.weight", iw.XavierNormal(gain=5 / 3)),
]
SCALED = [
    iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros()),
    iw.rule(nn.Conv2d, weight=iw.LecunNormal(), bias=iw.Zeros()),
    iw.rule("*.ls*", iw.Constant(0.1)),
    iw.rule("*norm*.alpha", iw.Ones()),
    iw.rule("*norm*.beta", iw.Zeros()),
]
MATCH = [
    iw.rule(nn.Linear, weight=iw.KaimingNormal(), bias=iw.Zeros()),
    # fan_in is the product of both widths
    iw.rule(nn.Bilinear, weight=iw.Normal(std=(2 / 64**2) ** 0.5), bias=iw.Zeros()),
]
MEMBERS = [
    iw.rule("*.0.weight", iw.Normal(std=(2 / 24) ** 0.5)),
    iw.rule("*.[12].weight", iw.Normal(std=(2 / 200) ** 0.5)),
    iw.rule("last.weight", iw.Normal(std=(1 / 200) ** 0.5)),
    iw.rule("*.bias", iw.Zeros()),
]
OPT: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 384, "word_embed_proj_dim": 384, "num_attention_heads": 6, "ffn_dim": 1536,
    "num_hidden_layers": 6, "max_position_embeddings": 128, **SPECIAL,
}  # fmt: skip
MIXTRAL: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2,
    "num_hidden_layers": 4, "intermediate_size": 512, "num_local_experts": 4, **SPECIAL,
}  # fmt: skip
WAV2VEC2: dict[str, Any] = {
    "vocab_size": 32, "hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 1024,
    "conv_dim": (256,) * 7, "num_conv_pos_embeddings": 32, "num_conv_pos_embedding_groups": 8, "num_labels": 20,
    "apply_spec_augment": False, **SPECIAL,
}  # fmt: skip


def _heard() -> dict[str, Any]:
    return {"input_values": noise((2, 8000))()[0]}


def _torch_fans(plan: iw.Plan) -> list[iw.Rule]:
    """What torch's kaiming_normal_ makes of (member, in, out): fan_in is in * out."""
    rows = [row for row in plan if row.name.startswith("layers.") and row.name.endswith(".weight")]
    return [iw.rule(row.name, iw.Normal(std=(2 / (row.shape[1] * row.shape[2])) ** 0.5)) for row in rows]


THIRD: tuple[Plant, ...] = (
    Plant(
        "SqueezeNet", "Xavier's law, made for tanh, in a deep net of ReLU without norms.",
        partial(libraries.torchvision, "squeezenet1_1"), noise((4, 3, 96, 96)),
        RELU, law(iw.XavierNormal(), "*.weight"), ("*.weight",), "larger",
    ),
    Plant(
        "depthwise net without norms",
        "The groups are not counted: fan_in is taken as 64 * 9 where each depthwise filter sees 9.",
        gates.separable, noise((8, 1, 40, 40)),
        RELU, std((2 / (64 * 9)) ** 0.5, *(f"{k}.weight" for k in range(2, 22, 4))),
        tuple(f"{k}.weight" for k in range(2, 22, 4)), "larger",
    ),
    Plant(
        "OPT", "N(0, 0.02^2) for every tensor caught the weights of the norms too.",
        partial(libraries.transformers, "OPTForCausalLM", **OPT), words(WORDS, use_cache=False),
        BERT, std(0.02, "*norm.weight"), ("*norm.weight",), "larger",
    ),
    Plant(
        "Gemma", "The table of words, which is the head too and is scaled by sqrt(width), is N(0, 1).",
        partial(libraries.transformers, "GemmaForCausalLM", num_key_value_heads=2, head_dim=64, **WIDE),
        words(WORDS, use_cache=False),
        "gemma", std(1.0, "model.embed_tokens.weight"), ("model.embed_tokens.weight",), "smaller",
    ),
    Plant(
        "Mixtral", "The experts' packed weights of one layer were written as nn.Parameter(torch.randn(...)).",
        partial(libraries.transformers, "MixtralForCausalLM", **MIXTRAL), words(WORDS, use_cache=False),
        "mixtral", std(1.0, "model.layers.2.mlp.experts.*"), ("model.layers.2.mlp.experts.*",), "smaller",
    ),
    Plant(
        "Wav2Vec2", "The transformer's 0.02 was given to the six convolutions over the wave that have no norms.",
        partial(libraries.transformers, "Wav2Vec2ForSequenceClassification", **WAV2VEC2), _heard,
        "auto", std(0.02, *(f"*.conv_layers.{k}.conv.weight" for k in range(1, 7))),
        ("*.conv_layers.[1-6].conv.weight",), "larger",
    ),
    Plant(
        "CLIP's text tower", "The table of positions is N(0, 1), as nn.Embedding draws it, beside words of 0.02.",
        partial(libraries.transformers, "CLIPTextModel", **WIDE), words(WORDS),
        BERT, std(1.0, "*position_embedding.weight"), ("*position_embedding.weight",), "smaller",
    ),
    Plant(
        "RoBERTa with a classifier", "The bias of the classifier's dense layer, which tanh follows, is N(0, 9).",
        partial(libraries.transformers, "RobertaForSequenceClassification", num_labels=20, **WIDE), words(WORDS),
        "roberta", std(3.0, "classifier.dense.bias"), ("classifier.dense.bias",), "smaller",
    ),
    Plant(
        "Phi", "The query weight of one block of six has ten times its standard deviation.",
        partial(libraries.transformers, "PhiForCausalLM", **WIDE), words(WORDS, use_cache=False),
        "auto", times(10, "model.layers.2.self_attn.q_proj.weight"),
        ("model.layers.2.self_attn.q_proj.weight",), "smaller",
    ),
    Plant(
        "MLP with ELU", "The right uniform law's bound was taken as the standard deviation of a normal one.",
        partial(dense.chain, nn.ELU, (64, *[192] * 10, 10)), noise((64, 64)),
        [iw.rule("*.weight", iw.VarianceScaling(1.55, distribution="uniform")), iw.rule("*.bias", iw.Zeros())],
        law(iw.VarianceScaling(3 * 1.55), "*.weight"), ("*.weight",), "smaller",
    ),
    Plant(
        "ResMLP", "The layer scales, 0.1 in a stream without norms, are ones.",
        partial(libraries.timm, "resmlp_12_224"), noise((4, 3, 224, 224)),
        SCALED, law(iw.Ones(), "blocks.*.ls1", "blocks.*.ls2"), ("blocks.*.ls[12]",), "smaller",
    ),
    Plant(
        "gated convolutions over words", "The gain of the gated linear unit is missing, by one rule for all.",
        gates.GatedConvolutions, whole(2000, 8, 32),
        GATED, law(iw.LecunNormal(), "layers.*.weight"), ("layers.*.weight",), "larger",
    ),
    Plant(
        "actor and critic", "The policy head's gain of 0.01 was given to every layer of the trunk.",
        several.ActorCritic, noise((64, 48)),
        "rl", law(iw.Orthogonal(gain=0.01), "trunk.*.weight"), ("trunk.*.weight",), "larger",
    ),
    Plant(
        "mixture density net", "The head of the logarithms of the widths has ten times its standard deviation.",
        several.MixtureDensity, noise((64, 16)),
        TANH, times(10, "log_std.weight"), ("log_std.weight",), "smaller",
    ),
    Plant(
        "bilinear match", "The bilinear weight's fan_in is taken as 64, one input's width, where 64 * 64 count.",
        several.BilinearMatch, noise((64, 100), (64, 100)),
        MATCH, std((2 / 64) ** 0.5, "join.weight"), ("join.weight",), "smaller",
    ),
    Plant(
        "ensemble in one weight", "The fans are torch's, in * out of (member, in, out), where in counts.",
        several.Ensemble, noise((64, 24)),
        MEMBERS, _torch_fans, ("layers.*.weight",), "larger",
    ),
    Plant(
        "ConvLSTM", "The kernel's 25 places are not counted in the fan_in of the gates.",
        gates.ConvLstm, noise((4, 8, 3, 16, 16)),
        "auto", std((1 / 64) ** 0.5, "gates.weight"), ("gates.weight",), "smaller",
    ),
    Plant(
        "convolutional autoencoder", "DCGAN's N(0, 0.02^2) for every weight, where no norm follows.",
        gates.convolutional_autoencoder, noise((8, 3, 32, 32)),
        "kaiming", std(0.02, "*.weight"), ("*.weight",), "larger",
    ),
    Plant(
        "LSTM tagger", "1 / fan_in, the variance, was given as the standard deviation of both input weights.",
        gates.Tagger, whole(2000, 8, 24),
        "auto", std(1 / 256, "lstm.weight_ih_*"), ("lstm.weight_ih_*",), "larger",
    ),
    Plant(
        "thirty layers of LeakyReLU", "torch's default, a variance of 1 / (3 fan_in), was left in every layer.",
        partial(dense.chain, partial(nn.LeakyReLU, 0.1), (128, *[128] * 29, 10)), noise((64, 128)),
        RELU, law(iw.VarianceScaling(1 / 3, distribution="uniform"), "*.weight"), ("*.weight",), "larger",
    ),
)  # fmt: skip
