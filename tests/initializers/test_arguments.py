"""Wrong arguments fail where they are written, with all that is wrong in one message."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import nn

import initwise.initializers as iw
from initwise.axes import Axes
from initwise.errors import ArgumentError, ArgumentTypeError, FanError, NotSupportedError
from initwise.fans import Fans

wrong: Any = iw  # wrong types are what is tested here
LINEAR = iw.Target((4, 8), fans=Fans(8, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wrong.Constant(math.nan), "Constant: value is nan, and must be finite"),
        (lambda: wrong.Constant("1"), "Constant: value is '1' of type str, not a number"),
        (lambda: wrong.Normal(std=math.nan), "Normal: std is nan, and must be finite"),
        (lambda: wrong.Normal(mean=math.inf), "Normal: mean is inf, and must be finite"),
        (lambda: wrong.Normal(mean=10**400), "Normal: mean is inf, and must be finite"),
        (lambda: wrong.Normal(std=-0.02), r"Normal: std is -0\.02, and must not be negative"),
        (lambda: wrong.Normal(std=0), r"Normal: std is 0\.0, .*use Zeros\(\) or Constant"),
        (lambda: wrong.Normal(std=1e-26), "Normal: std is 1e-26, and must be at least 1e-25"),
        (lambda: wrong.Normal(std=1e38), "Normal: std is 1e[+]38, and must be at most 1e[+]37"),
        (lambda: wrong.Normal(std=True), "Normal: std is True of type bool, not a number"),
        (lambda: wrong.Normal(std=torch.tensor(1.0)), r"Normal: std is tensor\(1\.\) of type Tensor, not a number"),
        (lambda: wrong.Normal(mean=math.nan, std=-1), "Normal: mean is nan, .*; std is -1.0, and must not be negative"),
        (lambda: wrong.Uniform(1, 1), r"Uniform: low is 1\.0 and high is 1\.0; low must be below high .use Constant"),
        (lambda: wrong.Uniform(2, -2), "low must be below high"),
        (lambda: wrong.Uniform(0, 1e-30), "high - low is 1e-30, and must be at least 1e-25"),
        (lambda: wrong.Uniform(-1e38, 1e38), "low is -1e[+]38, and must lie within"),
        (lambda: wrong.TruncatedNormal(bound=0), r"TruncatedNormal: bound is 0\.0 sigmas, and must be positive"),
        (lambda: wrong.TruncatedNormal(bound=-2), "bound is -2.0 sigmas, and must be positive"),
        (lambda: wrong.TruncatedNormal(bound=1e-4), r"bound is 0\.0001 sigmas, and must be at least 0\.00031"),
        (lambda: wrong.TruncatedNormal(bound=math.inf), "bound is inf, and must be finite"),
        (lambda: wrong.TruncatedNormal(corrected=1), "corrected is 1 of type int, not True or False"),
        (lambda: wrong.TruncatedNormal(std=-1, bound=-1), "std is -1.0, .*; bound is -1.0 sigmas"),
        (lambda: wrong.VarianceScaling(scale=0), "VarianceScaling: scale is 0.0, and must be positive"),
        (lambda: wrong.VarianceScaling(mode="fanin"), "mode is 'fanin', .*; did you mean 'fan_in'"),
        (
            lambda: wrong.VarianceScaling(distribution="gaussian"),
            "distribution is 'gaussian', and must be one of 'normal'",
        ),
        (lambda: wrong.VarianceScaling(distribution="trunc_normal"), "did you mean 'truncated_normal'"),
        (
            lambda: wrong.VarianceScaling(mode=1, scale="2"),
            "scale is '2' of type str, .*; mode is 1, and must be one of",
        ),
        (lambda: wrong.XavierUniform(gain=-1), "XavierUniform: gain is -1.0, and must be positive"),
        (lambda: wrong.XavierNormal(gain="tanh"), "XavierNormal: gain is 'tanh' of type str, not a number"),
        (lambda: wrong.KaimingNormal(mode="fan_ot"), "KaimingNormal: mode is 'fan_ot', .*did you mean 'fan_out'"),
        (lambda: wrong.KaimingNormal(nonlinearity="geluu"), "unknown nonlinearity 'geluu'; did you mean 'gelu'"),
        (lambda: wrong.KaimingNormal(nonlinearity=0.0), "nonlinearity is 0.0, and must be positive"),
        (lambda: wrong.KaimingNormal(nonlinearity=None), "nonlinearity is None of type NoneType, not a number"),
        (
            lambda: wrong.KaimingUniform(a=0.1, nonlinearity="tanh"),
            "a is 0.1, the negative slope of relu or leaky_relu",
        ),
        (lambda: wrong.KaimingUniform(a=math.nan), "a is nan, and must be finite"),
        (
            lambda: wrong.KaimingUniform(convention="keras"),
            "convention is 'keras', and must be one of 'exact', 'torch'",
        ),
        (lambda: wrong.KaimingNormal(nonlinearity="gelu", convention="torch"), "torch has no constant for 'gelu'"),
        (lambda: wrong.KaimingNormal(nonlinearity=torch.log), "log gives nan"),
        (lambda: wrong.Orthogonal(gain=0), "Orthogonal: gain is 0.0, and must be positive"),
        (lambda: wrong.DeltaOrthogonal(gain=math.nan), "DeltaOrthogonal: gain is nan"),
        (lambda: wrong.Dirac(groups=0), "Dirac: groups is 0, and must be at least 1"),
        (lambda: wrong.Dirac(groups=1.0), "Dirac: groups is 1.0 of type float, not an integer"),
        (lambda: wrong.Sparse(sparsity=1), r"Sparse: sparsity is 1\.0, and must be in \[0, 1\); use Zeros"),
        (lambda: wrong.Sparse(sparsity=-0.1, std=-1), r"std is -1\.0, .*; sparsity is -0\.1"),
        (wrong.PerBlock, "PerBlock: no block is given"),
        (lambda: wrong.PerBlock(rest=iw.PerBlock(q=iw.Ones())), "rest is a PerBlock itself"),
        (lambda: wrong.PerBlock(q=1.0), r"1\.0 is a number, not an initializer: write Constant\(1\.0\)"),
    ],
)
def test_wrong_arguments_fail_at_construction(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_wrong_types_are_type_errors() -> None:
    with pytest.raises(TypeError, match="std is 'x' of type str"):
        wrong.Normal(std="x")


@pytest.mark.parametrize("number", [1, np.float32(1), np.int64(1), np.float64(1)])
def test_integers_and_numpy_numbers_are_stored_as_floats(number: float) -> None:
    normal = iw.Normal(number, number)
    assert normal == iw.Normal(1.0, 1.0)
    assert repr(normal) == "Normal(mean=1.0)"
    assert type(normal.std) is float


def test_a_callable_nonlinearity_is_stored_as_its_gain() -> None:
    named = iw.KaimingNormal(nonlinearity="gelu")
    for function in (F.gelu, nn.GELU(), lambda z: z * (1 + torch.erf(z / math.sqrt(2))) / 2):
        stored = iw.KaimingNormal(nonlinearity=function)
        assert type(stored.nonlinearity) is float
        assert stored.gain == pytest.approx(named.gain, rel=2e-9)
    assert iw.KaimingNormal(nonlinearity=F.gelu) == iw.KaimingNormal(nonlinearity=1.533530441)
    torchs = iw.KaimingNormal(nonlinearity=nn.Tanh(), convention="torch")
    assert torchs.nonlinearity == 5 / 3


def test_the_slope_of_a_leaky_relu_enters_its_gain() -> None:
    assert iw.KaimingUniform(a=1.0).gain == 1.0
    assert iw.KaimingUniform(a=0.5, nonlinearity="leaky_relu").gain == math.sqrt(2 / 1.25)
    assert iw.KaimingUniform(nonlinearity="leaky_relu").gain == math.sqrt(2)  # as torch.nn.init: a is 0 by default


def test_schemes_are_cases_of_the_general_law() -> None:
    assert iw.XavierUniform(gain=2.0).scaling == iw.VarianceScaling(4.0, "fan_avg", "uniform")
    assert iw.LecunNormal().scaling == iw.VarianceScaling()
    assert iw.KaimingNormal(nonlinearity=2.0, mode="fan_out").scaling == iw.VarianceScaling(4.0, "fan_out")


@pytest.mark.parametrize(
    "initializer", [iw.VarianceScaling(), iw.XavierUniform(), iw.KaimingNormal(), iw.LecunUniform()]
)
def test_missing_fans_ask_for_axes(initializer: iw.Initializer) -> None:
    with pytest.raises(FanError, match=r"cannot be known from its shape \(5,\)\. Declare its axes in the rule"):
        initializer.law(iw.Target((5,)))
    with pytest.raises(FanError, match=type(initializer).__name__):
        initializer.draw(iw.Target((5,)))


def test_zero_fans_are_refused() -> None:
    with pytest.raises(ArgumentError, match="fan_in is 0, fan_out is 4; both must be above 0"):
        iw.KaimingNormal().draw(iw.Target((4, 8), fans=Fans(0, 4)))


def test_axes_alone_are_enough_for_the_fans() -> None:
    law = iw.LecunNormal().law(iw.Target((4, 16), axes=Axes((1,), (0,))))
    assert law is not None
    assert law.std == 0.25


@pytest.mark.parametrize(
    ("initializer", "shape", "message"),
    [
        (iw.Orthogonal(), (5,), r"Orthogonal\(\): the shape is \(5,\); a matrix with at least two dimensions"),
        (iw.Orthogonal(), (), "a matrix with at least two dimensions"),
        (iw.DeltaOrthogonal(), (4, 4), "allowed are convolution kernels"),
        (iw.DeltaOrthogonal(), (4, 8, 3), "has 8 inputs and 4 outputs for each of 1 groups"),
        (iw.Dirac(), (4, 4), r"Dirac\(\): the shape is \(4, 4\); allowed are convolution kernels"),
        (iw.Dirac(groups=3), (4, 4, 3), "is no multiple of groups=3"),
        (iw.Identity(), (4, 4, 3), "only matrices .2 dimensions. have an identity. Use Dirac"),
        (iw.Sparse(), (4, 4, 3), "Declare its axes"),
    ],
    ids=str,
)
def test_targets_that_do_not_fit_are_refused(initializer: iw.Initializer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        initializer.law(iw.Target(shape))
    with pytest.raises(ArgumentError, match=message):
        initializer.values(iw.Target(shape), iw.Stream(0, "weight"))


@pytest.mark.parametrize(
    ("initializer", "dtype"),
    [
        (iw.Normal(std=1e5), torch.float16),
        (iw.Uniform(0, 7e4), torch.float16),
        (iw.TruncatedNormal(std=1e5), torch.float16),
        (iw.Constant(7e4), torch.float16),
        (iw.Constant(1e39), torch.float32),
    ],
    ids=str,
)
def test_values_beyond_the_dtype_are_refused(initializer: iw.Initializer, dtype: torch.dtype) -> None:
    with pytest.raises(ArgumentError, match=f"largest {dtype} number"):
        initializer.draw(dataclasses.replace(LINEAR, dtype=dtype))
    assert initializer.draw(dataclasses.replace(LINEAR, dtype=torch.float64)) is not None


def test_element_wise_laws_have_no_whole_values() -> None:
    with pytest.raises(NotSupportedError, match="drawn element by element"):
        iw.Normal().values(LINEAR, iw.Stream(0, "weight"))


def test_arguments_are_positional_where_they_have_no_default() -> None:
    assert [repr(i) for i in (iw.Constant(2), iw.Uniform(0, 1), iw.Zeros(), iw.Normal(), iw.Normal(1, 2))] == [
        "Constant(2.0)",
        "Uniform(0.0, 1.0)",
        "Zeros()",
        "Normal()",
        "Normal(mean=1.0, std=2.0)",
    ]


def test_only_errors_of_arguments_are_raised_for_arguments() -> None:
    anything: list[Any] = [None, "", b"", [], {}, object(), 1j, (), np.array([1.0, 2.0]), np.bool_(True)]
    for value in anything:
        kinds: list[Any] = [iw.Constant, iw.Normal, iw.Orthogonal, iw.Sparse, iw.XavierNormal, iw.VarianceScaling]
        for kind in kinds:
            with pytest.raises(ArgumentTypeError, match=f"{kind.__name__}: "):
                kind(value)
