"""Orthogonal laws: the specified construction, exactly Haar, any shape and dtype."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.initializers._haar import _larfg
from tests.cases import values
from tests.checks import SMALLEST_P, haar_problems

DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]


def plain_haar(x: np.ndarray) -> np.ndarray:
    """The specification, read aloud: one reflection after the other, in NumPy."""
    rows, columns = x.shape
    q = np.eye(rows, dtype=x.dtype)
    for j in range(columns):
        alpha, rest = x[j, j], x[j + 1 :, j]
        if not rest.any() and alpha.imag == 0:
            continue
        sign = 1.0 if alpha.real >= 0 else -1.0
        beta = -sign * math.sqrt(abs(alpha) ** 2 + float((abs(rest) ** 2).sum()))
        v = np.concatenate([np.zeros(j), [1], rest / (alpha - beta)])
        q = q @ (np.eye(rows) - (beta - alpha) / beta * np.outer(v, v.conj()))
    diagonal = x.diagonal()
    return np.asarray(q[:, :columns] * -(diagonal / abs(diagonal)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (9, 4), (4, 9), (4, 3, 2, 2), (6, 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_matrix_is_the_one_that_the_specification_says(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    rows, columns = shape[0], math.prod(shape[1:])
    x = iw.Stream(3, "w", "q").normal((max(rows, columns), min(rows, columns)), dtype=dtype)
    expected = torch.from_numpy(plain_haar(x.to(torch.complex128 if dtype.is_complex else torch.float64).numpy()))
    found = iw.Orthogonal(gain=3.0).values(iw.Target(shape, dtype), iw.Stream(3, "w", "q"))
    expected = expected if rows >= columns else expected.T
    assert found.dtype == dtype
    assert found.shape == shape
    assert torch.allclose(found.to(expected.dtype), 3 * expected.reshape(shape), atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_reflections_are_those_of_lapack(dtype: torch.dtype, rows: int) -> None:
    x = iw.Stream(0, "w").normal((rows, 1), dtype=dtype)
    packed, tau = torch.geqrf(x)
    reflector, scale = _larfg(x.diagonal(), torch.tril(x, -1))
    assert torch.allclose(reflector[1:], packed[1:], atol=1e-6)
    assert torch.allclose(scale, tau, atol=1e-6)


def test_a_column_of_zeros_has_a_reflection_that_is_the_identity() -> None:
    reflector, scale = _larfg(torch.zeros(2), torch.zeros(3, 2))
    assert scale.tolist() == [0.0, 0.0]
    assert bool(torch.isfinite(reflector).all())


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
def test_traces_have_the_moments_of_the_haar_law(size: int, dtype: torch.dtype) -> None:
    assert haar_problems(torch.stack([haar_matrix(size, dtype, seed) for seed in range(200)])) == []


def test_determinants_of_unitary_matrices_are_uniform_on_the_circle() -> None:
    angles = [float(torch.linalg.det(haar_matrix(2, torch.complex64, seed)).angle()) for seed in range(200)]
    assert stats.kstest(np.array(angles) / (2 * math.pi), stats.uniform(-0.5, 1).cdf).pvalue > SMALLEST_P


def haar_matrix(size: int, dtype: torch.dtype, seed: int) -> Tensor:
    return iw.Orthogonal().values(iw.Target((size, size), dtype), iw.Stream(seed, "w"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.complex64])
def test_rows_or_columns_are_orthonormal_in_every_dtype(dtype: torch.dtype) -> None:
    for shape in [(40, 30), (30, 40), (12, 3, 3, 3)]:
        target = iw.Target(shape, dtype)
        law = iw.Orthogonal(gain=0.7).law(target)
        assert law is not None
        assert law.invariants[0].check(values(iw.Orthogonal(gain=0.7), target)) is None


def test_each_stacked_expert_has_a_matrix_of_its_own_label() -> None:
    axes = Axes((1,), (2,), batch=(0,))
    target = iw.Target((3, 4, 5), axes=axes)
    stacked = iw.Orthogonal().values(target, iw.Stream(0, "w"))
    for index in range(3):
        alone = iw.Orthogonal().values(iw.Target((1, 4, 5), axes=axes), iw.Stream(0, "w", str(index)))
        assert torch.equal(stacked[index], alone[0])
    law = iw.Orthogonal().law(target)
    assert law is not None
    assert law.std == pytest.approx(1 / math.sqrt(5))
    assert law.invariants[0].check(stacked) is None
    assert law.invariants[0].check(stacked.roll(1, dims=1) * torch.tensor([1.0, 1.0, 1.1]).reshape(3, 1, 1)) is not None


def test_batch_axes_may_stand_anywhere() -> None:
    moved = iw.Orthogonal().values(iw.Target((4, 3, 5), axes=Axes((0,), (2,), batch=(1,))), iw.Stream(0, "w"))
    front = iw.Orthogonal().values(iw.Target((3, 4, 5), axes=Axes((1,), (2,), batch=(0,))), iw.Stream(0, "w"))
    assert torch.equal(moved, front.transpose(0, 1))


def test_delta_orthogonal_convolutions_keep_lengths() -> None:
    weight = values(iw.DeltaOrthogonal(), iw.Target((16, 16, 3, 3)))
    image = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    found = image
    for _ in range(20):
        found = torch.conv2d(torch.nn.functional.pad(found, (1, 1, 1, 1), mode="circular"), weight)
    assert float(found.norm() / image.norm()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("groups", [2, 8])
def test_each_group_of_a_delta_orthogonal_convolution_keeps_lengths(groups: int) -> None:
    axes = Axes((1,), (0,), kernel=(2,), groups=groups)
    target = iw.Target((16, 8 // groups, 5), axes=axes)
    weight = values(iw.DeltaOrthogonal(gain=2.0), target)
    image = torch.randn(1, 8, 9, generator=torch.Generator().manual_seed(0))
    found = torch.conv1d(torch.nn.functional.pad(image, (2, 2), mode="circular"), weight, groups=groups)
    assert float(found.norm() / image.norm()) == pytest.approx(2.0, abs=1e-5)
    law = iw.DeltaOrthogonal(gain=2.0).law(target)
    assert law is not None
    assert law.invariants[0].check(weight) is None
    assert law.std == pytest.approx(float(weight.square().mean().sqrt()), rel=1e-5)


def test_delta_orthogonal_reads_the_axes_of_transposed_convolutions() -> None:
    axes = Axes((0,), (1,), kernel=(2,))
    weight = values(iw.DeltaOrthogonal(), iw.Target((4, 6, 3), axes=axes))
    signal = torch.randn(1, 4, 7, generator=torch.Generator().manual_seed(0))
    out = torch.conv_transpose1d(signal, weight, padding=1)
    assert float(out.norm() / signal.norm()) == pytest.approx(1.0, abs=1e-5)


def test_the_centre_of_a_kernel_is_diracs() -> None:
    shape = (4, 4, 4, 5)
    delta = values(iw.DeltaOrthogonal(), iw.Target(shape))
    dirac = torch.nn.init.dirac_(torch.empty(shape))
    assert torch.equal(delta.abs().sum((0, 1)) > 0, dirac.sum((0, 1)) > 0)
