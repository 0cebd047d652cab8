"""A weight drawn with variance 1 / fan_in gives outputs of variance one, whatever operation takes it.

Each case plans LeCun's law through `iw.plan` with inputs, applies it, runs the real operation on independent normal
inputs and measures the second moment of the outputs. Outputs share weights and inputs: the relative variance of their
mean square is 2 (1 / inputs + 1 / weights + 1 / outputs), each counted in elements (for Y = X W with normal X and W,
exactly so up to the product of two of these). The tests allow five standard deviations. Where the fans of
`torch.nn.init` differ, what they would give lies outside by the factor in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from initwise.fans import torch_fans
from initwise.initializers import Initializer
from tests.model.tracing import Built

Forward = Callable[..., Any]


def _experts(m: Any, x: Tensor) -> Tensor:
    return torch.stack([x[:, e] @ m.w[e] for e in range(4)], 1)


def _inner(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """Outputs that the border does not reach."""
    outputs: Tensor = layer(x)
    return outputs[..., 4:-4, 4:-4]


def _projections(m: Any, x: Tensor) -> Tensor:
    attention = m.a
    attention(x, x, x)
    return F.linear(x, attention.in_proj_weight)


# name -> (model, its inputs' shape, name of the weight, what is measured, factor by which torch's fan_in is wrong)
CASES: dict[str, tuple[nn.Module, tuple[int, ...], str, Forward | None, float]] = {
    "linear": (nn.Linear(256, 128), (512, 256), "weight", None, 1),
    "conv": (nn.Conv2d(32, 64, 3), (8, 32, 16, 16), "weight", None, 1),
    "grouped conv": (nn.Conv2d(64, 64, 3, groups=4), (8, 64, 16, 16), "weight", None, 1),
    "depthwise conv": (nn.Conv2d(512, 512, 3, groups=512), (4, 512, 10, 10), "weight", None, 1),
    "transposed conv": (nn.ConvTranspose2d(64, 16, 4, 2), (8, 64, 12, 12), "weight", _inner, 1),
    "transposed conv of stride one": (nn.ConvTranspose2d(64, 16, 3), (8, 64, 12, 12), "weight", _inner, 1 / 4),
    "grouped transposed conv": (nn.ConvTranspose2d(64, 64, 4, 2, groups=4), (8, 64, 12, 12), "weight", _inner, 4),
    "depthwise upsampling": (nn.ConvTranspose2d(256, 256, 4, 2, groups=256), (4, 256, 12, 12), "weight", _inner, 4),
    "x @ w": (Built(lambda m, x: x @ m.w, w=(64, 512)), (512, 64), "w", None, 8),
    "stacked experts": (Built(_experts, w=(4, 64, 256)), (256, 4, 64), "w", None, 256),
    "experts by bmm": (Built(lambda m, x: torch.bmm(x, m.w), w=(4, 64, 256)), (4, 256, 64), "w", None, 256),
    "heads by einsum": (
        Built(lambda m, x: torch.einsum("bte,ehd->bthd", x, m.w), w=(64, 8, 16)),
        (32, 16, 64),
        "w",
        None,
        2,
    ),
    "from heads by einsum": (
        Built(lambda m, x: torch.einsum("bhd,hde->be", x, m.w), w=(8, 16, 64)),
        (512, 8, 16),
        "w",
        None,
        8,
    ),
    "packed attention": (
        Built(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(64, 4, bias=False)),
        (16, 32, 64),
        "a.in_proj_weight",
        _projections,
        1,
    ),
    "a prefix": (Built(lambda m, x: x @ m.w[:64], w=(200, 256)), (512, 64), "w", None, 4),
    "a matrix as a kernel": (
        Built(lambda m, x: F.conv2d(x, m.w.view(64, 32, 3, 3)), w=(64, 288)),
        (8, 32, 16, 16),
        "w",
        None,
        1,
    ),
    "a transposed copy": (
        Built(lambda m, x: x @ m.w.permute(2, 1, 0).reshape(64, -1), w=(256, 8, 8)),
        (512, 64),
        "w",
        None,
        1,
    ),
}
LAW = (iw.LecunNormal(), iw.VarianceScaling(1.0, "fan_in", "uniform"))


def _planned(model: nn.Module, name: str, x: Tensor, law: Initializer, seed: int) -> iw.Plan:
    rules = [iw.rule(name, law), iw.rule(lambda p: p.name != name, iw.Zeros(), optional=True)]
    return iw.plan(model, rules, seed=seed, inputs=(x,))


def _power(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean())


def _error(*tensors: Tensor) -> float:
    """Return one standard deviation of the relative error of the mean square of outputs."""
    return math.sqrt(sum(2 / tensor.numel() for tensor in tensors))


@pytest.mark.parametrize("law", LAW, ids=["normal", "uniform"])
@pytest.mark.parametrize("case", CASES)
def test_outputs_have_variance_one(case: str, law: Initializer) -> None:
    model, shape, name, forward, _ = CASES[case]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    iw.apply(model, _planned(model, name, x, law, seed=3))
    with torch.no_grad():
        outputs = model(x) if forward is None else forward(model, x)
    error = _error(x, model.get_parameter(name), outputs)
    assert abs(_power(outputs) - 1) < 5 * error
    assert 5 * error < 0.25


@pytest.mark.parametrize("case", [case for case, row in CASES.items() if row[-1] != 1])
def test_the_fan_in_of_torch_would_miss_by_the_stated_factor(case: str) -> None:
    model, shape, name, _, factor = CASES[case]
    row = _planned(model, name, torch.randn(shape), LAW[0], seed=0)[name]
    fans = row.parts[0].target.fans
    assert fans is not None
    assert torch_fans(model.get_parameter(name).shape).fan_in / fans.fan_in == pytest.approx(factor, rel=0.01)


@pytest.mark.parametrize(("groups", "factor"), [(4, 4), (64, 64)])
def test_the_fan_out_of_grouped_convolutions_keeps_the_variance_of_gradients(groups: int, factor: int) -> None:
    """Backward, each input of a convolution sums fan_out terms; torch counts all groups."""
    model = nn.Conv2d(64, 64, 3, groups=groups, padding=1, padding_mode="circular", bias=False)
    x = torch.randn(8, 64, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    law = iw.VarianceScaling(1.0, "fan_out", "normal")
    plan = iw.plan(model, [iw.rule("weight", law)], seed=1, inputs=(x.detach(),))
    iw.apply(model, plan)
    gradient = torch.randn(8, 64, 12, 12, generator=torch.Generator().manual_seed(1))
    (found,) = torch.autograd.grad(model(x), x, gradient)
    assert abs(_power(found) - 1) < 5 * _error(gradient, model.weight, found)
    assert plan["weight"].fan_out == torch_fans(model.weight.shape).fan_out / factor


def test_looked_up_rows_have_the_variance_of_the_table() -> None:
    model = nn.Embedding(500, 64)
    ids = torch.arange(500)
    iw.apply(model, iw.plan(model, [iw.rule("weight", iw.LecunNormal())], inputs=(ids,)))
    assert abs(_power(model(ids)) - 1) < 5 * _error(model.weight)


def test_bilinear_forms_have_variance_one() -> None:
    model = nn.Bilinear(24, 32, 64, bias=False)
    one, other = (torch.randn(512, size, generator=torch.Generator().manual_seed(size)) for size in (24, 32))
    iw.apply(model, iw.plan(model, [iw.rule("weight", iw.LecunNormal())], inputs=(one, other)))
    outputs = model(one, other)
    assert abs(_power(outputs) - 1) < 5 * _error(one, other, model.weight, outputs)


PACKED: dict[str, tuple[nn.Module, str, int, int]] = {  # layer, weight, its blocks, the size of each
    "lstm": (nn.LSTM(128, 96), "weight_ih_l0", 4, 96),
    "gru": (nn.GRU(128, 96), "weight_ih_l0", 3, 96),
    "attention": (Built(lambda m, x: m.a(x, x, x), a=nn.MultiheadAttention(128, 4)), "a.in_proj_weight", 3, 128),
}


@pytest.mark.parametrize("case", PACKED)
def test_each_block_of_a_packed_weight_has_a_fan_out_of_its_own(case: str) -> None:
    layer, name, blocks, size = PACKED[case]
    x = torch.randn(4, 128, 128, generator=torch.Generator().manual_seed(0))
    iw.apply(layer, _planned(layer, name, x, iw.XavierNormal(), seed=2))
    weight = layer.get_parameter(name).detach()
    expected = 2 / (128 + size) * 128
    for block in weight.chunk(blocks):
        outputs = F.linear(x, block)
        assert abs(_power(outputs) / expected - 1) < 5 * _error(x, block, outputs)
    assert abs(2 / (128 + size * blocks) * 128 / expected - 1) > 0.3  # what torch takes
