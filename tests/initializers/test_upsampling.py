"""ICNR and the interpolation kernel: exact properties of the layers that hold them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import initwise as iw
from initwise.cli._rules_file import read_rules
from initwise.cli.topics import find
from initwise.errors import ArgumentError, NotSupportedError, SchemaError
from initwise.fans import Fans
from initwise.initializers import Initializer, Repeated, Target, from_data, to_data
from tests.cases import CONV, KERNEL, values


def _image(channels: int, size: int = 9) -> torch.Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_shuffled_convolution_is_the_enlarged_small_convolution(scale: int, groups: int) -> None:
    conv = nn.Conv2d(6, 4 * scale**2, 3, padding=1, groups=groups)
    iw.initialize(conv, [iw.rule("weight", iw.ICNR(scale)), iw.rule("bias", iw.Zeros())], seed=0)
    small = functional.conv2d(_image(6), conv.weight[:: scale**2], padding=1, groups=groups)
    shuffled = functional.pixel_shuffle(conv(_image(6)), scale)
    assert torch.allclose(shuffled, functional.interpolate(small, scale_factor=scale, mode="nearest"), atol=1e-6)


def test_the_small_kernel_has_its_own_fans() -> None:
    conv = nn.Conv2d(6, 16, 3)
    inner = iw.KaimingNormal(mode="fan_out", nonlinearity="linear")
    row = iw.plan(conv, [iw.rule("weight", iw.ICNR(2, inner)), iw.rule("bias", iw.Zeros())])["weight"]
    assert row.law is not None
    assert row.law.std == pytest.approx(1 / math.sqrt(4 * 9))
    bare = iw.ICNR(2, inner).law(Target((16, 6, 3, 3), fans=Fans(54, 144)))
    assert bare is not None
    assert bare.std == pytest.approx(row.law.std)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("inner", [iw.Normal(std=0.02), iw.XavierUniform(), iw.Orthogonal(), iw.Zeros()])
def test_the_invariant_holds_the_law_of_the_small_kernel(inner: Initializer, dtype: torch.dtype) -> None:
    target = Target((64, 16, 8, 8), dtype, axes=CONV.axes)
    icnr = iw.ICNR(2, inner)
    law, drawn = icnr.law(target), values(icnr, target)
    assert law is not None
    (invariant,) = law.invariants
    assert isinstance(invariant, Repeated)
    assert invariant.check(drawn) is None
    scaled = drawn * 1.1 if inner != iw.Zeros() else drawn + 0.1
    assert invariant.check(scaled) is not None
    assert "differ from the first of their run of 4" in str(invariant.check(drawn + torch.eye(64, 16)[..., None, None]))


def test_verification_finds_a_kernel_of_the_wrong_size() -> None:
    conv = nn.Conv2d(16, 64, 3, bias=False)
    plan = iw.plan(conv, [iw.rule("weight", iw.ICNR(2))])
    iw.apply(conv, plan)
    assert iw.verify(conv, plan).ok
    with torch.no_grad():
        conv.weight.mul_(1.3)
    (found,) = iw.verify(conv, plan).findings
    assert "one channel of each run has mean" in str(found.measured)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 3])
def test_the_kernel_interpolates_bilinearly_away_from_the_border(factor: int, groups: int) -> None:
    size, padding = 2 * factor - factor % 2, math.ceil((factor - 1) / 2)
    up = nn.ConvTranspose2d(3, 3, size, stride=factor, padding=padding, groups=groups, bias=False)
    iw.initialize(up, [iw.rule("weight", iw.BilinearKernel())])
    found = up(_image(3))
    expected = functional.interpolate(_image(3), scale_factor=factor, mode="bilinear", align_corners=False)
    inside = slice(factor, -factor)
    extra = slice(factor, expected.shape[-1] - factor)
    assert torch.allclose(found[..., extra, extra], expected[..., inside, inside], atol=1e-6)


def test_the_kernel_interpolates_along_one_axis_and_three() -> None:
    line = nn.ConvTranspose1d(2, 2, 4, stride=2, padding=1, bias=False)
    volume = nn.ConvTranspose3d(2, 2, 4, stride=2, padding=1, bias=False)
    for up, mode in ((line, "linear"), (volume, "trilinear")):
        iw.initialize(up, [iw.rule("weight", iw.BilinearKernel())])
        dimensions = up.weight.dim() - 2
        signal = torch.randn(1, 2, *[5] * dimensions, generator=torch.Generator().manual_seed(0))
        expected = functional.interpolate(signal, scale_factor=2, mode=mode, align_corners=False)
        inside: Any = (..., *[slice(2, -2)] * dimensions)
        assert torch.allclose(up(signal)[inside], expected[inside], atol=1e-6)


@pytest.mark.parametrize(
    ("initializer", "target", "message"),
    [
        (iw.ICNR(3), CONV, r"the output channels of each of 1 groups must be a multiple of scale² = 9"),
        (iw.ICNR(), Target((8, 4)), r"allowed are kernels \(out, in, height, width\)"),
        (iw.ICNR(), Target((8, 4, 3, 3), axes=iw.Axes((0,), (1,), kernel=(2, 3))), "allowed are kernels"),
        (iw.BilinearKernel(), Target((4, 4)), "allowed are kernels .* of transposed convolutions"),
        (iw.BilinearKernel(), KERNEL, "allowed are kernels .* of transposed convolutions"),
        (iw.BilinearKernel(), Target((6, 4, 4, 4)), "in 1 groups; each group must have as many inputs as outputs"),
        (
            iw.BilinearKernel(),
            Target((4, 4, 2, 2), axes=iw.Axes((0,), (1,), kernel=(2, 3), stride=4)),
            "whose kernel enlarges 1 times, while the stride enlarges 4 times",
        ),
    ],
)
def test_targets_that_cannot_be_are_refused(
    initializer: iw.ICNR | iw.BilinearKernel, target: Target, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        initializer.law(target)


@pytest.mark.parametrize("inner", [iw.Keep(), iw.PerBlock(q=iw.Ones()), iw.ICNR()])
def test_an_inner_initializer_that_draws_no_kernel_is_refused(inner: iw.Keep | iw.PerBlock | iw.ICNR) -> None:
    with pytest.raises(ArgumentError, match="give what one small kernel holds"):
        iw.ICNR(2, inner)


def test_the_scale_is_a_whole_number() -> None:
    with pytest.raises(ArgumentError, match="ICNR: scale is 0, and must be at least 1"):
        iw.ICNR(0)


def test_the_inner_initializer_is_stored_as_data_of_its_own() -> None:
    data = to_data(iw.ICNR(3, iw.Normal(std=0.5)))
    assert data == {"kind": "ICNR", "scale": 3, "inner": {"kind": "Normal", "mean": 0.0, "std": 0.5}}
    assert from_data(data) == iw.ICNR(3, iw.Normal(std=0.5))
    assert from_data({"kind": "ICNR"}) == iw.ICNR()
    with pytest.raises(SchemaError, match="argument 'inner': kind is 'Nrmal'; did you mean 'Normal'"):
        from_data({"kind": "ICNR", "inner": {"kind": "Nrmal"}})
    with pytest.raises(SchemaError, match="3 is a number, not an initializer"):
        from_data({"kind": "ICNR", "inner": 3})


def test_a_rule_file_nests_them_like_any_initializer(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - select: {glob: '*'}\n    weight: {ICNR: {scale: 3, inner: {Normal: {std: 0.5}}}}\n")
    (read,) = read_rules(rules).rules
    assert isinstance(read, iw.Rule)
    assert dict(read.keywords) == {"weight": iw.ICNR(3, iw.Normal(std=0.5))}


def test_an_initializer_is_told_from_the_recipe_of_its_name_by_its_spelling() -> None:
    assert (find("ICNR").kind, find("iw.ICNR").kind, find("icnr").kind) == ("initializer", "initializer", "recipe")


def test_both_are_written_as_plain_code() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ConvTranspose2d(4, 4, 3, stride=2, groups=4), nn.ConvTranspose1d(4, 4, 4, stride=2)
    )
    rules = [
        iw.rule("0.weight", iw.ICNR(2, iw.Normal(std=0.5))),
        iw.rule("[12].weight", iw.BilinearKernel()),
        iw.rule("*.bias", iw.Zeros()),
    ]
    plan = iw.plan(model, rules)
    scope: dict[str, object] = {}
    exec(plan.to_python(), scope)  # noqa: S102 - our own code
    initialize = scope["initialize"]
    assert callable(initialize)
    torch.manual_seed(0)
    initialize(model)
    report = iw.verify(model, plan)
    assert report.ok, str(report)


def test_a_function_within_cannot_be_written_as_plain_code() -> None:
    inner = iw.Custom(lambda shape, fans, draw: draw.normal(shape))
    plan = iw.plan(nn.Conv2d(3, 16, 3, bias=False), [iw.rule("weight", iw.ICNR(2, inner))])
    with pytest.raises(NotSupportedError, match="'weight' are drawn by functions of yours"):
        plan.to_python()
    assert plan["weight"].law is None
