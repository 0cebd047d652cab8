"""What reading a model gives: its parameters, each once, and its modules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from initwise.axes import Axes, Blocks
from initwise.model._parametrized import Form, Solution, Source, Start, Way
from initwise.model._sources import source_of
from initwise.model._usage import Role, Usage
from initwise.model.roles import Roles


class Owner(NamedTuple):
    """A place where a parameter is registered: the module, its canonical name, and the attribute there."""

    module: nn.Module
    module_name: str
    attribute: str


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter of a model, however many names it has.

    Attributes:
        name: the canonical name, under which its random numbers are drawn.
        path: the name in `named_parameters()` of the model that was read.
        aliases: the canonical names of its ties, without `name`.
        tensor: the parameter itself; for a parametrized one the largest of the tensors behind it (`values()` is the
            weight that they make).
        owners: every place where it is registered; the first gives `module`, `module_name` and `attribute`.
        usage: how the first owner uses it, or None where its type does not say.
        parametrized: it is computed from other tensors (weight norm, spectral norm and their kind).
        originals: the paths of those tensors; empty for an ordinary parameter.
    """

    name: str
    path: str
    aliases: tuple[str, ...]
    tensor: Tensor = field(repr=False)
    owners: tuple[Owner, ...] = field(repr=False)
    usage: Usage | None = None
    parametrized: bool = False
    originals: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical name and all aliases."""
        return (self.name, *self.aliases)

    @property
    def module(self) -> nn.Module:
        """The module that owns the parameter (the first of a tied one)."""
        return self.owners[0].module

    @property
    def kind(self) -> str:
        """The name of the owner's class; for private classes of PyTorch that of the public one they derive from."""
        for kind in type(self.module).__mro__:
            if not kind.__module__.startswith("torch.") or getattr(nn, kind.__name__, None) is kind:
                return kind.__name__
        return type(self.module).__name__

    @property
    def module_name(self) -> str:
        """The canonical name of the owning module; empty for the root."""
        return self.owners[0].module_name

    @property
    def attribute(self) -> str:
        """The attribute of the owning module, such as "weight"."""
        return self.owners[0].attribute

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor; of a parametrized parameter that of the weight that is computed."""
        return self.form.shape if self.parametrized else tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the tensor; of a parametrized parameter that of the weight that is computed."""
        return self.form.dtype if self.parametrized else self.tensor.dtype

    @property
    def device(self) -> torch.device:
        """The device of the tensor."""
        return self.tensor.device

    @property
    def requires_grad(self) -> bool:
        """Whether the parameter is trained; False means frozen."""
        return self.tensor.requires_grad

    def dim(self) -> int:
        """Return the number of axes, as a tensor does."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What its owners compute it from, each once; empty for an ordinary parameter."""
        unique = {(id(owner.module), owner.attribute): owner for owner in self.owners}
        found = (source_of(owner.module, owner.attribute) for owner in unique.values())
        return tuple(source for source in found if source is not None)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that hold it: the parameter itself, or all originals of a parametrized one, each once."""
        if not self.parametrized:
            return (self.tensor,)
        found = (tensor for source in self.sources for tensor in source.originals.values())
        return tuple({id(tensor): tensor for tensor in found}.values())

    @cached_property
    def form(self) -> Form:
        """Shape and dtype of the weight that a parametrization computes; those of the tensor where there is none."""
        plain = Form(tuple(self.tensor.shape), self.tensor.dtype)
        return self.sources[0].form if self.parametrized and self.sources else plain

    @property
    def way(self) -> Way | None:
        """How values get into a parametrized or pruned parameter; None for an ordinary one."""
        if not self.sources:
            return None
        ways = [source.way for source in self.sources]
        problem = self.form.problem or next((way.problem for way in ways if way.problem), "")
        places = len({(id(owner.module), owner.attribute) for owner in self.owners})
        if not problem and places > 1 and any(way.inverse for way in ways):
            problem = f"it is tied between {' and '.join(self.names)}, which compute it differently; untie them"
        return Way(ways[0].inverse, ways[0].words, problem)

    def values(self) -> Tensor:
        """Return the values that its law is about: of a weight that is written through a parametrization the one that
        the module computes, else the tensor. Nothing changes, buffers of the parametrization included.
        """
        way = self.way
        return self.sources[0].effective() if way is not None and way.inverse else self.tensor.detach()

    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Return the tensors that make a parametrized parameter `values`; nothing changes.

        Raises:
            ArgumentError: there are none.
        """
        found = [source.solve(values, start, seed) for source in self.sources]
        tensors = {id(old): (old, new) for solution in reversed(found) for old, new in solution.tensors}
        buffers = tuple(buffer for solution in found for buffer in solution.buffers)
        return Solution(tuple(tensors.values()), buffers, found[0].effective)

    @property
    def operation(self) -> str | None:
        """The operation that consumes the parameter, or None where the owner's type does not say."""
        return self.usage.operation if self.usage else None

    @property
    def role(self) -> Role | None:
        """What the parameter is there ("weight", "bias", ...), or None where the owner's type does not say."""
        return self.usage.role if self.usage else None

    @property
    def axes(self) -> Axes | None:
        """Which axes are contracted and which are kept, or None where that is unknown or meaningless."""
        return self.usage.axes if self.usage else None

    @property
    def blocks(self) -> Blocks | None:
        """The matrices packed into the parameter, or None."""
        return self.usage.blocks if self.usage else None

    @property
    def padding(self) -> int | None:
        """The row of an embedding that stays zero, or None."""
        return self.usage.padding if self.usage else None


@dataclass(frozen=True, eq=False)
class Reading:
    """A model as it was read: the parameters in `named_parameters()` order, the modules by canonical name.

    Modules are looked through: a wrapper and the module in it have one canonical name, which stands for the inner one.

    Attributes:
        roles: what a traced forward pass says, with its graph; None where none was traced.
        notes: what was traced, or why it could not be, and what was done instead of operations that meta cannot run.
    """

    model: nn.Module = field(repr=False)
    parameters: tuple[Parameter, ...]
    modules: Mapping[str, nn.Module] = field(repr=False)
    roles: Roles | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> Parameter:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Every parameter under its canonical name, its aliases, and its path."""
        found: dict[str, Parameter] = {}
        for parameter in self.parameters:
            for path in (parameter.path, *parameter.originals):
                found.setdefault(path, parameter)
        for (
            parameter
        ) in self.parameters:  # canonical names last: where a path of one is the name of another, the name wins
            found.update(dict.fromkeys(parameter.names, parameter))
        return found
