"""What PyTorch draws when a layer of torch.nn is made, as formulas. Tests hold the examples against PyTorch itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Draw:
    """The law of one parameter: a family, and its bound (or value) and std as formulas in the layer's own arguments."""

    parameter: str
    law: str
    bound: str
    std: str


@dataclass(frozen=True)
class LayerFacts:
    """A family of layers that draw alike.

    `example` builds one, `written` says how; `said` holds what is often said of them and is not so, each with what is;
    `plan` says what to know when a plan initializes them.
    """

    names: tuple[str, ...]
    draws: tuple[Draw, ...]
    example: Callable[[], nn.Module]
    written: str
    said: tuple[tuple[str, str], ...] = ()
    plan: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


_COMMON_SAID = (
    (
        "Kaiming for layers before a ReLU, Xavier otherwise.",
        "The activation is never looked at: the same law is drawn in front of a ReLU, a tanh or nothing.",
    ),
    ("Biases start at zero.", "They are drawn from the same uniform law as the weight."),
    (
        "a=√5 is a tuned leaky slope.",
        "It only gives back the law of Torch7: gain = √(2/(1+5)) = 1/√3, so the bound gain × √(3/fan_in) is 1/√fan_in.",
    ),
    (
        "The default keeps the variance.",
        "The weight's variance is 1/(3 fan_in): of unit inputs a third is left, a sixth behind a ReLU.",
    ),
)
_NORM_SAID = (("The scale of a BatchNorm starts uniform in [0, 1].", "Only in very old releases; today it is one."),)
_FAN_DIFFERS = "On a bare tensor torch.nn.init (and its drop-in) sees only the shape and takes other fans"


def _uniform(parameter: str, bound: str, std: str) -> Draw:
    return Draw(parameter, "U(−b, b)", f"b = {bound}", std)


def _constant(parameter: str, value: str) -> Draw:
    return Draw(parameter, "constant", value, "0")


