"""Where the seed of a call comes from, and what does not change the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from initwise import init, random

FILLS: dict[str, Callable[..., Tensor]] = {
    "uniform": init.uniform_,
    "normal": init.normal_,
    "truncated": init.trunc_normal_,
    "truncated by torch": lambda w, **k: init.trunc_normal_(w, a=0.1, b=0.1003, **k),
    "xavier uniform": init.xavier_uniform_,
    "xavier normal": init.xavier_normal_,
    "kaiming uniform": init.kaiming_uniform_,
    "kaiming normal": init.kaiming_normal_,
    "orthogonal": init.orthogonal_,
    "sparse": lambda w, **k: init.sparse_(w, 0.5, **k),
}
OURS = [name for name in FILLS if name != "truncated by torch"]
by_name = pytest.mark.parametrize("name", FILLS)
by_our_name = pytest.mark.parametrize("name", OURS)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@by_name
def test_the_same_seed_gives_the_same_values_and_the_next_call_others(name: str) -> None:
    first, second = FILLS[name](torch.empty(6, 5)), FILLS[name](torch.empty(6, 5))
    torch.manual_seed(0)
    assert torch.equal(FILLS[name](torch.empty(6, 5)), first)
    assert not torch.equal(first, second)


@by_name
def test_a_generator_decides_everything_and_the_global_one_stays(name: str) -> None:
    generator, before = torch.Generator().manual_seed(7), torch.random.get_rng_state()
    first = FILLS[name](torch.empty(6, 5), generator=generator)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(FILLS[name](torch.empty(6, 5), generator=generator.manual_seed(7)), first)
    assert not torch.equal(FILLS[name](torch.empty(6, 5), generator=generator), first)


@by_name
def test_a_generator_and_the_global_one_of_one_seed_give_the_same_values(name: str) -> None:
    values = FILLS[name](torch.empty(6, 5), generator=torch.Generator().manual_seed(0))
    assert torch.equal(values, FILLS[name](torch.empty(6, 5)))


@by_our_name
def test_the_generator_moves_by_the_same_amount_for_any_tensor(name: str) -> None:
    states = []
    for shape, dtype in [((2, 2), torch.float32), ((30, 40), torch.float32), ((30, 40), torch.float64)]:
        torch.manual_seed(0)
        FILLS[name](torch.empty(shape, dtype=dtype))
        states.append(torch.random.get_rng_state())
    assert all(torch.equal(state, states[0]) for state in states)


def test_torch_takes_the_zeros_of_a_sparse_matrix_from_elsewhere() -> None:
    def by(module: Any, seed: int) -> Tensor:
        torch.manual_seed(seed)
        values: Tensor = module.sparse_(torch.empty(20, 20), 0.5, generator=torch.Generator().manual_seed(7))
        return values

    assert not torch.equal(by(nn.init, 0), by(nn.init, 1))
    assert torch.equal(by(init, 0), by(init, 1))


def test_the_seed_is_two_draws_of_the_generator_and_the_values_are_those_of_the_stream() -> None:
    low, high = torch.randint(0, 2**32, (2,), dtype=torch.int64).tolist()
    seed = low + 2**32 * high
    for fill, stream in (
        (init.normal_, random.normal(seed, "", 0, 30, label="drop-in")),
        (init.uniform_, random.uniform(seed, "", 0, 30, label="drop-in")),
        (init.trunc_normal_, random.truncated_normal(seed, "", 0, 30, label="drop-in")),
    ):
        torch.manual_seed(0)
        assert fill(torch.empty(5, 6)).flatten().tolist() == stream.tolist()
    torch.manual_seed(0)
    w = init.normal_(torch.empty(30, dtype=torch.complex64), std=2**0.5)
    assert w.real.tolist() == random.normal(seed, "", 0, 30, label="drop-in/re").tolist()
    assert w.imag.tolist() == random.normal(seed, "", 0, 30, label="drop-in/im").tolist()


def test_the_zeros_of_a_sparse_matrix_leave_the_smallest_words_of_each_column() -> None:
    low, high = torch.randint(0, 2**32, (2,), dtype=torch.int64).tolist()
    seed = low + 2**32 * high
    torch.manual_seed(0)
    w = init.sparse_(torch.empty(8, 5), 0.6, std=0.5)
    words = random.words(seed, "", 0, 40, label="drop-in/mask").reshape(8, 5)
    kept = np.argsort(np.argsort(words, axis=0), axis=0) < 3
    values = random.normal(seed, "", 0, 40, label="drop-in").reshape(8, 5) * np.float32(0.5)
    assert np.array_equal(w.numpy(), np.where(kept, values, np.float32(0)))


@by_our_name
def test_memory_formats_hold_the_values_of_a_contiguous_tensor(name: str) -> None:
    shape = (6, 4) if name == "sparse" else (6, 4, 3, 3)
    plain = FILLS[name](torch.empty(shape))
    others = [
        torch.empty(tuple(reversed(shape))).permute(*reversed(range(len(shape)))),
        torch.empty(12, *shape[1:])[::2],
    ]
    if len(shape) == 4:
        others.append(torch.empty(shape).to(memory_format=torch.channels_last))
    for other in others:
        strides = other.stride()
        torch.manual_seed(0)
        FILLS[name](other)
        assert torch.equal(other, plain)
        assert other.stride() == strides


def test_writing_into_a_view_leaves_what_is_around_it() -> None:
    whole = torch.full((6, 6), 7.0)
    init.normal_(whole[1:3, 2:5])
    assert int((whole == 7.0).sum()) == 36 - 6


@pytest.mark.parametrize("name", [name for name in OURS if name != "truncated"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_holds_the_float32_values_rounded_once(name: str, dtype: torch.dtype) -> None:
    exact = FILLS[name](torch.empty(64, 48))
    torch.manual_seed(0)
    assert torch.equal(FILLS[name](torch.empty(64, 48, dtype=dtype)), exact.to(dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_truncated_half_precision_holds_the_float32_values_rounded_once_then_bounded(dtype: torch.dtype) -> None:
    exact = init.trunc_normal_(torch.empty(2**16), a=-0.7003, b=1.1)
    torch.manual_seed(0)
    half = init.trunc_normal_(torch.empty(2**16, dtype=dtype), a=-0.7003, b=1.1).double()
    rounded = exact.to(dtype).double()
    inside = (rounded >= -0.7003) & (rounded <= 1.1)
    assert torch.equal(half[inside], rounded[inside])
    assert bool(((half >= -0.7003) & (half <= 1.1)).all())


def test_a_constant_in_half_precision_is_rounded_once() -> None:
    value = 1.0 + 2**-8 + 2**-30
    assert init.constant_(torch.empty(1, dtype=torch.bfloat16), value).item() == 1.0 + 2**-7
    assert nn.init.constant_(torch.empty(1, dtype=torch.bfloat16), value).item() == 1.0


@pytest.mark.parametrize("name", [name for name in OURS if name != "orthogonal"])  # it is computed in float64
def test_double_precision_holds_the_float32_values(name: str) -> None:
    exact = FILLS[name](torch.empty(64, 48))
    torch.manual_seed(0)
    wide = FILLS[name](torch.empty(64, 48, dtype=torch.float64))
    assert torch.allclose(wide, exact.double(), rtol=1e-6, atol=1e-9)


@by_name
def test_parameters_and_autograd_see_one_in_place_write(name: str) -> None:
    parameter = nn.Parameter(torch.empty(6, 5))
    before = parameter._version
    assert FILLS[name](parameter) is parameter
    assert parameter._version > before
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert parameter.grad_fn is None


@by_our_name
def test_a_write_after_saving_for_backward_is_noticed(name: str) -> None:
    w = torch.ones(6, 5)
    y = (torch.ones(6, 5, requires_grad=True) * w).sum()
    FILLS[name](w)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@by_our_name
def test_inference_tensors_can_be_written_in_inference_mode(name: str) -> None:
    plain = FILLS[name](torch.empty(6, 5))
    torch.manual_seed(0)
    with torch.inference_mode():
        assert torch.equal(FILLS[name](torch.empty(6, 5)), plain)


@by_our_name
def test_a_default_device_changes_nothing(name: str) -> None:
    w, plain = torch.empty(6, 5), FILLS[name](torch.empty(6, 5))
    torch.manual_seed(0)
    with torch.device("meta"):
        assert torch.equal(FILLS[name](w), plain)


class Seen(TorchFunctionMode):
    """Keeps the functions that passed through it."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.functions.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["uniform_", "normal_", "kaiming_uniform_"])
