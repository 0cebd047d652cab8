"""Values that no plan decides: computed as constructors compute them, or named; never guessed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.errors import ApplyError
from tests.writing.eager import assert_equal_to_eager, on_meta

ZEROS = iw.rule("*", iw.Zeros())


class Rotary(nn.Module):
    """Keeps its width and its base."""

    def __init__(self, dim: int, base: float = 10000.0) -> None:
        super().__init__()
        self.dim = dim
        self.base = base
        self.register_buffer("inv_freq", 1.0 / base ** (torch.arange(0, dim, 2) / dim), persistent=False)


class Forgetful(nn.Module):
    """Keeps its width and forgets its base: the default would be a silent bug."""

    def __init__(self, dim: int, base: float = 10000.0) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("inv_freq", 1.0 / base ** (torch.arange(0, dim, 2) / dim))


class Around(nn.Module):
    """Keeps what its forgetful part was built with."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base
        self.rotary = Forgetful(8, base)


class Rescaled(nn.Module):
    """Changes the buffer of its part after that was built, and keeps nothing."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.rotary = Rotary(8)
        self.rotary.inv_freq /= factor  # type: ignore[assignment, operator]


class Noise(nn.Module):
    """Draws a buffer at random."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(5))


class Unwritten(nn.Module):
    """Never writes its buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.empty(5))


class Changed(nn.Module):
    """Keeps its base doubled, so that it would be doubled again."""

    def __init__(self, dim: int, base: float) -> None:
        super().__init__()
        self.dim = dim
        self.base = base * 2
        self.register_buffer("inv_freq", self.base ** -(torch.arange(0, dim, 2) / dim))


class InTheDefaultDtype(nn.Module):
    """What it holds depends on the default dtype, and is kept as float32."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("steps", torch.linspace(0, 1, 7).float())


class Halved(nn.Module):
    """Its buffer is computed from a parameter, which is large enough to have no memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.full((size,), 2.0))
        self.register_buffer("halves", torch.zeros(size))
        halves: Any = self.halves
        halves.copy_(self.weight.detach() / 2)


class Table(nn.Module):
    """A frozen table that its constructor computes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Parameter(torch.arange(size).cos(), requires_grad=False)
        self.linear = nn.Linear(3, 3)


def _told(model: nn.Module, **options: Any) -> str:
    with pytest.raises(ApplyError) as caught:
        iw.materialize(model, iw.plan(model, ZEROS if list(model.parameters()) else []), **options)
    assert all(buffer.is_meta for buffer in model.buffers())
    return str(caught.value)


def test_a_module_that_keeps_its_arguments_is_constructed_again() -> None:
    assert_equal_to_eager(lambda: nn.Sequential(nn.Linear(2, 2), Rotary(8, 500.0)))


def test_an_argument_that_is_not_kept_is_never_taken_to_be_the_default() -> None:
    said = _told(on_meta(lambda: nn.Sequential(Forgetful(8))))
    assert "'0.inv_freq' (buffer, (4,) float32) has no values: Forgetful: it does not keep argument 'base'" in said
    assert "give build=, a function that constructs the model" in said


def test_the_nearest_module_around_it_that_keeps_its_arguments_is_constructed_again() -> None:
    model = assert_equal_to_eager(lambda: nn.Sequential(nn.Linear(2, 2), Around(77.0)))
    assert torch.equal(model[1].rotary.inv_freq, Around(77.0).rotary.get_buffer("inv_freq"))


def test_an_argument_whose_attribute_is_something_else_is_found_out() -> None:
    said = _told(on_meta(lambda: nn.Sequential(Changed(8, 10.0))))
    assert "Changed, constructed again from its attributes, differs: attribute 'base' became 40.0" in said


def test_a_class_that_writes_into_the_buffer_of_its_part_is_not_overlooked() -> None:
    said = _told(on_meta(lambda: nn.Sequential(Rescaled(8.0))))
    assert "Rescaled writes into 'inv_freq' after its module was built" in said
    assert_equal_to_eager(lambda: nn.Sequential(Rescaled(8.0)), [], build=lambda: nn.Sequential(Rescaled(8.0)))


