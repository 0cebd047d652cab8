"""Compilers, tracers and function transforms see one opaque operation that draws what eager code draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from initwise import init

FILLS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": init.uniform_,
    "normal": init.normal_,
    "truncated": init.trunc_normal_,
    "xavier uniform": init.xavier_uniform_,
    "xavier normal": init.xavier_normal_,
    "kaiming uniform": init.kaiming_uniform_,
    "kaiming normal": init.kaiming_normal_,
    "orthogonal": init.orthogonal_,
    "sparse": lambda w: init.sparse_(w, 0.5),
}
by_name = pytest.mark.parametrize("name", FILLS)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.compiler.reset()
    torch.manual_seed(0)


def eager(name: str, shape: tuple[int, ...] = (6, 5)) -> Tensor:
    torch.manual_seed(0)
    values = FILLS[name](torch.empty(shape))
    torch.manual_seed(0)
    return values


@by_name
def test_a_compiled_call_without_graph_breaks_draws_what_an_eager_one_draws(name: str) -> None:
    expected = eager(name)

    def doubled(w: Tensor) -> Tensor:
        return FILLS[name](w) * 2

    compiled: Any = torch.compile(doubled, fullgraph=True, backend="aot_eager")
    parameter = nn.Parameter(torch.empty(6, 5))
    assert torch.equal(compiled(parameter), expected * 2)
    assert torch.equal(parameter, expected)


def test_calls_with_the_same_arguments_are_not_merged() -> None:
    def two(w: Tensor, x: Tensor) -> Tensor:
        return init.normal_(w) - init.normal_(x)

    compiled: Any = torch.compile(two, fullgraph=True, backend="aot_eager")
    assert compiled(torch.empty(6, 5), torch.empty(6, 5)).abs().min() > 0


def test_compiled_shapes_may_be_dynamic() -> None:
    compiled: Any = torch.compile(init.kaiming_normal_, fullgraph=True, dynamic=True, backend="aot_eager")
    for rows in (3, 4, 7):
        assert torch.equal(compiled(torch.empty(rows, 5)), eager("kaiming normal", (rows, 5)))


def test_a_generator_in_a_full_graph_is_refused_in_clear_words() -> None:
    generator = torch.Generator()
    compiled: Any = torch.compile(partial(init.normal_, generator=generator), fullgraph=True, backend="eager")
    with pytest.raises(Exception, match=r"torch\.compile cannot trace a generator; leave generator=None"):
        compiled(torch.empty(3))


def test_a_generator_is_honoured_where_the_graph_may_break() -> None:
    generator = torch.Generator().manual_seed(3)
    expected = init.normal_(torch.empty(3), generator=generator)
    compiled: Any = torch.compile(partial(init.normal_, generator=generator), backend="eager")
    generator.manual_seed(3)
    assert torch.equal(compiled(torch.empty(3)), expected)


@by_name
def test_fake_tensors_are_returned_and_nothing_is_drawn(name: str) -> None:
    before = torch.random.get_rng_state()
    with FakeTensorMode():
        w = torch.empty(6, 5)
        assert FILLS[name](w) is w
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("dtype", "std", "message"), [(torch.float32, -1.0, "std >= 0.0"), (torch.int32, 1.0, "floating-point or complex")]
)
@pytest.mark.filterwarnings("ignore")
def test_fake_tensors_are_refused_as_torch_refuses_them(dtype: torch.dtype, std: float, message: str) -> None:
    with FakeTensorMode(), pytest.raises(RuntimeError, match=message):
        init.normal_(torch.empty(3, dtype=dtype), 0.0, std)


@by_name
@pytest.mark.parametrize("randomness", ["same", "different"])
def test_a_mapped_call_draws_for_each_example_or_once_for_all(name: str, randomness: str) -> None:
    expected = eager(name)
    stacked = torch.empty(6, 3, 5)
    mapped = torch.vmap(FILLS[name], in_dims=1, out_dims=1, randomness=randomness)(stacked)
    assert torch.equal(mapped, stacked)
    assert torch.equal(stacked[:, 0], expected)
    assert torch.equal(stacked[:, 1], stacked[:, 0]) == (randomness == "same")
    assert torch.equal(stacked[:, 2], stacked[:, 1]) == (randomness == "same")


@by_name
def test_a_mapped_call_that_may_not_be_random_raises_what_torch_raises(name: str) -> None:
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        torch.vmap(FILLS[name])(torch.empty(3, 6, 5))


def test_mapped_calls_nest() -> None:
    w = torch.empty(2, 3, 4, 5)
    torch.vmap(torch.vmap(init.trunc_normal_, randomness="same"), randomness="different")(w)
    assert torch.equal(w[0, 0], w[0, 1])
    assert not torch.equal(w[0, 0], w[1, 0])


class Watched(TorchDispatchMode):
    """Keeps the names of the operations that passed through it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def test_a_watcher_sees_one_operation_and_changes_no_value() -> None:
    expected, w = eager("truncated"), torch.empty(6, 5)
    with Watched() as watched:
        init.trunc_normal_(w)
    assert watched.names == ["initwise.trunc_normal.default"]
    assert torch.equal(w, expected)
    generator = torch.Generator().manual_seed(0)
    with Watched():
        init.trunc_normal_(w.zero_(), generator=generator)
    assert torch.equal(w, expected)


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + init.trunc_normal_(torch.empty_like(x))


def test_an_exported_program_draws() -> None:
    x = torch.zeros(6, 5)
    program = torch.export.export(Noise(), (x,))
    torch.manual_seed(0)
    assert torch.equal(program.module()(x), eager("truncated"))


def test_gradients_of_a_function_that_draws_inside() -> None:
    gradient = torch.func.grad(lambda x: (init.normal_(torch.empty(4)) * x).sum())(torch.ones(4))
    assert gradient.abs().min() > 0
