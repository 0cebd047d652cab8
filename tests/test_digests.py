"""`digest` tells weights apart, and nothing else: not order, strides, ties, wrappers, threads or backend."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import initwise as iw
from initwise.digests import _sums
from initwise.errors import ArgumentTypeError, NotSupportedError


def _filled(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype) / 7


def _model() -> Any:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5))
    for parameter in model.parameters():
        parameter.data = _filled(*parameter.shape)
    return model


def test_the_digest_stays_what_it_is() -> None:
    assert iw.digest(_model()) == "2728786efee172d2dd7259615e04e1b0"
    assert iw.digest(_model(), buffers=True) == "67292fdf6698ef6f3943909796cd6757"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m[0].weight.data[3, 2, 1, 0].add_(1e-6),
        lambda m: m[2].bias.data.neg_(),
        lambda m: m[2].weight.data.copy_(m[2].weight.flip(0)),
        lambda m: m[1].weight.data[:2].copy_(m[1].weight[:2].flip(0)),
        lambda m: m.double(),
        lambda m: setattr(m[2], "weight", nn.Parameter(m[2].weight.detach().reshape(4, 5))),
        lambda m: setattr(m[2], "bias", None),
        lambda m: m.add_module("last", nn.Linear(1, 1)),
        lambda m: m[0].bias.data.copy_(torch.tensor([0.0, -0.0, 0.0, 0.0])),
    ],
)
def test_any_change_of_a_weight_changes_the_digest(change: Any) -> None:
    model = _model()
    model[0].bias.data.zero_()
    before = iw.digest(model)
    change(model)
    assert iw.digest(model) != before


def test_two_parameters_of_equal_shape_cannot_be_swapped_unseen() -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    before = iw.digest(model)
    model["a"].weight, model["b"].weight = model["b"].weight, model["a"].weight
    assert iw.digest(model) != before


def test_what_is_not_a_weight_changes_nothing() -> None:
    model = _model()
    before = iw.digest(model)
    model[1].running_mean.add_(1)
    model.eval()
    assert iw.digest(model) == before
    assert iw.digest(model.to(memory_format=torch.channels_last)) == before
    assert iw.digest(nn.DataParallel(model)) == before
    model[2].weight.requires_grad_(False)
    assert iw.digest(model) == before


def test_the_order_of_modules_does_not_matter() -> None:
    first, second = nn.Linear(2, 3), nn.Linear(3, 4)
    assert iw.digest(nn.ModuleDict({"a": first, "b": second})) == iw.digest(nn.ModuleDict({"b": second, "a": first}))


def test_buffers_count_when_asked_for() -> None:
    model = _model()
    before = iw.digest(model, buffers=True)
    model[1].running_mean.add_(1)
    assert iw.digest(model, buffers=True) != before


def test_ties_count_once() -> None:
    tied = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    tied["b"].weight = tied["a"].weight
    assert iw.digest(tied) == iw.digest(nn.ModuleDict({"a": tied["a"]}))


def test_what_a_parametrization_stores_counts() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    before = iw.digest(model)
    assert iw.digest(copy.deepcopy(model)) == before
    with torch.no_grad():
        model.parametrizations.weight.original0.mul_(2)
    assert iw.digest(model) != before


DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.complex64, torch.complex128,
    torch.int64, torch.int8, torch.uint8, torch.bool,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_has_a_digest_that_sees_each_element(dtype: torch.dtype) -> None:
    model: Any = nn.Module()
    model.p = nn.Parameter(torch.zeros(3, 4).to(dtype), requires_grad=False)
    seen = {iw.digest(model)}
    for index in range(12):
        values = torch.zeros(12)
        values[index] = 1
        model.p = nn.Parameter(values.reshape(3, 4).to(dtype), requires_grad=False)
        seen.add(iw.digest(model))
    assert len(seen) == 13


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_the_imaginary_half_counts(dtype: torch.dtype) -> None:
    model: Any = nn.Module()
    model.p = nn.Parameter(torch.tensor([1 + 2j], dtype=dtype))
    before = iw.digest(model)
    model.p = nn.Parameter(torch.tensor([2 + 1j], dtype=dtype))
    assert iw.digest(model) != before


def test_nan_and_the_sign_of_zero_are_bits_like_others() -> None:
    model: Any = nn.Module()
    model.p = nn.Parameter(torch.tensor([float("nan"), 0.0]))
    before = iw.digest(model)
    assert iw.digest(copy.deepcopy(model)) == before
    model.p = nn.Parameter(torch.tensor([float("nan"), -0.0]))
    assert iw.digest(model) != before


def _digest_of(tensor: torch.Tensor) -> str:
    model: Any = nn.Module()
    model.p = nn.Parameter(tensor)
    return iw.digest(model)


@pytest.mark.parametrize("piece", [3, 8, 24, 1000])
def test_pieces_of_any_size_give_the_same_sum(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = _filled(4, 6, 5)
    views = [tensor, tensor.permute(2, 0, 1).contiguous().permute(1, 2, 0), tensor.repeat(1, 1, 2)[:, :, :5]]
    expected = _digest_of(tensor)
    monkeypatch.setattr(_sums, "CHUNK", piece)
    assert [_digest_of(view) for view in views] == [expected] * 3


def test_any_number_of_threads_gives_the_same_sum() -> None:
    big = _filled(300, 5000)
    expected, before = _digest_of(big), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert _digest_of(big) == expected
    finally:
        torch.set_num_threads(before)


def test_without_numba_the_digest_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    big = _filled(3, _sums.SMALL)
    expected = _digest_of(big)
    assert _sums._kernels() is not None
    monkeypatch.setenv("INITWISE_NUMBA", "0")
    assert _sums._kernels() is None
    assert _digest_of(big) == expected


def test_a_model_without_memory_has_no_digest() -> None:
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(
        NotSupportedError,
        match=r"digest: 'weight' \(on the meta device\), 'bias' \(on the meta device\); only .*; iw\.materialize",
    ):
        iw.digest(model)


def test_what_is_no_model_is_named() -> None:
    with pytest.raises(ArgumentTypeError, match=r"digest: model is of type dict; give an nn.Module"):
        iw.digest({})  # type: ignore[arg-type]


def test_a_digest_is_32_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", iw.digest(_model()))
    assert iw.digest(nn.ReLU()) == "0" * 32
