"""Functions as initializers, blocks, and `Keep`."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import initwise.initializers as iw
from initwise.errors import ArgumentError, ArgumentTypeError, NotSupportedError
from initwise.fans import Fans
from initwise.random import normal, truncated_normal, uniform, words

TARGET = iw.Target((3, 5), fans=Fans(5, 3))


def scaled(shape: tuple[int, ...], fans: Fans, draw: iw.Stream) -> Tensor:
    return draw.normal(shape) / math.sqrt(fans.fan_in)


def test_a_function_gets_shape_fans_and_the_parameters_own_stream() -> None:
    found = iw.Custom(scaled).values(TARGET, iw.Stream(1, "w"))
    expected = torch.from_numpy(normal(1, "w", 0, 15)).reshape(3, 5) / math.sqrt(5)
    assert torch.equal(found, expected)


def test_a_stream_draws_what_the_public_stream_draws_under_joined_labels() -> None:
    stream = iw.Stream(2, "w", "q")
    assert torch.equal(stream.uniform((7,), "a"), torch.from_numpy(uniform(2, "w", 0, 7, label="q/a")))
    assert torch.equal(stream.truncated_normal((7,)), torch.from_numpy(truncated_normal(2, "w", 0, 7, label="q")))
    assert stream.words(4, "mask").tolist() == words(2, "w", 0, 4, label="q/mask").tolist()
    halves = stream.uniform((7,), "a", dtype=torch.complex64)
    assert torch.equal(halves.imag, torch.from_numpy(uniform(2, "w", 0, 7, label="q/a/im")))
    assert float(stream.normal((4096,), dtype=torch.complex128).abs().square().mean()) == pytest.approx(1.0, abs=0.08)


def test_a_stream_ignores_torchs_default_device() -> None:
    with torch.device("meta"):
        assert iw.Stream(0, "w").normal((2,)).device.type == "cpu"
        assert iw.Orthogonal().values(iw.Target((3, 3)), iw.Stream(0, "w")).device.type == "cpu"
        assert iw.DeltaOrthogonal().values(iw.Target((3, 3, 3)), iw.Stream(0, "w")).device.type == "cpu"
        assert iw.Dirac().values(iw.Target((3, 3, 3)), iw.Stream(0, "w")).device.type == "cpu"
        assert iw.Sparse().values(iw.Target((3, 30)), iw.Stream(0, "w")).device.type == "cpu"


def test_a_function_without_a_law_is_not_testable_and_one_with_it_is() -> None:
    law = iw.Law(mean=0.0, std=1 / math.sqrt(5))
    assert iw.Custom(scaled).law(TARGET) is None
    assert iw.Custom(scaled, law=law).law(TARGET) is law
    assert iw.Custom(scaled) == iw.Custom(scaled)
    assert iw.Custom(scaled) != iw.Custom(scaled, law)
    assert len({iw.Custom(scaled), iw.Custom(scaled)}) == 1
    assert repr(iw.Custom(scaled, law=iw.Law(0, 1))).startswith("Custom(scaled, law=Law(mean=0.0, std=1.0")


def test_plain_functions_are_wrapped() -> None:
    assert iw.as_initializer(scaled) == iw.Custom(scaled)
    assert iw.as_initializer(iw.Zeros()) == iw.Zeros()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, r"0\.5 is a number, not an initializer: write Constant\(0\.5\)"),
        (iw.Normal, r"Normal is a class, not an initializer: write Normal\(\.\.\.\)"),
        (torch.nn.init.xavier_uniform_, "writes into a tensor at once; give a value"),
        ("normal", "'normal' is not an initializer, nor a function"),
        (True, "True is not an initializer"),
        (lambda shape: None, r"cannot be called as function\(shape, fans, draw\)"),
        (dict, "is not a function of"),
    ],
)
def test_other_values_are_refused_with_what_to_write_instead(value: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        iw.as_initializer(value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda shape, fans, draw: None, "the function returned NoneType, not a tensor"),
        (lambda shape, fans, draw: draw.normal((2, 2)), r"returned shape \(2, 2\), not \(3, 5\)"),
        (lambda shape, fans, draw: torch.full(shape, math.nan), "returned NaN or infinite values"),
        (lambda shape, fans, draw: draw.normal(shape, dtype=torch.complex64), r"torch\.complex64 for a torch\.float32"),
        (lambda shape, fans, draw: torch.empty(shape, device="meta"), "on the meta device"),
    ],
)
def test_wrong_results_of_a_function_are_refused(function: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        iw.Custom(function).values(TARGET, iw.Stream(0, "w"))


def test_results_of_a_function_carry_no_graph() -> None:
    weight = torch.ones(3, 5, requires_grad=True)
    found = iw.Custom(lambda shape, fans, draw: weight * 2).values(TARGET, iw.Stream(0, "w"))
    assert not found.requires_grad


def test_a_law_that_is_no_law_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"law is 1\.0, not a Law"):
        iw.Custom(scaled, law=1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_keep_fits_every_parameter_and_promises_nothing(dtype: torch.dtype) -> None:
    target = iw.Target((0,), dtype)
    assert iw.Keep().law(target) is None
    assert iw.Keep().draw(target) is None
    assert repr(iw.Keep()) == "Keep()"
    with pytest.raises(NotSupportedError, match="writes nothing"):
        iw.Keep().values(target, iw.Stream(0, "w"))


def test_blocks_are_found_by_name_and_the_rest_covers_the_others() -> None:
    gates = iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())
    assert gates.block("f") == iw.Ones()
    assert gates.block("i") == iw.Zeros()
    assert iw.PerBlock(f=iw.Ones()).block("i") is None


def test_blocks_are_the_same_in_any_order_and_paste_back() -> None:
    blocks: dict[str, Any] = {"1": iw.Normal(std=0.5), "0": iw.Zeros(), "q": iw.Ones()}
    packed = iw.PerBlock(**blocks, rest=iw.Keep())
    assert packed == iw.PerBlock(**dict(reversed(blocks.items())), rest=iw.Keep())
    assert hash(packed) == hash(iw.PerBlock(**dict(reversed(blocks.items())), rest=iw.Keep()))
    assert repr(packed) == "PerBlock(q=Ones(), **{'0': Zeros(), '1': Normal(std=0.5)}, rest=Keep())"
    assert eval(repr(packed), vars(iw)) == packed  # noqa: S307 - it is what is tested
    assert iw.from_data(iw.to_data(packed)) == packed


def test_functions_may_stand_in_blocks() -> None:
    assert iw.PerBlock(q=scaled).block("q") == iw.Custom(scaled)  # type: ignore[arg-type]


def test_a_packed_initializer_has_no_law_of_its_own() -> None:
    with pytest.raises(NotSupportedError, match=r"ask block\(name\) for each block"):
        iw.PerBlock(q=iw.Zeros()).law(TARGET)