def test_random_buffers_are_named_and_with_build_drawn_from_the_seed_of_the_plan() -> None:
    assert "'noise' (buffer, (5,) float32) has no values: its constructor draws it at random" in _told(on_meta(Noise))
    found: list[torch.Tensor] = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(found))
        model = on_meta(Noise)
        iw.materialize(model, iw.plan(model, [], seed=seed), build=Noise)
        found.append(model.noise)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_buffer_that_no_constructor_writes_is_named() -> None:
    for build in (None, Unwritten):
        assert "its constructor never writes it (torch.empty)" in _told(on_meta(Unwritten), build=build)


def test_values_that_depend_on_the_default_dtype_are_named_and_build_knows_it() -> None:
    model = on_meta(InTheDefaultDtype).bfloat16()
    model.steps = model.steps.float()
    assert "depend on the default dtype that the model was built under" in _told(model)

    def build() -> nn.Module:
        made = InTheDefaultDtype().bfloat16()
        made.steps = torch.linspace(0, 1, 7)
        return made

    iw.materialize(model, iw.plan(model, ZEROS), build=build)
    assert torch.equal(model.steps, torch.linspace(0, 1, 7))


def test_a_buffer_that_is_computed_from_a_large_parameter_is_computed_by_build_alone() -> None:
    large = 100_000
    assert "'halves'" in _told(on_meta(lambda: Halved(large)))
    model = on_meta(lambda: Halved(large))
    iw.materialize(model, iw.plan(model, ZEROS), build=lambda: Halved(large))
    assert torch.equal(model.halves, torch.ones(large))
    assert_equal_to_eager(lambda: Halved(3), ZEROS)


def test_a_kept_parameter_is_what_its_constructor_computes() -> None:
    model = assert_equal_to_eager(lambda: Table(6), ["torch-default"])
    assert torch.equal(model.table, torch.arange(6).cos())
    assert not model.table.requires_grad


def test_a_kept_parameter_that_is_drawn_is_named() -> None:
    model = on_meta(lambda: nn.Linear(3, 3))
    plan = iw.plan(model, [iw.rule("weight", iw.Keep()), iw.rule("bias", iw.Zeros())])
    with pytest.raises(ApplyError, match=r"'weight' \(kept by the plan, .*draws it at random"):
        iw.materialize(model, plan, build=lambda: nn.Linear(3, 3))
    with pytest.raises(ApplyError, match=r"'weight' \(kept by the plan, .*it does not keep argument 'bias'"):
        iw.materialize(model, plan)


def test_all_that_cannot_be_computed_is_told_together() -> None:
    said = _told(on_meta(lambda: nn.Sequential(Forgetful(8), Noise(), Unwritten())))
    assert said.startswith("materialize: 3 problems\n")


def test_a_build_of_another_model_is_told() -> None:
    model = on_meta(lambda: nn.Sequential(Forgetful(8), Rotary(8)))
    said = _told(model, build=lambda: nn.Sequential(Forgetful(16), Rotary(8, 7.0)))
    assert "'0', constructed again, differs: buffer 'inv_freq' became (8,) instead of (4,)" in said
    assert "'1', constructed again, differs: attribute 'base' became 7.0" in said


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: 1 / 0, r"build failed: ZeroDivisionError: division by zero"),
        (lambda: 3, r"build failed: TypeError: it returned a int, not a module"),
        (lambda: nn.Linear(2, 2), r"build made another model: constructed again it has no '0'"),
    ],
    ids=["fails", "no module", "another"],
)
def test_a_build_that_does_not_construct_the_model_is_told(build: Any, said: str) -> None:
    model = on_meta(lambda: nn.Sequential(Forgetful(8)))
    with pytest.raises(ApplyError, match=said.replace("build made another model: ", "")):
        iw.materialize(model, iw.plan(model, []), build=build)
