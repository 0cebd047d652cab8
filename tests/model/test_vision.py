"""What timm's and torchvision's modules do with the parameters that they own directly, read by type."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import nn

import tests.peers  # noqa: F401 - makes timm and torchvision importable
from initwise.axes import Axes
from initwise.model import Reading, read
from initwise.model._vision import readers

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")


def _meta(name: str, **settings: object) -> Reading:
    with torch.device("meta"):
        return read(timm.create_model(name, **settings))


@pytest.mark.parametrize("qualified", readers())
def test_every_class_of_the_table_is_there(qualified: str) -> None:
    module, _, name = qualified.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), name), nn.Module)


@pytest.mark.parametrize(
    ("architecture", "parameter", "role", "neutral"),
    [
        ("vit_tiny_patch16_224", "cls_token", "token", None),
        ("vit_tiny_patch16_224", "pos_embed", "position", None),
        ("deit_tiny_distilled_patch16_224", "dist_token", "token", None),
        ("vit_little_patch16_reg4_gap_256", "reg_token", "token", None),
        ("deit3_small_patch16_224", "blocks.0.ls1.gamma", "scale", 1.0),
        ("convnext_atto", "stages.0.blocks.0.gamma", "scale", 1.0),
        ("convnextv2_atto", "stages.0.blocks.0.mlp.grn.weight", "scale", 0.0),
        ("swin_tiny_patch4_window7_224", "layers.0.blocks.0.attn.relative_position_bias_table", "table", None),
        ("swinv2_tiny_window8_256", "layers.0.blocks.0.attn.logit_scale", "rate", 0.0),
        ("nf_resnet50", "stem.conv.gain", "scale", 1.0),
        ("nf_resnet50", "stem.conv.weight", "weight", None),
        ("resmlp_12_224", "blocks.0.norm1.alpha", "scale", 1.0),
        ("resmlp_12_224", "blocks.0.norm1.beta", "bias", 0.0),
        ("xcit_nano_12_p16_224", "blocks.0.attn.temperature", "scale", 1.0),
        ("levit_128s", "stages.0.blocks.0.attn.attention_biases", "table", None),
        ("beit_base_patch16_224", "blocks.0.attn.q_bias", "bias", None),
        ("resnetv2_50d_evos", "stem.norm1.v", "scale", 1.0),
        ("resnetv2_50d_frn", "stem.norm1.weight", "norm_weight", 1.0),
        ("vit_base_patch16_siglip_224", "attn_pool.latent", "token", None),
    ],
)
def test_a_raw_parameter_of_timm_is_what_the_forward_pass_makes_of_it(
    architecture: str, parameter: str, role: str, neutral: float | None
) -> None:
    found = _meta(architecture)[parameter]
    assert found.usage is not None
    assert (found.role, found.usage.neutral, found.usage.source) == (role, neutral, "type")


def test_the_raw_weights_of_a_swift_attention_are_stored_as_columns() -> None:
    assert _meta("swiftformer_xs")["stages.0.blocks.2.attn.w_g"].axes == Axes((0,), (1,))


def test_the_raw_weights_of_an_attention_over_einsum_have_their_fans() -> None:
    layers = importlib.import_module("timm.layers")
    reading = read(layers.MultiQueryAttentionV2(24, num_heads=4, key_dim=5, value_dim=7))
    axes = {name: reading[name].axes for name in ("query_proj", "key_proj", "value_proj", "out_proj")}
    contracted = {
        name: [reading[name].shape[axis] for axis in roles.fan_in] for name, roles in axes.items() if roles is not None
    }
    assert contracted == {"query_proj": [24], "key_proj": [24], "value_proj": [24], "out_proj": [4, 7]}


def test_the_experts_of_a_conditional_convolution_are_weights_without_known_axes() -> None:
    experts = [parameter for parameter in _meta("efficientnet_cc_b0_4e").parameters if parameter.kind == "CondConv2d"]
    assert {(parameter.role, parameter.axes) for parameter in experts} == {("weight", None)}


@pytest.mark.parametrize(
    "name", ["vit_b_32", "swin_t", "swin_v2_t", "convnext_tiny", "maxvit_t", "mvit_v2_s", "swin3d_t", "ssd300_vgg16"]
)
def test_torchvision_owns_no_parameter_that_is_not_read(name: str) -> None:
    none = {"weights_backbone": None} if name.startswith("ssd") else {}
    with torch.device("meta"):
        reading = read(torchvision.models.get_model(name, weights=None, **none))
    assert [parameter.name for parameter in reading.parameters if parameter.role is None] == []


def test_a_subclass_of_a_known_layer_keeps_what_its_base_class_knows() -> None:
    class Gated(nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(2, 3, 1)
            self.gate = nn.Parameter(torch.ones(3))

    roles = {parameter.name: parameter.role for parameter in read(Gated()).parameters}
    assert roles == {"weight": "weight", "bias": "bias", "gate": None}
