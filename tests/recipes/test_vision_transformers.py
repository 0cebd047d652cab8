"""Recipes of vision transformers and their kin draw what transformers, timm and torchvision draw, but for defects.

All of them call `trunc_normal_(std=0.02)` with its default bounds, which are absolute (±2, a hundred sigmas) and cut
nothing: their weights leave the support that the papers and our laws have. The stds agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
import tests.peers  # noqa: F401 - makes timm and torchvision importable
from initwise.planning import Row
from tests.recipes.draws import disagreements

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

UNCUT = "*"


def _uncut(plan: iw.Plan) -> list[str]:
    """Names of the weights for which the references do not cut what they call truncated."""
    return [row.name for row in plan if row.initializer == iw.TruncatedNormal(std=0.02)]


def _packed(row: Row) -> float:
    """timm's jax mode draws query, key and value as one matrix (3 dim, dim): a std smaller by the root of two."""
    return math.sqrt(1 / 2) if row.name.endswith("qkv.weight") else 1.0


def _hf_vit(*, layers: int = 2) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=64, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=96, image_size=32,
        patch_size=8, encoder_stride=8,
    )  # fmt: skip
    model: nn.Module = transformers.ViTForMaskedImageModeling(config)
    return model


def test_the_vit_of_transformers_has_the_laws_of_the_recipe() -> None:
    torch.manual_seed(0)
    model = _hf_vit()
    plan = iw.plan(model, "vit")
    assert disagreements(model, plan, outside=_uncut(plan)) == []
    zero = {row.name for row in plan if row.initializer == iw.Zeros() and not row.name.endswith("bias")}
    assert zero == {"vit.embeddings.mask_token"}


def test_a_vit_of_other_laws_disagrees() -> None:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", depth=1, weight_init="moco")
    assert any("std is off" in problem for problem in disagreements(model, iw.plan(model, "vit")))


def _timm_vit(name: str = "vit_tiny_patch16_224", **settings: Any) -> nn.Module:
    model: nn.Module = timm.create_model(name, depth=2, img_size=64, **settings)
    return model


@pytest.mark.parametrize(
    ("mode", "recipe"),
    [("", "timm-vit"), ("jax", "timm-vit-jax"), ("jax_nlhb", "timm-vit-jax-nlhb"), ("moco", "timm-vit-moco")],
)
def test_timm_draws_the_laws_of_each_mode(mode: str, recipe: str) -> None:
    torch.manual_seed(0)
    model = _timm_vit(weight_init=mode, reg_tokens=4, num_classes=50)
    plan = iw.plan(model, recipe)
    off = _packed if "jax" in mode else (lambda row: 1.0)
    assert disagreements(model, plan, factor=off, outside=_uncut(plan)) == []


def test_the_bias_of_a_head_for_binary_losses_is_minus_the_log_of_the_classes() -> None:
    bias = iw.plan(_timm_vit(num_classes=50), "timm-vit-jax-nlhb")["head.bias"]
    assert bias.initializer == iw.Constant(-math.log(50))


def test_the_modes_are_told_apart() -> None:
    torch.manual_seed(0)
    model = _timm_vit(weight_init="moco", num_classes=50)
    for recipe in ("timm-vit", "timm-vit-jax"):
        assert disagreements(model, iw.plan(model, recipe), outside=[UNCUT])


