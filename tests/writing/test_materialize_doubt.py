"""What would be a wrong value that nobody sees: each is named instead, or right with `build=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ApplyError
from tests.writing.eager import assert_equal_to_eager, on_meta

ZEROS = iw.rule("*", iw.Zeros())


class Ones(nn.Module):
    """A buffer of ones."""

    ones: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ones", torch.ones(3))


def refused(make: Callable[[], nn.Module], said: str, **options: Any) -> None:
    """Materialize what was made on meta, which must be refused with these words and leave all on meta."""
    model = on_meta(make)
    rules: list[Any] = [ZEROS] if list(model.parameters()) else []
    with pytest.raises(ApplyError, match=said):
        iw.materialize(model, iw.plan(model, rules), **options)
    assert all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def test_a_buffer_that_was_written_after_its_constructor_is_named() -> None:
    def make() -> nn.Module:
        model = Ones()
        model.ones.mul_(3)
        return model

    refused(make, r"'ones' \(buffer, \(3,\) float32\) has no values: it was written into after its constructor")
    assert torch.equal(assert_equal_to_eager(make, [], build=make).ones, torch.full((3,), 3.0))


@pytest.mark.parametrize("name", ["running_var", "num_batches_tracked"])
def test_statistics_that_were_written_after_the_norms_constructor_are_named(name: str) -> None:
    def make() -> nn.Module:
        model = nn.BatchNorm1d(3)
        model.get_buffer(name).fill_(5)
        return model

    refused(make, f"'{name}' .* has no values: it was written into after its constructor")


def test_a_counter_that_a_forward_pass_on_meta_changed_is_the_one_that_build_gives() -> None:
    def make() -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        model(torch.ones(2, 3))
        return model

    refused(make, "'1.num_batches_tracked' .* it was written into after .*; give build=")
    model = on_meta(make)
    iw.materialize(model, iw.plan(model, ZEROS), build=lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    assert model[1].num_batches_tracked == 0


def test_a_checkpoint_that_was_loaded_into_meta_is_not_lost_unseen() -> None:
    def make() -> nn.Module:
        model = Ones()
        model.load_state_dict({"ones": torch.full((3,), 4.0, device="cpu")})
        return model

    with pytest.warns(UserWarning, match="is a no-op"):
        model = on_meta(make)
    with pytest.raises(ApplyError, match=r"'ones' .* it was written into after its constructor"):
        iw.materialize(model, iw.plan(model, []))


class Seeded(nn.Module):
    """Seeds torch's generator, from which its weight draws before its buffer does."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        torch.manual_seed(0)
        self.linear = nn.Linear(size, size)
        self.register_buffer("noise", torch.randn(3))


class OwnGenerator(nn.Module):
    """Draws its weight and its buffer from a generator of its own."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.empty(size, size, device="cpu"))
        nn.init.normal_(self.weight, generator=generator)
        self.register_buffer("noise", torch.randn(3, generator=generator, device="cpu"))


@pytest.mark.parametrize("kind", [Seeded, OwnGenerator])
def test_what_a_seeded_generator_gives_after_weights_is_named_and_with_build_it_is_right(kind: Any) -> None:
    with torch.random.fork_rng():
        eager = kind(300)
    model = kind(300).to("meta")
    plan = iw.plan(model, ZEROS)
    with pytest.raises(ApplyError, match=r"'noise' .* it seeds a random generator, from which its weights are drawn"):
        iw.materialize(model, plan)
    iw.materialize(model, plan, build=lambda: kind(300))
    assert torch.equal(model.noise, eager.noise)


def test_what_a_seeded_generator_gives_to_small_modules_is_right_by_itself() -> None:
    with torch.random.fork_rng():
        eager = Seeded(3)
        model = Seeded(3).to("meta")
    iw.materialize(model, iw.plan(model, ZEROS))
    assert torch.equal(model.get_buffer("noise"), eager.get_buffer("noise"))


def _holding(make: Callable[[], Tensor]) -> Callable[[], nn.Module]:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("held", make())

    return Holder


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.bfloat16]
)
def test_memory_that_no_constructor_wrote_is_named_whatever_its_dtype(dtype: torch.dtype) -> None:
    make = _holding(lambda: torch.empty(40, dtype=dtype))
    for build in (None, make):
        refused(make, r"'held' \(buffer, .* has no values: its constructor never writes it", build=build)


def test_memory_of_the_old_constructor_that_nobody_wrote_is_named() -> None:
    model = _holding(lambda: torch.Tensor(5))().to("meta")
    with pytest.raises(ApplyError, match=r"'held' .* its constructor never writes it"):
        iw.materialize(model, iw.plan(model, []))


def test_memory_of_which_a_part_was_never_written_is_named() -> None:
    def half() -> Tensor:
        made = torch.empty(6, dtype=torch.int64)
        made[:3] = 1
        return made

    refused(_holding(half), "'held' .* its constructor never writes it")


def test_integers_that_are_written_after_torch_empty_are_right() -> None:
    def made() -> Tensor:
        return torch.empty(70_000, dtype=torch.int64).copy_(torch.arange(70_000))

    assert_equal_to_eager(_holding(made), [])


def test_a_large_mask_that_is_made_with_torch_empty_is_right() -> None:
    make = _holding(lambda: torch.empty(4096, 4096, dtype=torch.int8).fill_(-1).triu_(1))
    assert_equal_to_eager(make, [])


class Summed(nn.Module):
    """Adds a large weight to a buffer, in an operation that torch does not refuse where the weight has no memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.ones(size))
        self.register_buffer("sums", torch.zeros(size, device="cpu").add_(self.weight.detach()))


