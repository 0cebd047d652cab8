"""The drop-in accepts, refuses and warns exactly as torch does, and moves the generator exactly when torch does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise import init
from tests.init.outcomes import Outcome

FILLS: dict[str, tuple[Any, ...]] = {
    "uniform_": (),
    "normal_": (),
    "trunc_normal_": (),
    "constant_": (0.5,),
    "ones_": (),
    "zeros_": (),
    "eye_": (),
    "dirac_": (),
    "xavier_uniform_": (),
    "xavier_normal_": (),
    "kaiming_uniform_": (),
    "kaiming_normal_": (),
    "orthogonal_": (),
    "sparse_": (0.5,),
}
DTYPES = [
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.float16,
    torch.complex64,
    torch.complex128,
    torch.int64,
    torch.int8,
    torch.bool,
    torch.float8_e4m3fn,
]
SHAPES = [(), (3,), (4, 3), (3, 4, 2), (2, 3, 2, 2), (0,), (0, 3), (3, 0, 2)]
# Where torch refuses what it could do, we do it: half precision and complex orthogonal matrices.
BETTER = {("orthogonal_", dtype) for dtype in (torch.bfloat16, torch.float16, torch.complex64, torch.complex128)}


def both(name: str, tensor: Callable[[], Any], *arguments: Any, **keywords: Any) -> tuple[Outcome, Outcome]:
    """What ours and torch's function did to equal tensors."""
    return (
        Outcome.of(getattr(init, name), tensor(), *arguments, **keywords),
        Outcome.of(getattr(nn.init, name), tensor(), *arguments, **keywords),
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", FILLS)
def test_every_dtype_and_shape_has_the_outcome_that_it_has_in_torch(name: str, dtype: torch.dtype) -> None:
    for shape in SHAPES:
        if (name, dtype) not in BETTER or len(shape) < 2 or 0 in shape:
            ours, theirs = both(name, lambda: torch.zeros(shape, dtype=dtype), *FILLS[name])  # noqa: B023
            assert ours == theirs, shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int64], ids=str)
@pytest.mark.parametrize("name", FILLS)
def test_meta_tensors_have_the_outcome_that_they_have_in_torch(name: str, dtype: torch.dtype) -> None:
    for shape in [(), (4, 3), (3, 4, 2), (0, 3)]:
        ours, theirs = both(name, lambda: torch.zeros(shape, dtype=dtype, device="meta"), *FILLS[name])  # noqa: B023
        assert ours == theirs, shape
        assert not ours.drew


@pytest.mark.parametrize(("name", "dtype"), sorted(BETTER, key=str), ids=str)
def test_what_torch_refuses_and_ours_does_is_still_refused_by_torch(name: str, dtype: torch.dtype) -> None:
    ours, theirs = both(name, lambda: torch.zeros(4, 3, dtype=dtype))
    assert ours == Outcome(None, True, (), True)
    assert "NotImplementedError" in str(theirs.error)


NAN, INF = math.nan, math.inf
ARGUMENTS: list[tuple[str, tuple[Any, ...]]] = [
    ("normal_", (0, -1)),
    ("normal_", (0, 0)),
    ("normal_", (0, 1e-40)),
    ("normal_", (0, NAN)),
    ("normal_", (0, INF)),
    ("normal_", (NAN, 1)),
    ("normal_", (INF, 1)),
    ("normal_", (0, True)),
    ("normal_", (0, torch.tensor(2.0))),
    ("normal_", (0, "1")),
    ("normal_", (0, None)),
    ("normal_", (10**400, 1)),
    ("normal_", (0, 1, 7)),
    ("uniform_", (1, 0)),
    ("uniform_", (1, 1)),
    ("uniform_", (NAN, 1)),
    ("uniform_", (0, INF)),
    ("uniform_", (-3e38, 3e38)),
    ("uniform_", (-3e39, 0)),
    ("uniform_", (0, "1")),
    ("uniform_", (1.00000001, 1.00000002)),
    ("trunc_normal_", (0, 1, 2, -2)),
    ("trunc_normal_", (0, 1, 0.5, 0.5)),
    ("trunc_normal_", (0, 0)),
    ("trunc_normal_", (0, -1)),
    ("trunc_normal_", (NAN, 1)),
    ("trunc_normal_", (0, NAN)),
    ("trunc_normal_", (0, 1, -INF, INF)),
    ("trunc_normal_", (0, 1, -INF, 0)),
    ("trunc_normal_", (0, 1, 2.5, 3)),
    ("trunc_normal_", (0, 1, -3, -2.5)),
    ("trunc_normal_", (0, 1, 40, 41)),
    ("trunc_normal_", (0, 1, 1, 1 + 1e-6)),
    ("trunc_normal_", (0, "1")),
    ("constant_", ("x",)),
    ("constant_", (None,)),
    ("constant_", (1e39,)),
    ("xavier_normal_", (-1,)),
    ("xavier_normal_", (0,)),
    ("xavier_normal_", (NAN,)),
    ("xavier_uniform_", (-1,)),
    ("xavier_uniform_", (0,)),
    ("xavier_uniform_", ("1",)),
    ("kaiming_normal_", (0, "fan_avg")),
    ("kaiming_normal_", (0, "FAN_OUT")),
    ("kaiming_normal_", (0, 3)),
    ("kaiming_normal_", (0, "fan_in", "gelu")),
    ("kaiming_normal_", ("a",)),
    ("kaiming_uniform_", (0, "fan_avg")),
    ("kaiming_uniform_", (0, "fan_in", "gelu")),
    ("kaiming_uniform_", (True,)),
    ("orthogonal_", (0,)),
    ("orthogonal_", (-2,)),
    ("orthogonal_", (NAN,)),
    ("orthogonal_", (torch.tensor(2.0),)),
    ("orthogonal_", ("a",)),
    ("orthogonal_", (1j,)),
    ("sparse_", (-0.1,)),
    ("sparse_", (-0.9,)),
    ("sparse_", (0,)),
    ("sparse_", (1,)),
    ("sparse_", (1.5,)),
    ("sparse_", (NAN,)),
    ("sparse_", ("a",)),
    ("sparse_", (0.5, -1)),
    ("sparse_", (0.5, 0)),
    ("sparse_", (0.5, NAN)),
    ("dirac_", (3,)),
    ("dirac_", (0,)),
]


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS, ids=str)
def test_odd_arguments_have_the_outcome_that_they_have_in_torch(name: str, arguments: tuple[Any, ...]) -> None:
    ours, theirs = both(name, lambda: torch.zeros((4, 4, 3) if name == "dirac_" else (4, 3)), *arguments)
    assert ours == theirs


