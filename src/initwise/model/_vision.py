"""Parameters that the modules of timm and torchvision own directly: what each is in the forward pass of its module.

Nothing is imported: a class is recognised by the name of its module and its own. Read from the sources of timm 1.0.31
and torchvision 0.28. A class that derives from a known layer, such as a weight-standardized convolution, is read like
that layer, and the parameters below come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from initwise.axes import Axes
from initwise.model._usage import Usage

_COLUMNS = Axes(fan_in=(0,), fan_out=(1,))  # weight of shape (in, out)
_TOKEN = Usage("cat", "token")
_POSITION = Usage("add", "position")
_TABLE = Usage("lookup", "table")
_SCALE = Usage("mul", "scale", neutral=1.0)
_SHIFT = Usage("add", "bias", neutral=0.0)
_ATTENTION_BIAS = Usage("linear", "bias")  # of query or value, concatenated to the bias of the packed projection
_NORM_WEIGHT = Usage("norm", "norm_weight", neutral=1.0)
_NORM_BIAS = Usage("norm", "norm_bias", neutral=0.0)
_EXP = Usage("exp", "rate", neutral=0.0)
_SIGMOID = Usage("sigmoid", "rate")
_SOFTMAX = Usage("softmax", "rate")

_Row = tuple[str, Usage, str]  # attributes, their usage, and the classes that have them

_TIMM_LAYERS: tuple[_Row, ...] = (
    ("gamma", _SCALE, "layer_scale.LayerScale layer_scale.LayerScale2d"),
    ("gain", _SCALE, "std_conv.ScaledStdConv2d std_conv.ScaledStdConv2dSame"),
    (
        "relative_position_bias_table",
        _TABLE,
        "pos_embed_rel.RelPosBias pos_embed_rel.RelPosBiasTf",
    ),
    (
        "height_rel width_rel",  # contracted with the query, one row for each distance
        Usage("matmul", "table"),
        "bottleneck_attn.PosEmbedRel halo_attn.PosEmbedRel",
    ),
    ("pos_emb", Usage("matmul", "table"), "lambda_layer.LambdaLayer"),
    (
        "latent cls_token",
        _TOKEN,
        "attention_pool.AttentionPoolLatent attention_pool2d.AttentionPool2d attention_pool2d.RotAttentionPool2d",
    ),
    ("pos_embed", _POSITION, "attention_pool.AttentionPoolLatent attention_pool2d.AttentionPool2d"),
    (
        "weight",
        _NORM_WEIGHT,
        "evo_norm.EvoNorm2dB0 evo_norm.EvoNorm2dB1 evo_norm.EvoNorm2dB2 evo_norm.EvoNorm2dS0 evo_norm.EvoNorm2dS1 "
        "evo_norm.EvoNorm2dS2 filter_response_norm.FilterResponseNormTlu2d "
        "filter_response_norm.FilterResponseNormAct2d inplace_abn.InplaceAbn",
    ),
    (
        "bias",
        _NORM_BIAS,
        "evo_norm.EvoNorm2dB0 evo_norm.EvoNorm2dB1 evo_norm.EvoNorm2dB2 evo_norm.EvoNorm2dS0 evo_norm.EvoNorm2dS1 "
        "evo_norm.EvoNorm2dS2 filter_response_norm.FilterResponseNormTlu2d "
        "filter_response_norm.FilterResponseNormAct2d inplace_abn.InplaceAbn",
    ),
    ("v", _SCALE, "evo_norm.EvoNorm2dB0 evo_norm.EvoNorm2dS0"),
    ("tau", Usage("maximum", "bias", neutral=0.0), "filter_response_norm.FilterResponseNormTlu2d"),
    ("weight", Usage("mul", "scale", neutral=0.0), "grn.GlobalResponseNorm"),  # added to the input, not instead of it
    ("bias", _SHIFT, "grn.GlobalResponseNorm"),
    ("lambda_q1 lambda_k1 lambda_q2 lambda_k2 lambda_a lambda_b", Usage("exp", "rate"), "diff_attention.DiffAttention"),
    ("freqs", Usage("rotary", "rate"), "pos_embed_sincos.RotaryEmbeddingMixed"),
    # One kernel an expert, flattened: no axis of it is an input or output channel.
    ("weight", Usage("conv2d", "weight"), "cond_conv2d.CondConv2d"),
    ("bias", Usage("conv2d", "bias"), "cond_conv2d.CondConv2d"),
    ("query_proj", Usage("einsum", "weight", Axes((2,), (0, 1))), "attention2d.MultiQueryAttentionV2"),
    ("key_proj value_proj", Usage("einsum", "weight", _COLUMNS), "attention2d.MultiQueryAttentionV2"),
    ("out_proj", Usage("einsum", "weight", Axes((1, 2), (0,))), "attention2d.MultiQueryAttentionV2"),
    ("duplicate_pooling", Usage("matmul", "weight", Axes((1,), (2,), batch=(0,))), "ml_decoder.MLDecoder"),
    ("duplicate_pooling_bias", Usage("matmul", "bias"), "ml_decoder.MLDecoder"),
)

_TIMM_MODELS: tuple[_Row, ...] = (
    (
        "cls_token reg_token dist_token cls_token_0 cls_token_1 cls_token1 cls_token2 cls_token3 cls_token4",
        _TOKEN,
        "vision_transformer.VisionTransformer deit.VisionTransformerDistilled eva.Eva beit.Beit cait.Cait coat.CoaT "
        "convit.ConVit crossvit.CrossVit mvitv2.MultiScaleVit naflexvit.NaFlexEmbeds pit.PoolingVisionTransformer "
        "tnt.TNT volo.VOLO xcit.Xcit vision_transformer_relpos.VisionTransformerRelPos",
    ),
    (
        "pos_embed pos_embed_0 pos_embed_1 pos_embed1 pos_embed2 pos_embed3 pos_embed_x pos_embed_y pos_embed_win "
        "pos_embed_window pos_embed_spatial pos_embed_temporal patch_pos pixel_pos position_embedding_table",
        _POSITION,
        "vision_transformer.VisionTransformer deit.VisionTransformerDistilled eva.Eva beit.Beit cait.Cait "
        "convit.ConVit crossvit.CrossVit mvitv2.MultiScaleVit naflexvit.NaFlexEmbeds pit.PoolingVisionTransformer "
        "tnt.TNT volo.VOLO hiera.Hiera hieradet_sam2.HieraDet nest.NestLevel qwen3_vit.Qwen3VitEncoder "
        "visformer.Visformer vision_transformer_sam.VisionTransformerSAM gemma4_vit.Gemma4PatchEmbed",
    ),
    (
        "relative_position_bias_table",
        _TABLE,
        "swin_transformer.WindowAttention beit.Attention beit.RelativePositionBias",
    ),
    (
        "attention_biases",
        _TABLE,
        "levit.Attention levit.AttentionDownsample efficientformer.Attention efficientformer_v2.Attention2d "
        "efficientformer_v2.Attention2dDownsample efficientvit_msra.CascadedGroupAttention tiny_vit.Attention",
    ),
    (
        "rel_pos_h rel_pos_w",
        Usage("matmul", "table"),
        "mvitv2.MultiScaleAttention vision_transformer_sam.Attention",
    ),
    (
        "gamma gamma_1 gamma_2 gamma1 gamma2 gamma3 gamma_xca ls1 ls2 layer_scale",
        _SCALE,
        "convnext.ConvNeXtBlock beit.Block eva.EvaBlock cait.LayerScaleBlock cait.LayerScaleBlockClassAttn "
        "xcit.XCABlock xcit.ClassAttentionBlock edgenext.ConvBlock edgenext.SplitTransposeBlock fastvit.LayerScale2d "
        "fasternet.MLPBlock iformer.Residual inception_next.MetaNeXtBlock mlp_mixer.ResBlock rdnet.DenseBlock "
        "swiftformer.LayerScale2d",
    ),
    ("temperature", _SCALE, "xcit.XCA edgenext.CrossCovarianceAttn"),
    ("scale", _SCALE, "metaformer.Scale metaformer.StarReLU hgnet.LearnableAffineBlock"),
    ("bias", _SHIFT, "metaformer.StarReLU hgnet.LearnableAffineBlock"),
    ("alpha", _SCALE, "mlp_mixer.Affine"),
    ("beta", _SHIFT, "mlp_mixer.Affine"),
    ("skipinit_gain", _SCALE, "nfnet.NormFreeBlock"),
    ("D", _SCALE, "efficientvim.HSMSSD"),
    ("A", _SHIFT, "efficientvim.HSMSSD"),  # added to the time step before a softmax
    ("alpha", _SIGMOID, "efficientvim.EfficientViMBlock"),
    ("gating_param", _SIGMOID, "convit.GPSA"),
    ("weights weights_dist", _SOFTMAX, "efficientvim.EfficientViM efficientvim.EfficientViMDistilled"),
    ("logit_scale", _EXP, "swin_transformer_v2.WindowAttention swin_transformer_v2_cr.WindowMultiHeadAttention"),
    (
        "lambda_q1 lambda_k1 lambda_q2 lambda_k2 lambda_a lambda_b",
        Usage("exp", "rate"),
        "vision_transformer.DiffParallelScalingBlock",
    ),
    (
        "mlp_bias",
        Usage("linear", "bias"),
        "vision_transformer.ParallelScalingBlock vision_transformer.DiffParallelScalingBlock",
    ),
    (
        "q_bias v_bias",
        _ATTENTION_BIAS,
        "beit.Attention eva.EvaAttention swin_transformer_v2.WindowAttention",
    ),
    ("w_g", Usage("matmul", "weight", _COLUMNS), "swiftformer.EfficientAdditiveAttention"),
)

_TORCHVISION: tuple[_Row, ...] = (
    ("class_token", _TOKEN, "vision_transformer.VisionTransformer video.mvit.PositionalEncoding"),
    (
        "pos_embedding spatial_pos temporal_pos class_pos",
        _POSITION,
        "vision_transformer.Encoder video.mvit.PositionalEncoding",
    ),
    (
        "relative_position_bias_table",
        _TABLE,
        "swin_transformer.ShiftedWindowAttention video.swin_transformer.ShiftedWindowAttention3d "
        "maxvit.RelativePositionalMultiHeadAttention",
    ),
    ("rel_pos_h rel_pos_w rel_pos_t", Usage("matmul", "table"), "video.mvit.MultiscaleAttention"),
    ("layer_scale", _SCALE, "convnext.CNBlock"),
    ("logit_scale", _EXP, "swin_transformer.ShiftedWindowAttentionV2"),
    ("scale_weight", _NORM_WEIGHT, "detection.ssd.SSDFeatureExtractorVGG"),
)


def readers() -> dict[str, Callable[[Any], dict[str, Usage]]]:
    """Return for each class, by its qualified name, what says how its own parameters are used."""
    found: dict[str, dict[str, Usage]] = {}
    for name, attribute, usage in _rows():
        found.setdefault(name, {})[attribute] = usage
    return {name: _Reader(uses) for name, uses in found.items()}


class _Reader:
    """Gives what is known of a class, for the parameters that a module of it has."""

    def __init__(self, uses: dict[str, Usage]) -> None:
        self.uses = uses

    def __call__(self, module: nn.Module) -> dict[str, Usage]:
        return {name: usage for name, usage in self.uses.items() if name in module._parameters}


def _rows() -> Iterator[tuple[str, str, Usage]]:
    for room, rows in (
        ("timm.layers", _TIMM_LAYERS),
        ("timm.models", _TIMM_MODELS),
        ("torchvision.models", _TORCHVISION),
    ):
        for attributes, usage, classes in rows:
            for name in classes.split():
                yield from ((f"{room}.{name}", attribute, usage) for attribute in attributes.split())