def test_overrides_see_the_functions_that_torch_shows_them_and_change_no_value(name: str) -> None:
    plain, w = getattr(init, name)(torch.empty(6, 5)), torch.empty(6, 5)
    torch.manual_seed(0)
    with Seen() as seen:
        assert getattr(init, name)(w) is w
    assert seen.functions[0] is getattr(init, name)
    assert torch.equal(w, plain)


class Renamed(Tensor):
    """A subclass that changes nothing."""


class Refusing(Tensor):
    """A subclass that lets nobody fill it."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "").endswith("_"):
            raise PermissionError(f"not {func.__name__}")
        return super().__torch_function__(func, types, args, kwargs or {})


@by_our_name
def test_a_subclass_gets_the_values_of_a_plain_tensor(name: str) -> None:
    plain, w = FILLS[name](torch.empty(6, 5)), torch.empty(6, 5).as_subclass(Renamed)
    torch.manual_seed(0)
    assert FILLS[name](w) is w
    assert torch.equal(w.as_subclass(Tensor), plain)


@by_name
def test_a_subclass_that_refuses_is_asked_as_torch_asks_it(name: str) -> None:
    w = torch.zeros(6, 5).as_subclass(Refusing)
    with pytest.raises(PermissionError, match="not "):
        FILLS[name](w)
    assert not w.as_subclass(Tensor).any()
