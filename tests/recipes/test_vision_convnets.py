"""Recipes of convolutional networks draw what torchvision and timm draw, but for known defects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
import tests.peers  # noqa: F401 - makes timm and torchvision importable
from initwise.errors import ArgumentError, PlanError
from initwise.model import Parameter, read
from initwise.model._usage import Residual
from initwise.planning import Row
from tests.recipes.draws import disagreements

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")


def ignores_groups(row: Row) -> float:
    """torch's `kaiming_normal_` takes out * kernel for a grouped convolution's fan_out, `groups` times too many."""
    return 1 / math.sqrt(row.axes.groups) if row.axes is not None else 1.0


@pytest.mark.parametrize(
    ("name", "settings", "recipe"),
    [
        ("resnet18", {}, "resnet"),
        ("resnet50", {}, "resnet"),
        ("resnet18", {"zero_init_residual": True}, "resnet-zero-gamma"),
        ("resnet50", {"zero_init_residual": True}, "resnet-zero-gamma"),
        ("mobilenet_v2", {}, "mobilenet"),
        ("mobilenet_v3_small", {}, "mobilenet"),
        ("efficientnet_b0", {}, "efficientnet"),
    ],
)
def test_torchvision_draws_the_laws_of_the_recipe(name: str, settings: dict[str, Any], recipe: str) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, **settings)
    assert disagreements(model, iw.plan(model, recipe), factor=ignores_groups) == []


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("resnet18", "resnet-zero-gamma"),
        ("mobilenetv3_small_050", "efficientnet"),
        ("efficientnet_b0", "efficientnet"),
        ("efficientnet_cc_b0_4e", "efficientnet"),
    ],
)
def test_timm_draws_the_laws_of_the_recipe(name: str, recipe: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name)
    assert disagreements(model, iw.plan(model, recipe)) == []


def test_a_plain_resnet_does_not_have_the_laws_of_zero_gamma() -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None)
    found = disagreements(model, iw.plan(model, "resnet-zero-gamma"))
    assert [problem.partition(":")[0] for problem in found] == [
        f"layer{layer}.{block}.bn2.weight" for layer in (1, 2, 3, 4) for block in (0, 1)
    ]


@pytest.mark.parametrize("recipe", ["kaiming", "xavier", "torch-default"])
def test_a_resnet_does_not_have_the_laws_of_other_recipes(recipe: str) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None)
    assert len(disagreements(model, iw.plan(model, recipe))) >= 4


def _shortcut(block: Any, x: torch.Tensor) -> torch.Tensor:
    return x if block.downsample is None else block.downsample(x)


@pytest.mark.parametrize(
    ("build", "kinds"),
    [
        (lambda: torchvision.models.resnet18(weights=None), ("BasicBlock",)),
        (lambda: torchvision.models.resnext50_32x4d(weights=None), ("Bottleneck",)),
        (lambda: timm.create_model("seresnet18"), ("BasicBlock",)),
        (lambda: timm.create_model("regnety_002"), ("Bottleneck",)),
    ],
)
def test_with_zero_gamma_every_block_is_its_shortcut(build: Callable[[], Any], kinds: tuple[str, ...]) -> None:
    model = build().eval()
    iw.initialize(model, "resnet-zero-gamma", seed=0)
    generator = torch.Generator().manual_seed(0)
    blocks = [module for module in model.modules() if type(module).__name__ in kinds]
    assert len(blocks) >= 8
    for block in blocks:
        x = torch.randn(
            1,
            block.conv1.in_channels if hasattr(block.conv1, "in_channels") else block.conv1.conv.in_channels,
            4,
            4,
            generator=generator,
        ).relu()
        assert torch.equal(block(x), _shortcut(block, x).relu())


@pytest.mark.parametrize(
    "name",
    "resnet50 resnext50_32x4d seresnet50 ecaresnet26t resnetv2_50 resnetv2_50d_gn resnest14d skresnet18 "
    "res2net50_26w_4s regnetx_002 regnety_002 resnetrs50 resnetblur50".split(),
)
def test_the_ends_of_branches_are_those_that_timm_sets_to_zero(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        model = timm.create_model(name)
    zeroed: set[int] = set()
    monkeypatch.setattr(nn.init, "zeros_", lambda tensor: zeroed.add(id(tensor)))
    for module in model.modules():
        if hasattr(module, "zero_init_last"):
            module.zero_init_last()
    plan = iw.plan(model, "resnet-zero-gamma")
    theirs = {name for name, tensor in model.named_parameters() if id(tensor) in zeroed and name.endswith("weight")}
    assert theirs
    assert {row.name for row in plan if row.initializer == iw.Zeros() and row.name.endswith("weight")} == theirs


def test_the_last_convolution_of_a_pre_activation_block_is_zero() -> None:
    model = timm.create_model("resnetv2_50").eval()
    iw.initialize(model, "resnet-zero-gamma", seed=0)
    for block in (model.stages[0].blocks[1], model.stages[3].blocks[2]):
        x = torch.randn(1, block.conv1.in_channels, 4, 4, generator=torch.Generator().manual_seed(0))
        assert torch.equal(block(x), x)


@pytest.mark.parametrize("recipe", ["resnet-zero-gamma", "fixup"])
def test_a_model_without_residual_branches_is_refused(recipe: str) -> None:
    with pytest.raises(PlanError, match=f"recipe '{recipe}': no residual branch is found among the modules"):
        iw.plan(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), recipe)
    with pytest.raises(PlanError, match="no residual branch is found"):  # a transformer's blocks have two branches
        iw.plan(timm.create_model("vit_tiny_patch16_224", depth=1), recipe)


def test_blocks_without_a_shortcut_are_left_alone_and_named() -> None:
    class ResidualBlock(nn.Module):
        def __init__(self, *, has_skip: bool) -> None:
            super().__init__()
            self.conv, self.bn, self.has_skip = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), has_skip

    class ResBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shortcut = nn.Conv2d(2, 2, 1)

    model = nn.Sequential(ResidualBlock(has_skip=True), ResidualBlock(has_skip=False), ResBlock())
    plan = iw.plan(model, "resnet-zero-gamma")
    assert (plan["0.bn.weight"].initializer, plan["1.bn.weight"].initializer) == (iw.Zeros(), iw.Ones())
    assert plan.notes == (
        "1 blocks add no shortcut, so no branch ends in them: 1",
        "1 blocks are called residual blocks, and no convolution of a branch is found in them: 2",
    )


def test_a_trace_says_where_branches_of_unknown_blocks_end() -> None:
    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn, self.shortcut = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)

    typed = read(nn.Sequential(Unit(), Unit()))
    writers = {f"{i}.{name}.weight": f"{i}.bn.weight" for i in (0, 1) for name in ("conv", "shortcut")}

    def traced(parameter: Parameter) -> Parameter:
        norm = writers.get(parameter.name)
        if norm is None or parameter.usage is None:
            return parameter
        residual = Residual("0", 0, 2, norm if "conv" in parameter.name else None)
        return replace(parameter, usage=replace(parameter.usage, residual=residual))

    reading = replace(typed, parameters=tuple(map(traced, typed.parameters)))
    decided = {rule.selector: rule.initializer for rule in iw.recipes.rules("resnet-zero-gamma", reading)}
    zero = {str(selector) for selector, initializer in decided.items() if initializer == iw.Zeros()}
    assert {name for name in zero if "weight" in name} == {"Name('0.bn.weight')", "Name('1.bn.weight')"}
    with pytest.raises(ArgumentError, match="no residual branch is found"):
        iw.recipes.rules("resnet-zero-gamma", typed)


class FixupBasicBlock(nn.Module):
    """Zhang, Dauphin, Ma 2019, figure 1: scalar biases and a scalar multiplier where norms were."""

    def __init__(self, width: int, convolutions: int = 2) -> None:
        super().__init__()
        self.biases_a = nn.ParameterList(nn.Parameter(torch.empty(1)) for _ in range(convolutions))
        self.bias_b = nn.Parameter(torch.empty(1))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(convolutions))
        self.scale = nn.Parameter(torch.empty(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for bias, conv in zip(self.biases_a, self.convs, strict=True):
            out = conv(out.relu() + bias)
        return x + out * self.scale + self.bias_b


class FixupNet(nn.Module):
    def __init__(self, depth: int, convolutions: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*(FixupBasicBlock(32, convolutions) for _ in range(depth)))
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3)))
        return out


@pytest.mark.parametrize(("depth", "convolutions", "exponent"), [(4, 2, 1 / 2), (16, 3, 1 / 4)])
def test_fixup_shrinks_with_depth_inside_branches(depth: int, convolutions: int, exponent: float) -> None:
    plan = iw.plan(FixupNet(depth, convolutions), "fixup")
    he = math.sqrt(2 / (32 * 9))
    stds = {row.name: row.law.std for row in plan if row.law is not None and row.law.std}
    assert stds == {"stem.weight": pytest.approx(he)} | {
        f"blocks.{block}.convs.{conv}.weight": pytest.approx(he * depth**-exponent)
        for block in range(depth)
        for conv in range(convolutions - 1)
    }
    ones = {row.name for row in plan if row.initializer == iw.Ones()}
    assert ones == {f"blocks.{block}.scale" for block in range(depth)}


def test_with_fixup_every_block_is_the_identity_and_the_classifier_zero() -> None:
    model = FixupNet(5)
    iw.initialize(model, "fixup", seed=0)
    x = torch.randn(2, 32, 6, 6, generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(block(x), x) for block in model.blocks)
    assert model(x[:, :3]).count_nonzero() == 0


def test_fixup_says_what_it_needs_beside_weights() -> None:
    plain = iw.plan(FixupNet(2), "fixup").notes
    assert len(plain) == 1
    assert "Fixup needs a scalar multiplier" in plain[0]
    normed = iw.plan(torchvision.models.resnet18(weights=None), "fixup").notes
    assert "the model has 20 norms, which Fixup replaces" in " ".join(normed)


def _retinanet_head() -> nn.Module:
    head: nn.Module = torchvision.models.detection.retinanet.RetinaNetHead(32, 9, 11)
    return head


def _fcos_head() -> nn.Module:
    head: nn.Module = torchvision.models.detection.fcos.FCOSHead(32, 1, 11)
    return head


@pytest.mark.parametrize("build", [_retinanet_head, _fcos_head])
def test_the_detection_heads_of_torchvision_have_the_laws_of_the_recipe(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    head = build()
    assert disagreements(head, iw.plan(head, "retinanet")) == []


def test_the_pyramid_of_a_whole_retinanet_has_the_laws_of_the_recipe() -> None:
    torch.manual_seed(0)
    model = torchvision.models.detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    assert disagreements(model, iw.plan(model, "retinanet")) == []


def test_with_the_prior_negatives_cost_little() -> None:
    head: Any = _retinanet_head()
    iw.initialize(head, "retinanet", seed=0)
    logits = torch.cat([head.classification_head([torch.zeros(1, 32, 4, 4)])])
    loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))
    assert loss.item() == pytest.approx(-math.log(0.99), rel=1e-4)  # 0.01005, not 0.693


def test_a_model_without_class_scores_is_refused() -> None:
    with pytest.raises(PlanError, match="no layer that scores classes is found"):
        iw.plan(nn.Conv2d(3, 4, 1), "retinanet")


@pytest.mark.parametrize("inputs", [None, (torch.zeros(2, 16, 8, 8), torch.zeros(2, 3))])
def test_an_expert_of_a_conditional_convolution_is_drawn_as_a_convolution_of_its_own(inputs: Any) -> None:
    torch.manual_seed(0)
    layer = timm.layers.CondConv2d(16, 24, 3, groups=4, bias=True, num_experts=3)
    assert disagreements(layer, iw.plan(layer, "torch-default", inputs=inputs)) == []  # timm draws it so by itself
    plan = iw.plan(layer, "efficientnet", inputs=inputs)
    assert plan["weight"].initializer == iw.Normal(std=math.sqrt(2 / (24 // 4 * 9)))
    assert plan["bias"].initializer == iw.Zeros()


@pytest.mark.parametrize("recipe", ["kaiming", "xavier", "classic"])
def test_a_scheme_by_fans_says_nothing_about_kernels_that_lie_flat(recipe: str) -> None:
    layer = timm.layers.CondConv2d(16, 24, 3, groups=4, num_experts=3)
    with pytest.raises(PlanError, match=r"'weight' .* no rule matches"):
        iw.plan(layer, recipe, inputs=(torch.zeros(2, 16, 8, 8), torch.zeros(2, 3)))
