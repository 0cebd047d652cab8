"""What a model stores, and where the values of each tensor come from: a plan's row, the model, its constructors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from initwise.errors import InitwiseError, WriteError
from initwise.initializers import Keep, MeanOfRows
from initwise.model import Parameter, Reading, canonical_name, is_parallel, survey, walk
from initwise.planning import Plan, Row
from initwise.shards import is_sharded
from initwise.writing._apart import drawn_through
from initwise.writing._checks import problems
from initwise.writing._places import find_places
from initwise.writing.materialization import Ladder, Unknown, find_wanted

OPERATION = "write_weights"


class ValuesError(WriteError):
    """Values that no plan decides are needed, and the model on meta does not have them."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A tensor that is stored: drawn from a row, or with values that are known.

    Attributes:
        name: its key in the model's state dict.
        tensor: what the model has there; of it only shape, dtype and, for DTensors, placements count.
        buffer: it is no parameter.
        row, parameter: what the plan decided about it, and what it is in the model; None where values are known.
        values: what it holds, where no plan decides.
        seed: the plan's.
    """

    name: str
    tensor: Tensor = field(repr=False)
    shape: tuple[int, ...]
    dtype: torch.dtype
    buffer: bool
    row: Row | None = field(default=None, repr=False)
    parameter: Parameter | None = field(default=None, repr=False)
    values: Tensor | None = field(default=None, repr=False)
    seed: int = 0

    @property
    def nbytes(self) -> int:
        """Its size in a file."""
        return math.prod(self.shape) * self.dtype.itemsize

    @cached_property
    def by_elements(self) -> bool:
        """Any run of its elements can be drawn by itself; else the law is drawn at once, or the values are known."""
        return self.row is not None and all(part.draw is not None for part in self.row.parts)


@dataclass(frozen=True)
class Contents:
    """What a model stores.

    Attributes:
        entries: each tensor once, in the order of the state dict.
        aliases: of tied tensors every further name, and the one that is kept.
    """

    entries: tuple[Entry, ...]
    aliases: dict[str, str]


def find_contents(
    model: nn.Module, plan: Plan, build: Callable[[], nn.Module] | None = None, *, sharded: bool = False
) -> Contents:
    """Return what `model`, on meta or in memory, stores once `plan` is carried out; nothing large is allocated.

    With `sharded`, DTensors in memory are values too, of which each rank stores its own part.

    Raises:
        WriteError: plan and model do not fit, or the state holds what no file can; all problems together.
        ValuesError: values that no plan decides cannot be known from the model on meta.
    """
    reading, found = survey(model)
    if any(type(module).__name__ == "FullyShardedDataParallel" for _, module in walk(model)):
        found = [
            "FullyShardedDataParallel gathers a model to tell its state; write it before it is wrapped, or use "
            "fully_shard"
        ]
    if not found:
        places, contradictions = find_places(reading, None)
        parameters = {parameter.name: parameter for parameter in reading.parameters}
        found = problems(plan, parameters, places, contradictions, meta=True)
    if found:
        raise WriteError(OPERATION, found)
    return _Finder(reading, plan, build, sharded=sharded).contents()


class _Finder:
    """One search for all tensors of a state and their values."""

    def __init__(self, reading: Reading, plan: Plan, build: Callable[[], nn.Module] | None, *, sharded: bool) -> None:
        self.reading, self.plan, self.sharded = reading, plan, sharded
        self.found: list[str] = []
        self.unknown: list[str] = []
        self.told: set[int] = set()  # tensors of which `unknown` speaks under another name
        self.wanted = {id(each.tensor): each for each in find_wanted(reading.model, reading, plan)}
        self.ladder = Ladder(reading.model, list(self.wanted.values()), build=build, seed=plan.seed, shapes=True)
        self.solved = self._solved()

    def contents(self) -> Contents:
        entries: list[Entry] = []
        aliases: dict[str, str] = {}
        first: dict[object, str] = {}
        for name, tensor in self._state():
            identity = self._identity(name, tensor)
            if identity in first:
                aliases[name] = first[identity]
                continue
            first[identity] = name
            entry = self._entry(name, tensor)
            if entry is not None:
                entries.append(entry)
        if self.found:
            raise WriteError(OPERATION, [*self.found, *self.unknown])
        if self.unknown:
            raise ValuesError(OPERATION, self.unknown)
        return Contents(tuple(entries), aliases)

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        parallel = is_parallel(self.reading.model)
        for path, tensor in self.reading.model.state_dict(keep_vars=True).items():
            if isinstance(tensor, Tensor):
                # wrappers have no place in a file; a parametrized weight's originals keep their path
                yield canonical_name(path, parallel=parallel), tensor
            else:
                kind = type(tensor).__name__
                self.found.append(f"{path!r}: its state is a {kind}; files of weights hold tensors only")

    def _parameter(self, name: str, tensor: Tensor) -> Parameter | None:
        found = self.reading.by_name.get(name)
        return found if found is not None and isinstance(tensor, nn.Parameter) and not found.parametrized else None

    def _identity(self, name: str, tensor: Tensor) -> object:
        parameter = self._parameter(name, tensor)
        if parameter is not None:
            return parameter.name
        if tensor.is_meta or not tensor.numel() or is_sharded(tensor):
            return id(tensor)
        return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype

    def _entry(self, name: str, tensor: Tensor) -> Entry | None:
        shape = tuple(tensor.shape)
        parameter = self._parameter(name, tensor)
        buffer = not isinstance(tensor, nn.Parameter)
        if id(tensor) in self.told:
            return None
        if id(tensor) in self.solved:
            values = self.solved[id(tensor)]
            return Entry(name, tensor, tuple(values.shape), values.dtype, buffer, values=values)
        row = None if parameter is None else self.plan[parameter.name]
        if row is None or parameter is None or row.kept:
            known = self._known(name, tensor)
            return None if known is None else Entry(name, tensor, shape, tensor.dtype, buffer, values=known)
        old = any(isinstance(part.initializer, (Keep, MeanOfRows)) for part in row.parts)
        if old and (tensor.is_meta or is_sharded(tensor)):
            self.unknown.append(f"{name!r} keeps some of its rows, and they are not in memory here; load them first")
            return None
        return Entry(name, tensor, row.shape, row.dtype, buffer, row, parameter, seed=self.plan.seed)

    def _known(self, name: str, tensor: Tensor) -> Tensor | None:
        """Return values that no plan decides: those in memory, or what the constructors compute."""
        if is_sharded(tensor) and not tensor.is_meta and not self.sharded:
            self.found.append(f"{name!r} is a DTensor that the plan keeps; store it with torch.distributed.checkpoint")
            return None
        if not tensor.is_meta:
            return tensor.detach()
        if id(tensor) not in self.wanted:
            self.unknown.append(f"{name!r} is on meta, and nothing tells its values")
            return None
        try:
            return self.ladder.values(self.wanted[id(tensor)]).detach()
        except Unknown as reason:
            self.unknown.append(str(reason))
            return None

    def _solved(self) -> dict[int, Tensor]:
        """Return what parametrized weights are computed from, by the identity of the tensor that it replaces."""
        solved: dict[int, Tensor] = {}
        for parameter in self.reading.parameters:
            row = self.plan[parameter.name]
            if not parameter.sources or row.kept:
                continue
            if any(tensor.is_meta for tensor in parameter.tensors):
                self.told |= {id(tensor) for tensor in parameter.tensors}
                self.unknown.append(
                    f"{parameter.name!r} is computed by a parametrization, which needs memory; give a model on the CPU"
                )
                continue
            try:
                solution = drawn_through(parameter, row, self.plan.seed)
            except InitwiseError as error:
                self.found.append(f"{parameter.name!r}: {error}")
                continue
            solved |= {id(tensor): values for tensor, values in solution.tensors}
            solved |= {id(getattr(module, name)): values for module, name, values in solution.buffers}
        return solved