@pytest.mark.parametrize(
    ("dtype", "arguments"),
    [
        (torch.float16, (-60000, 60000)),
        (torch.float16, (-70000, 0)),
        (torch.float16, (1.0001, 1.0002)),
        (torch.bfloat16, (1.001, 1.002)),
        (torch.float64, (-1e300, 1e300)),
        (torch.float64, (0.0, 1e-300)),
    ],
    ids=str,
)
def test_ranges_at_the_edge_of_a_dtype_have_the_outcome_that_they_have_in_torch(
    dtype: torch.dtype, arguments: tuple[float, float]
) -> None:
    ours, theirs = both("uniform_", lambda: torch.zeros(4, 3, dtype=dtype), *arguments)
    assert ours == theirs


def inference_tensor() -> Tensor:
    with torch.inference_mode():
        return torch.zeros(4, 3)


ODD_TENSORS: dict[str, Callable[[], Any]] = {
    "a list": lambda: [1.0, 2.0],
    "None": lambda: None,
    "elements that share memory": lambda: torch.zeros(1).expand(4, 3),
    "a sparse layout": lambda: torch.eye(3).to_sparse(),
    "a conjugate view": lambda: torch.zeros(4, 3, dtype=torch.complex64).conj(),
    "a negative view": lambda: torch.zeros(4, 3, dtype=torch.complex64).conj().imag,
    "an inference tensor": inference_tensor,
    "an uninitialized parameter": nn.UninitializedParameter,
    "a leaf": lambda: torch.zeros(4, 3, requires_grad=True),
    "a view of a leaf": lambda: torch.zeros(2, 4, 3, requires_grad=True)[0],
    "a result": lambda: torch.zeros(4, 3, requires_grad=True) * 1,
    "a transposed tensor": lambda: torch.zeros(3, 4).t(),
    "windows that overlap": lambda: torch.zeros(8).as_strided((4, 3), (1, 1)),
}


@pytest.mark.parametrize("kind", ODD_TENSORS)
@pytest.mark.parametrize("name", [name for name in FILLS if name != "dirac_"])
def test_odd_tensors_have_the_outcome_that_they_have_in_torch(name: str, kind: str) -> None:
    ours, theirs = both(name, ODD_TENSORS[kind], *FILLS[name])
    if kind == "an uninitialized parameter":  # the message has the address of the function in it
        assert (ours.error or "")[:48] == (theirs.error or "")[:48]
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_the_warning_about_an_empty_tensor_points_at_the_call(name: str) -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op") as caught:
        getattr(init, name)(torch.empty(0, 3))
    assert caught[0].filename == __file__


def test_the_warning_about_a_far_mean_points_at_the_call() -> None:
    with pytest.warns(UserWarning, match=r"mean is more than 2 std from \[a, b\] in nn.init.trunc_normal_") as caught:
        init.trunc_normal_(torch.empty(3), a=2.5, b=3.0)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu"])
@pytest.mark.parametrize("parameter", [None, 0, 0.2, True, "a"])
def test_gains_are_those_of_torch(nonlinearity: str, parameter: Any) -> None:
    def gain(module: Any) -> Any:
        try:
            return module.calculate_gain(nonlinearity, parameter)
        except ValueError as error:
            return str(error)

    assert gain(init) == gain(nn.init)


def test_a_generator_of_another_kind_is_refused_as_torch_refuses_it() -> None:
    for generator in (7, "generator"):
        ours, theirs = both("normal_", lambda: torch.zeros(3), generator=generator)
        assert ours == theirs
        assert "must be torch.Generator" in str(ours.error)
