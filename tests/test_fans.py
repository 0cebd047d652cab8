"""Fans: the table of the field, each row counted by hand, and by what signals do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from initwise.axes import Axes
from initwise.errors import ArgumentError
from initwise.fans import Fans, fans, torch_fans

LINEAR = Axes((1,), (0,))


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        pytest.param((3, 5), LINEAR, Fans(5, 3), id="linear (out, in)"),
        pytest.param((3, 5), Axes((0,), (1,)), Fans(3, 5), id="x @ W (in, out)"),
        pytest.param((6, 4, 3, 3), Axes((1,), (0,), kernel=(2, 3)), Fans(36, 54), id="convolution"),
        pytest.param((6, 2, 5), Axes((1,), (0,), kernel=(2,), groups=3), Fans(10, 10), id="grouped convolution"),
        pytest.param((64, 1, 3, 3), Axes((1,), (0,), kernel=(2, 3), groups=64), Fans(9, 9), id="depthwise"),
        pytest.param((256, 16, 4, 4), Axes((0,), (1,), kernel=(2, 3), stride=4), Fans(1024, 256), id="transposed"),
        pytest.param(
            (6, 2, 3), Axes((0,), (1,), kernel=(2,), groups=2, stride=2), Fans(4.5, 6), id="grouped transposed"
        ),
        pytest.param((50257, 768), Axes((), (1,)), Fans(1, 768), id="embedding"),
        pytest.param((7, 3, 4), Axes((1, 2), (0,)), Fans(12, 7), id="bilinear"),
        pytest.param((8, 16, 32), Axes((1,), (2,), batch=(0,)), Fans(16, 32), id="stacked experts"),
        pytest.param((4, 6, 8), Axes((-1,), (-2,), batch=(0,)), Fans(8, 6), id="negative axes"),
        pytest.param((12, 3, 8), Axes((2,), (0, 1)), Fans(8, 36), id="einsum with two kept axes"),
    ],
)
def test_fans_are_those_of_the_operation(shape: tuple[int, ...], axes: Axes, expected: Fans) -> None:
    assert fans(shape, axes) == expected
    assert isinstance(fans(shape, axes).fan_out, int)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (nn.Conv2d(8, 8, 3, groups=4, bias=False), Axes((1,), (0,), kernel=(2, 3), groups=4)),
        (nn.ConvTranspose1d(32, 8, 4, stride=2, bias=False), Axes((0,), (1,), kernel=(2,), stride=2)),
        (
            nn.ConvTranspose2d(16, 8, 4, stride=2, groups=2, bias=False),
            Axes((0,), (1,), kernel=(2, 3), groups=2, stride=4),
        ),
    ],
    ids=["grouped", "transposed", "grouped transposed"],
)
def test_fan_in_is_the_variance_gain_of_a_layer_with_unit_weights(layer: nn.Module, axes: Axes) -> None:
    """With weights 1 and independent unit inputs, the mean output variance is the number of terms."""
    weight = layer.weight
    assert isinstance(weight, nn.Parameter)
    with torch.no_grad():
        weight.fill_(1.0)
        dimensions = weight.dim() - 2
        channels = layer.in_channels
        assert isinstance(channels, int)
        impulse = torch.zeros(1, channels, *[16] * dimensions)
        total = torch.zeros(())
        for channel in range(channels):
            impulse.zero_()[(0, channel, *[8] * dimensions)] = 1.0
            total += layer(impulse).square().sum()
    # Summed over all inputs and divided by the outputs that one input position gives: terms per output.
    outputs = layer.out_channels
    assert isinstance(outputs, int)
    assert float(total) / (outputs * axes.stride) == pytest.approx(fans(tuple(weight.shape), axes).fan_in)


def test_torch_fans_are_those_of_torch() -> None:
    for shape in [(3, 5), (64, 1, 3, 3), (2, 3, 4)]:
        found = torch_fans(shape)
        assert (found.fan_in, found.fan_out) == nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


def test_torch_fans_refuse_vectors_with_torchs_words() -> None:
    with pytest.raises(ValueError, match="can not be computed for tensor with fewer than 2 dimensions") as ours:
        torch_fans((3,))
    with pytest.raises(ValueError, match="fewer than 2 dimensions") as theirs:
        nn.init._calculate_fan_in_and_fan_out(torch.empty(3))
    assert str(ours.value) == str(theirs.value)


def test_fans_refuse_axes_that_do_not_fit() -> None:
    with pytest.raises(ArgumentError, match="has no axis 1"):
        fans((3,), LINEAR)
