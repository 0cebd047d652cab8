"""Compiled models and functions: the same bits as unwatched, and a note that says what is out of sight."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

from tests.monitoring.training import Functional, batch, net
from tests.monitoring.twins import Run, plain_run, twins

pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),  # dynamo's own look
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # inductor's own imports
]
NO_COMPILER = shutil.which("g++") is None and shutil.which("clang++") is None
INDUCTOR = [pytest.mark.long, pytest.mark.skipif(NO_COMPILER, reason="inductor needs a C++ compiler: install g++")]
BACKENDS = ["eager", "aot_eager", pytest.param("inductor", marks=INDUCTOR)]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing compiled is left for the next test."""
    yield
    torch._dynamo.reset()


def built(change: Callable[[str], nn.Module], backend: str, **options: Any) -> Callable[[], Run]:
    def build() -> Run:
        torch._dynamo.reset()
        model = change(backend)
        return plain_run(model, torch.optim.SGD(model.parameters(), lr=0.1), **options)

    return build


def whole(backend: str) -> nn.Module:
    made: Any = torch.compile(net(), backend=backend)
    return made  # type: ignore[no-any-return]


def in_place(backend: str) -> nn.Module:
    model = net()
    model.compile(backend=backend)
    return model


def parts(backend: str) -> nn.Module:
    model: Any = Functional()
    model.two.compile(backend=backend)
    model.three = torch.compile(model.three, backend=backend)
    return model  # type: ignore[no-any-return]


def its_forward(backend: str) -> nn.Module:
    model: Any = Functional()
    model.forward = torch.compile(model.forward, backend=backend)
    return model  # type: ignore[no-any-return]


@pytest.mark.parametrize("schedule", [1, lambda step: step in (0, 3), lambda step: step == 2])
@pytest.mark.parametrize("change", [whole, in_place, parts, its_forward])
@pytest.mark.parametrize("backend", BACKENDS)
def test_watching_changes_no_bit_of_what_is_compiled(backend: str, change: Any, schedule: Any) -> None:
    monitor = twins(built(change, backend, schedule=schedule))
    assert all(row.update_ratio and row.distance for row in monitor.frames[-1].parameters if "weight" in row.name)
    assert "compiled" in monitor.notes[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_a_model_that_a_compiled_function_calls_parameters_are_seen_and_a_note_names_the_rest(backend: str) -> None:
    def build() -> Run:
        torch._dynamo.reset()
        model, (inputs, labels) = Functional(), batch()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @torch.compile(backend=backend)
        def loss_of(given: Tensor) -> Tensor:
            return F.cross_entropy(model(given), labels)

        def step() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = loss_of(inputs)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(model, step, [optimizer])

    monitor = twins(build)
    assert monitor.frames[0].layers == ()
    assert monitor.notes[0] == (
        "no output of one, two, three was seen, though gradients arrive at the parameters: it runs inside of a compiled"
        " function, or is not called as a module"
    )


def test_around_a_compiled_part_the_rest_is_seen() -> None:
    monitor = twins(built(parts, "aot_eager"))
    assert [row.module for row in monitor.frames[0].layers] == ["one", "three"]
    assert monitor.notes[0].startswith("two, three are compiled: what happens inside is not seen")


def test_a_function_that_is_compiled_within_an_ordinary_model_stays_as_it_is() -> None:
    """The mode that sees functional activations is on when it is traced: the graph must not measure."""
    graphs: list[int] = []

    def counting(graph: Any, inputs: Any) -> Any:
        graphs.append(sum(node.op.startswith("call_") for node in graph.graph.nodes))
        return graph.forward

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(8, 16), nn.Linear(16, 3)
            self.activate = torch.compile(lambda x: F.relu(x) * 2, backend=counting)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.two(F.relu(self.activate(self.one(x))))
            return out

    def build() -> Run:
        torch._dynamo.reset()
        model = Mixed()
        return plain_run(model, torch.optim.SGD(model.parameters(), lr=0.1))

    twins(build, steps=2)
    assert graphs == [2, 2]