@pytest.mark.parametrize(
    "build",
    [
        partial(_timm_vit, "deit_tiny_distilled_patch16_224"),
        partial(_timm_vit, "deit3_small_patch16_224", embed_dim=48, num_heads=2),  # layer scale
        partial(_timm_vit, "vit_dwee_patch16_reg1_gap_256"),  # differential attention
        partial(_timm_vit, "vit_base_patch16_siglip_224", embed_dim=48, num_heads=2),  # attention pooling
    ],
)
def test_kin_of_timms_vit_have_its_laws(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = build()
    plan = iw.plan(model, "timm-vit")
    assert disagreements(model, plan, outside=_uncut(plan)) == []


def _torchvision_convnext() -> nn.Module:
    convnext = torchvision.models.convnext
    sizes = [convnext.CNBlockConfig(24, 48, 2), convnext.CNBlockConfig(48, None, 2)]
    model: nn.Module = convnext.ConvNeXt(sizes, num_classes=10)
    return model


def _torchvision_swin(block: str) -> nn.Module:
    swin = torchvision.models.swin_transformer
    merging = swin.PatchMergingV2 if block.endswith("V2") else swin.PatchMerging
    model: nn.Module = swin.SwinTransformer(
        patch_size=[4, 4], embed_dim=32, depths=[2, 2], num_heads=[2, 4], window_size=[7, 7], num_classes=10,
        block=getattr(swin, block), downsample_layer=merging,
    )  # fmt: skip
    return model


def _timm_swin(name: str) -> nn.Module:
    model: nn.Module = timm.create_model(name, embed_dim=32, depths=(2, 2), num_heads=(2, 4), num_classes=10)
    return model


def _timm_small(name: str, **settings: Any) -> nn.Module:
    model: nn.Module = timm.create_model(name, num_classes=10, **settings)
    return model


@pytest.mark.parametrize(
    ("build", "recipe"),
    [
        (partial(_timm_small, "convnext_atto", depths=(1, 1, 1, 1)), "convnext"),
        (partial(_timm_small, "convnextv2_atto", depths=(1, 1, 1, 1)), "convnext"),  # global response norms
        (_torchvision_convnext, "convnext"),
        (partial(_timm_swin, "swin_tiny_patch4_window7_224"), "swin"),
        (partial(_timm_swin, "swinv2_tiny_window8_256"), "swin"),
        (partial(_torchvision_swin, "SwinTransformerBlock"), "swin"),
        (partial(_timm_small, "mixer_s32_224"), "mixer"),
        (partial(_timm_small, "resmlp_12_224"), "mixer"),
        (partial(_timm_small, "gmlp_s16_224"), "mixer"),
    ],
)
def test_the_reference_has_the_laws_of_the_recipe(build: Callable[[], nn.Module], recipe: str) -> None:
    torch.manual_seed(0)
    model = build()
    plan = iw.plan(model, recipe)
    assert disagreements(model, plan, outside=_uncut(plan)) == []


def test_torchvision_leaves_the_norms_that_close_a_branch_of_swin_v2_at_one() -> None:
    """The authors' code sets them to zero, so that each block starts as the identity, and so does timm."""
    torch.manual_seed(0)
    model = _torchvision_swin("SwinTransformerBlockV2")
    plan = iw.plan(model, "swin")
    found = disagreements(model, plan, outside=_uncut(plan))
    assert [problem.partition(":")[0] for problem in found] == [
        f"features.{stage}.{block}.norm{norm}.weight" for stage in (1, 3) for block in (0, 1) for norm in (1, 2)
    ]


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("vit_b_32", "vit"), ("vit_b_32", "timm-vit"), ("vit_b_32", "timm-vit-jax"), ("swin_v2_t", "swin"),
        ("convnext_tiny", "convnext"),
    ],
)  # fmt: skip
def test_every_parameter_of_torchvisions_models_is_decided(name: str, recipe: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
    assert {row.name for row in iw.plan(model, recipe)} == {name for name, _ in model.named_parameters()}


def test_a_packed_projection_is_drawn_as_three() -> None:
    with torch.device("meta"):
        model = torchvision.models.vit_b_32(weights=None)
        other = timm.create_model("vit_base_patch32_224")
    packed = iw.plan(model, "timm-vit-jax")["encoder.layers.encoder_layer_0.self_attention.in_proj_weight"]
    named = iw.plan(other, "timm-vit-jax")["blocks.0.attn.qkv.weight"]
    assert packed.law is not None
    assert named.law is not None
    assert packed.law.support[1] == pytest.approx(math.sqrt(6 / (2 * 768)))
    assert named.law.support[1] == pytest.approx(math.sqrt(6 / (2 * 768)))
