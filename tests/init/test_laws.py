"""The laws of the drop-in: those of torch, at a fixed seed, for 65,536 values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from initwise import init

SQUARE = (256, 256)
KERNEL = (64, 16, 8, 8)  # fan_in 1024, fan_out 4096
Fill = Callable[[Tensor], Tensor]


def uniform(bound: float) -> Any:
    return stats.uniform(-bound, 2 * bound)


LAWS: dict[str, tuple[tuple[int, ...], Fill, Any]] = {
    "uniform": (SQUARE, init.uniform_, stats.uniform(0, 1)),
    "uniform off zero": (SQUARE, lambda w: init.uniform_(w, -0.3, 0.7), stats.uniform(-0.3, 1)),
    "normal": (SQUARE, init.normal_, stats.norm(0, 1)),
    "normal off zero": (SQUARE, lambda w: init.normal_(w, 0.5, 0.02), stats.norm(0.5, 0.02)),
    "truncated": (SQUARE, init.trunc_normal_, stats.truncnorm(-2, 2)),
    "truncated on one side": (
        SQUARE,
        lambda w: init.trunc_normal_(w, 0.1, 0.02, 0.09, math.inf),
        stats.truncnorm(-0.5, math.inf, 0.1, 0.02),
    ),
    "truncated in the tail": (
        SQUARE,
        lambda w: init.trunc_normal_(w, 0.0, 0.5, 0.9, 1.2),
        stats.truncnorm(1.8, 2.4, 0.0, 0.5),
    ),
    "truncated nowhere": (SQUARE, lambda w: init.trunc_normal_(w, std=0.02), stats.norm(0, 0.02)),
    "truncated by torch": (SQUARE, lambda w: init.trunc_normal_(w, a=0.1, b=0.1003), stats.truncnorm(0.1, 0.1003)),
    "xavier uniform": (KERNEL, init.xavier_uniform_, uniform(math.sqrt(6 / 5120))),
    "xavier uniform with a gain": (SQUARE, lambda w: init.xavier_uniform_(w, 2.0), uniform(2 * math.sqrt(6 / 512))),
    "xavier normal": (KERNEL, init.xavier_normal_, stats.norm(0, math.sqrt(2 / 5120))),
    "kaiming uniform": (KERNEL, init.kaiming_uniform_, uniform(math.sqrt(6 / 1024))),
    "kaiming uniform of torch's layers": (
        KERNEL,
        lambda w: init.kaiming_uniform_(w, a=math.sqrt(5)),
        uniform(math.sqrt(1 / 1024)),
    ),
    "kaiming normal": (KERNEL, init.kaiming_normal_, stats.norm(0, math.sqrt(2 / 1024))),
    "kaiming normal by fan_out": (
        KERNEL,
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"),
        stats.norm(0, 5 / 3 / math.sqrt(4096)),
    ),
}


def drawn(shape: tuple[int, ...], fill: Fill, dtype: torch.dtype) -> Tensor:
    torch.manual_seed(1)
    return fill(torch.empty(shape, dtype=dtype))


def contradictions(x: np.ndarray, law: Any) -> list[str]:
    """What in the values contradicts the law."""
    mean, variance, kurtosis = (float(moment) for moment in law.stats("mvk"))
    root = math.sqrt(len(x))
    z_mean = (x.mean() - mean) / math.sqrt(variance) * root
    z_variance = (((x - mean) ** 2).mean() / variance - 1) / math.sqrt(kurtosis + 2) * root
    low, high = law.support()
    found = [f"{name}: z = {z:.1f}" for name, z in (("mean", z_mean), ("variance", z_variance)) if abs(z) > 5]
    if x.min() < low or x.max() > high:
        found.append(f"support: {x.min()} to {x.max()}")
    if (p := stats.kstest(x, law.cdf).pvalue) < 1e-6:
        found.append(f"distribution: p = {p:.1e}")
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", LAWS)
def test_the_values_have_the_law(name: str, dtype: torch.dtype) -> None:
    shape, fill, law = LAWS[name]
    assert contradictions(drawn(shape, fill, dtype).double().flatten().numpy(), law) == []


def test_the_check_rejects_near_laws() -> None:
    x = drawn(SQUARE, init.normal_, torch.float32).double().flatten().numpy()
    assert contradictions(x, stats.norm(0.03, 1)) != []
    assert contradictions(x, stats.norm(0, 1.03)) != []
    assert contradictions(x, stats.truncnorm(-2, 2)) != []


COMPLEX: dict[str, tuple[Fill, float]] = {  # the function and E|w|² on a 256 x 256 matrix
    "normal": (lambda w: init.normal_(w, std=0.5), 0.25),
    "xavier normal": (init.xavier_normal_, 2 / 512),
    "xavier uniform": (init.xavier_uniform_, 2 / 512),
    "kaiming normal": (init.kaiming_normal_, 2 / 256),
    "kaiming uniform": (init.kaiming_uniform_, 2 / 256),
    "uniform": (init.uniform_, 2 / 3),
}


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_values_have_the_variance_of_the_law_half_of_it_in_each_part(name: str, dtype: torch.dtype) -> None:
    fill, second_moment = COMPLEX[name]
    w = drawn(SQUARE, fill, dtype)
    for half in (w.real, w.imag):
        assert float(half.double().square().mean()) == pytest.approx(second_moment / 2, rel=0.03)
    assert abs(float((w.real * w.imag).mean() - w.real.mean() * w.imag.mean())) < 0.02 * second_moment


def test_torch_draws_uniform_complex_values_with_twice_the_variance() -> None:
    torch.manual_seed(0)
    w = torch.nn.init.xavier_uniform_(torch.empty(SQUARE, dtype=torch.complex64))
    assert float(w.abs().square().mean()) == pytest.approx(2 * 2 / 512, rel=0.03)


@pytest.mark.parametrize("mean", [0.0, 1.5])
def test_the_mean_of_complex_values_is_in_both_parts_as_in_torch(mean: float) -> None:
    for module in (init, torch.nn.init):
        torch.manual_seed(0)
        w = module.normal_(torch.empty(SQUARE, dtype=torch.complex64), mean, 1.0)
        assert float(w.real.mean()) == pytest.approx(mean, abs=0.02)
        assert float(w.imag.mean()) == pytest.approx(mean, abs=0.02)


TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-7, torch.bfloat16: 0.03, torch.float16: 4e-3}


@pytest.mark.parametrize("dtype", [*TOLERANCES, torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("shape", [(48, 48), (48, 16), (16, 48), (16, 3, 4, 4), (48, 2, 2, 2), (1, 5), (5, 1)], ids=str)
def test_orthogonal_matrices_are_orthogonal_in_every_dtype(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    for gain in (1, -2.5):
        torch.manual_seed(0)
        w = init.orthogonal_(torch.empty(shape, dtype=dtype), gain)
        matrix = w.reshape(shape[0], -1).to(torch.complex128 if dtype.is_complex else torch.float64)
        small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mH
        product = small @ small.mH / gain**2
        error = (product - torch.eye(len(small), dtype=product.dtype)).abs().max()
        assert float(error) < TOLERANCES.get(dtype, 1e-5)


def test_a_gain_of_zero_makes_an_orthogonal_matrix_zero() -> None:
    assert not init.orthogonal_(torch.ones(3, 3), 0).any()


def test_orthogonal_matrices_have_no_preferred_direction() -> None:
    torch.manual_seed(0)
    signs = torch.stack([init.orthogonal_(torch.empty(3, 3)) for _ in range(120)])
    assert float(signs.mean(0).abs().max()) < 5 / math.sqrt(3 * 120)
    assert 30 < int((torch.linalg.det(signs) > 0).sum()) < 90


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.34, 0.9, 0.999])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64], ids=str)
def test_sparse_matrices_have_the_zeros_of_torch_in_each_column(sparsity: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    w = init.sparse_(torch.empty(50, 40, dtype=dtype), sparsity)
    assert (w == 0).sum(0).tolist() == [math.ceil(sparsity * 50)] * 40


def test_sparse_matrices_have_their_zeros_anywhere_and_normal_values_elsewhere() -> None:
    torch.manual_seed(0)
    w = init.sparse_(torch.empty(500, 400), 0.7, std=0.05)
    zeros_of_rows = (w == 0).sum(1).double()
    assert float(zeros_of_rows.mean()) == 0.7 * 400
    assert abs(float(zeros_of_rows.var()) / (400 * 0.7 * 0.3) - 1) < 5 * math.sqrt(2 / 500)
    assert contradictions(w[w != 0].double().numpy(), stats.norm(0, 0.05)) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -0.03, 0.011), (1.0, 0.02, 0.99, 1.03), (-0.3, 0.1, -0.31, math.pi)],
)
def test_truncated_values_lie_within_the_bounds_in_every_dtype(
    mean: float, std: float, a: float, b: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    w = init.trunc_normal_(torch.empty(2**18, dtype=dtype), mean, std, a, b).double()
    assert float(w.min()) >= a
    assert float(w.max()) <= b