LAYERS: tuple[LayerFacts, ...] = (
    LayerFacts(
        names=("Linear", "LazyLinear"),
        draws=(
            _uniform("weight", "1/√in_features", "1/√(3 in_features)"),
            _uniform("bias", "1/√in_features", "1/√(3 in_features)"),
        ),
        example=lambda: nn.Linear(512, 2048),
        written="torch.nn.Linear(512, 2048)",
        said=_COMMON_SAID,
        plan=("fan_in = in_features, fan_out = out_features, the same as torch.nn.init takes from the shape.",),
    ),
    LayerFacts(
        names=("Conv1d", "Conv2d", "Conv3d", "LazyConv1d", "LazyConv2d", "LazyConv3d"),
        draws=(
            _uniform("weight", "1/√fan_in, fan_in = in_channels/groups × kernel size", "b/√3"),
            _uniform("bias", "the weight's", "b/√3"),
        ),
        example=lambda: nn.Conv2d(64, 128, 3),
        written="torch.nn.Conv2d(64, 128, 3)",
        said=_COMMON_SAID,
        plan=(
            f"{_FAN_DIFFERS} when groups > 1: fan_out is groups times too large there.",
            "A depthwise Conv2d(64, 64, 3, groups=64) has fans (9, 9); torch.nn.init takes (9, 576).",
        ),
    ),
    LayerFacts(
        names=(
            "ConvTranspose1d",
            "ConvTranspose2d",
            "ConvTranspose3d",
            "LazyConvTranspose1d",
            "LazyConvTranspose2d",
            "LazyConvTranspose3d",
        ),
        draws=(
            _uniform("weight", "1/√(out_channels/groups × kernel size)", "b/√3"),
            _uniform("bias", "the weight's", "b/√3"),
        ),
        example=lambda: nn.ConvTranspose2d(128, 64, 4, stride=2),
        written="torch.nn.ConvTranspose2d(128, 64, 4, stride=2)",
        said=(
            *_COMMON_SAID[:2],
            (
                "The bound is 1/√fan_in.",
                "The weight is stored (in, out/groups, *kernel): what torch takes for fan_in counts output channels.",
            ),
        ),
        plan=(
            f"{_FAN_DIFFERS}: they are swapped there.",
            "True fans: fan_in = in_channels/groups × kernel size/stride, fan_out = out_channels/groups × kernel size.",
        ),
    ),
    LayerFacts(
        names=("Bilinear",),
        draws=(
            _uniform("weight", "1/√in1_features", "b/√3"),
            _uniform("bias", "1/√in1_features", "b/√3"),
        ),
        example=lambda: nn.Bilinear(64, 32, 128),
        written="torch.nn.Bilinear(64, 32, 128)",
        said=(("The bound is 1/√fan_in.", "in2_features is ignored: the output's variance grows with it."),),
        plan=(f"{_FAN_DIFFERS}. True fans: fan_in = in1_features × in2_features, fan_out = out_features.",),
    ),
    LayerFacts(
        names=("Embedding", "EmbeddingBag"),
        draws=(Draw("weight", "N(0, 1); the row padding_idx is 0", "none", "1"),),
        example=lambda: nn.Embedding(1000, 256, padding_idx=0),
        written="torch.nn.Embedding(1000, 256, padding_idx=0)",
        said=(
            ("Embeddings are uniform in ±1/√vocabulary.", "They are drawn from N(0, 1)."),
            (
                "padding_idx keeps that row zero.",
                "It is zero at first and gets no gradient. Whoever initializes the weight again fills it with noise.",
            ),
        ),
        plan=(
            "A lookup sums one row: fans (1, embedding_dim). torch.nn.init takes (embedding_dim, vocabulary).",
            "A plan sets the padding row to zero after it drew the rest.",
        ),
    ),
    LayerFacts(
        names=("RNN", "LSTM", "GRU"),
        draws=(
            _uniform("weight_ih_l*, weight_hh_l*, weight_hr_l*", "1/√hidden_size", "b/√3"),
            _uniform("bias_ih_l*, bias_hh_l*", "1/√hidden_size", "b/√3"),
        ),
        example=lambda: nn.LSTM(256, 512),
        written="torch.nn.LSTM(256, 512)",
        said=(
            ("Recurrent weights start orthogonal.", "Every parameter is drawn from the same uniform law."),
            (
                "The forget gate's bias starts at one.",
                "It is the sum of two uniform draws around zero: the gate starts half open. Keras does set it to one.",
            ),
            ("It is Kaiming uniform.", "No fan is involved: the bound is 1/√hidden_size for inputs of any size."),
        ),
        plan=(
            "The gates are blocks of one matrix: each gets its own fans, (in, hidden_size). torch.nn.init takes those",
            "of the packed matrix: (in, 4 × hidden_size) for an LSTM.",
            "Gate order: LSTM i, f, g, o; GRU r, z, n. iw.PerBlock(f=iw.Ones(), rest=iw.Zeros()) sets single gates.",
        ),
    ),
    LayerFacts(
        names=("RNNCell", "LSTMCell", "GRUCell"),
        draws=(_uniform("weight_ih, weight_hh, bias_ih, bias_hh", "1/√hidden_size", "b/√3"),),
        example=lambda: nn.GRUCell(256, 512),
        written="torch.nn.GRUCell(256, 512)",
        said=(("Recurrent weights start orthogonal.", "Every parameter is drawn from the same uniform law."),),
        plan=("The gates are blocks of one matrix, as in the layers without Cell in their name.",),
    ),
    LayerFacts(
        names=("MultiheadAttention",),
        draws=(
            _uniform("in_proj_weight (kdim = vdim = embed_dim)", "√(6/(4 embed_dim))", "b/√3"),
            _uniform("q_proj_weight (else)", "√(6/(2 embed_dim))", "b/√3"),
            _uniform("k_proj_weight, v_proj_weight (else)", "√(6/(embed_dim + kdim)), √(6/(embed_dim + vdim))", "b/√3"),
            _constant("in_proj_bias, out_proj.bias", "0"),
            _uniform("out_proj.weight", "1/√embed_dim", "b/√3"),
            Draw("bias_k, bias_v (add_bias_kv)", "N(0, std²)", "none", "1/√embed_dim"),
        ),
        example=lambda: nn.MultiheadAttention(512, 8),
        written="torch.nn.MultiheadAttention(512, 8)",
        said=(
            (
                "It draws as torch.nn.Linear does.",
                "Only out_proj.weight does; the input projections are Xavier uniform.",
            ),
            (
                "The packed and the separate projections start alike.",
                "Packed, Xavier sees (3 embed_dim, embed_dim) as one matrix: its bound is √2 smaller.",
            ),
            (
                "model.apply with isinstance(m, nn.Linear) reaches it.",
                "It reaches out_proj alone; in_proj_weight keeps what it had. reset_parameters does not exist here,"
                " _reset_parameters leaves out_proj.weight as it was.",
            ),
        ),
        plan=("q, k and v are blocks of in_proj_weight: each gets the fans (embed_dim, embed_dim).",),
    ),
    LayerFacts(
        names=("TransformerEncoderLayer", "TransformerDecoderLayer"),
        draws=(
            Draw("self_attn, multihead_attn", "as torch.nn.MultiheadAttention", "", ""),
            Draw("linear1, linear2", "as torch.nn.Linear, biases included", "", ""),
            Draw("norm1, norm2, norm3", "as torch.nn.LayerNorm", "", ""),
        ),
        example=lambda: nn.TransformerEncoderLayer(64, 4, dim_feedforward=256),
        written="torch.nn.TransformerEncoderLayer(64, 4, dim_feedforward=256)",
        said=(("It is Xavier uniform.", "Only torch.nn.Transformer redraws its parts so; alone they keep their own."),),
        parts=("MultiheadAttention", "Linear", "LayerNorm"),
    ),
    LayerFacts(
        names=("TransformerEncoder", "TransformerDecoder"),
        draws=(Draw("layers.*", "copies of the one layer that was given", "", ""),),
        example=lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256), 2, enable_nested_tensor=False),
        written="torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(64, 4, 256), 2)",
        said=(("Its layers start different.", "They are deep copies of one layer: bit for bit the same."),),
        plan=("A plan draws every layer for itself.",),
        parts=("TransformerEncoderLayer",),
    ),
    LayerFacts(
        names=("Transformer",),
        draws=(
            _uniform("every parameter with two or more axes", "√(6/(fan_in + fan_out)) of the stored shape", "b/√3"),
            Draw("every other parameter", "as its own layer draws it", "", ""),
        ),
        example=lambda: nn.Transformer(64, 4, 1, 1, 256),
        written="torch.nn.Transformer(64, 4, 1, 1, 256)",
        said=(
            (
                "Its biases are zero.",
                "The linear layers' biases stay U(±1/√in_features); only the attention's are zero.",
            ),
            ("A custom encoder keeps its weights.", "Xavier uniform overwrites custom_encoder and custom_decoder too."),
        ),
        plan=("q, k and v are blocks of in_proj_weight: each gets the fans (d_model, d_model).",),
        parts=("MultiheadAttention", "Linear", "LayerNorm"),
    ),
    LayerFacts(
        names=(
            "BatchNorm1d",
            "BatchNorm2d",
            "BatchNorm3d",
            "SyncBatchNorm",
            "LazyBatchNorm1d",
            "LazyBatchNorm2d",
            "LazyBatchNorm3d",
        ),
        draws=(_constant("weight", "1"), _constant("bias", "0")),
        example=lambda: nn.BatchNorm2d(64),
        written="torch.nn.BatchNorm2d(64)",
        said=_NORM_SAID,
        plan=(
            "The buffers running_mean (0), running_var (1) and num_batches_tracked (0) are no parameters: not planned.",
        ),
    ),
    LayerFacts(
        names=(
            "InstanceNorm1d",
            "InstanceNorm2d",
            "InstanceNorm3d",
            "LazyInstanceNorm1d",
            "LazyInstanceNorm2d",
            "LazyInstanceNorm3d",
        ),
        draws=(_constant("weight (affine=True)", "1"), _constant("bias (affine=True)", "0")),
        example=lambda: nn.InstanceNorm2d(64, affine=True),
        written="torch.nn.InstanceNorm2d(64, affine=True)",
        said=(("It has a scale and a shift.", "Only with affine=True, which is not the default."),),
    ),
    LayerFacts(
        names=("LayerNorm",),
        draws=(_constant("weight", "1"), _constant("bias", "0")),
        example=lambda: nn.LayerNorm(64),
        written="torch.nn.LayerNorm(64)",
    ),
    LayerFacts(
        names=("GroupNorm",),
        draws=(_constant("weight", "1"), _constant("bias", "0")),
        example=lambda: nn.GroupNorm(4, 64),
        written="torch.nn.GroupNorm(4, 64)",
    ),
    LayerFacts(
        names=("RMSNorm",),
        draws=(_constant("weight", "1"),),
        example=lambda: nn.RMSNorm(64),
        written="torch.nn.RMSNorm(64)",
    ),
    LayerFacts(
        names=("PReLU",),
        draws=(_constant("weight", "0.25, or init="),),
        example=nn.PReLU,
        written="torch.nn.PReLU()",
    ),
    LayerFacts(
        names=("AdaptiveLogSoftmaxWithLoss",),
        draws=(Draw("head, tail.*", "as torch.nn.Linear", "", ""),),
        example=lambda: nn.AdaptiveLogSoftmaxWithLoss(64, 1000, [100, 500]),
        written="torch.nn.AdaptiveLogSoftmaxWithLoss(64, 1000, [100, 500])",
        parts=("Linear",),
    ),
)