def test_what_torch_computes_from_nothing_is_not_taken_for_a_value() -> None:
    model = Summed(70_000).to("meta")
    plan = iw.plan(model, ZEROS)
    with pytest.raises(
        ApplyError, match=r"'sums' .*ParameterNeededError: a tensor is computed from a parameter's values"
    ):
        iw.materialize(model, plan)
    iw.materialize(model, plan, build=lambda: Summed(70_000))
    assert torch.equal(model.get_buffer("sums"), torch.ones(70_000))


class FromALargeWeight(nn.Module):
    """Computes a buffer from a weight that is as large as what never gets memory otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4096, 4096, dtype=torch.bfloat16).fill_(3))
        self.register_buffer("corner", self.weight.detach()[:2, :2].clone())


def test_build_has_all_of_its_memory_where_it_needs_the_values_of_the_largest_weights() -> None:
    model = FromALargeWeight().to("meta")
    iw.materialize(model, iw.plan(model, ZEROS), build=FromALargeWeight)
    assert torch.equal(model.get_buffer("corner"), torch.full((2, 2), 3.0, dtype=torch.bfloat16))


class Rounding(nn.Module):
    """Keeps its base rounded, and computes its buffer from what it was."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = float(int(base))
        self.register_buffer("steps", torch.arange(3) * base)


def test_a_buffer_is_not_computed_from_an_argument_that_was_changed_before_it_was_kept() -> None:
    refused(lambda: Rounding(2.5), "'steps' .*Rounding: its constructor keeps another 'base' than it was given")


class ByNameOfTimm(Ones):
    """Has a method of the name that timm's have, which does not do all that its constructor does."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self._init_buffers()
        self.ones = self.ones * scale

    def _init_buffers(self) -> None:
        self.ones.fill_(1)


class LoudNorm(nn.BatchNorm1d):
    """Starts with other statistics than torch's, by the method that torch has for it."""

    def __init__(self, size: int, momentum: float) -> None:
        super().__init__(size, momentum=momentum)

    def reset_running_stats(self) -> None:
        super().reset_running_stats()
        if self.running_var is not None:
            self.running_var.fill_(9)


def test_methods_of_users_are_not_taken_for_those_of_libraries() -> None:
    refused(lambda: ByNameOfTimm(4.0), "it does not keep argument 'scale' of its constructor")
    refused(lambda: LoudNorm(3, 0.2), "'running_var' .*LoudNorm: it does not keep argument 'size'")


class SetsByName(nn.Module):
    """Replaces the buffer of its part in a way that names it in a string."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.part = Ones()
        if way == "register_buffer":
            self.part.register_buffer("ones", torch.zeros(3))
        else:
            setattr(self.part, way, torch.zeros(3))


class SetsAnything(nn.Module):
    """Sets attributes whose names its source does not say."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.part = Ones()
        for name in names:
            setattr(self.part, name, torch.zeros(3))


def test_classes_that_replace_buffers_of_their_parts_by_name_are_not_overlooked() -> None:
    refused(lambda: SetsByName("register_buffer"), "writes into 'ones' after its module was built")
    refused(lambda: SetsAnything("ones"), "SetsAnything may write into 'ones' .* its source does not say")
