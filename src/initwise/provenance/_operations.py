"""What a torch operation does to memory, read once from its schema: which arguments it writes, what it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Operations whose result is memory that nobody wrote.
_EMPTY = frozenset("empty empty_like empty_strided empty_permuted empty_quantized new_empty new_empty_strided".split())
# In-place operations whose result does not depend on what was there before.
_REPLACING = frozenset(
    "copy_ fill_ zero_ normal_ uniform_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_ _foreach_copy_"
    " _foreach_zero_".split()
)
# Operations that make another tensor of the same values; a conversion is one of them.
COPIES = frozenset("clone _to_copy copy_ lift_fresh_copy _foreach_copy_ alias_copy".split())
# New memory with the same value everywhere: where code goes on to fill it, it was no more than a placeholder.
CONSTANTS = frozenset(
    "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor".split()
)
_NOT_TOLD = frozenset("dtype layout device pin_memory memory_format requires_grad generator non_blocking".split())


@dataclass(frozen=True, slots=True)
class Operation:
    """One overload of a torch operation.

    Attributes:
        name: as in torch, such as "normal_".
        writes: the arguments that it writes: positions, or names of those that are keywords only.
        view: it makes no memory and writes none.
        empty: its result is memory that nobody wrote.
        ours: it is one of initwise's own.
        replaces: what it writes does not depend on what was there.
        shape_only: of its tensors only the shape counts (`zeros_like`).
        arguments: the names of its positional arguments.
        defaults: what its arguments are where a call leaves them out; told of what fills memory only.
    """

    name: str
    writes: tuple[int | str, ...]
    view: bool
    empty: bool
    ours: bool
    replaces: bool
    shape_only: bool
    arguments: tuple[str, ...]
    defaults: Mapping[str, Any]

    def written(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
        """Yield the tensors that a call writes."""
        for place in self.writes:
            if isinstance(place, str):
                yield from tensors(kwargs.get(place))
            elif place < len(args):
                yield from tensors(args[place])
            else:
                yield from tensors(kwargs.get(self.arguments[place]))

    def words(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plain arguments of a call by name: numbers and words, no tensors, sizes or devices."""
        named = {**self.defaults, **dict(zip(self.arguments, args, strict=False)), **kwargs}
        if self.name == "lift_fresh":
            named = {"value": args[0]}
        told = {name: _number(value) for name, value in named.items() if name not in _NOT_TOLD}
        return {name: value for name, value in told.items() if isinstance(value, (bool, int, float, str))}


def operation(func: Any) -> Operation:
    """Read the schema of an overload."""
    schema = func._schema
    name = schema.name.rpartition("::")[2]
    ours = func.namespace == "initwise"
    retitled = torch.Tag.inplace_view in func.tags or name in {"requires_grad_", "detach_"}
    aliases = all(each.alias_info is not None for each in schema.returns)
    writes: list[int | str] = []
    for place, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write and not retitled:
            writes.append(argument.name if argument.kwarg_only else place)
    return Operation(
        name=name,
        writes=tuple(writes),
        view=aliases and not writes and name not in {"lift_fresh", "resize_"},
        empty=name in _EMPTY,
        replaces=name in _REPLACING or any(isinstance(place, str) for place in writes) or ours,
        ours=ours,
        shape_only=name.endswith("_like") or name.startswith("new_"),
        arguments=tuple(argument.name for argument in schema.arguments if not argument.kwarg_only),
        defaults={each.name: each.default_value for each in schema.arguments if name in _REPLACING},
    )


def tensors(value: Any) -> list[Tensor]:
    """Return the tensors in an argument or a result: itself, or those in a list or tuple."""
    if isinstance(value, Tensor):
        return [value]
    if not isinstance(value, (list, tuple)):
        return []
    found = [each for each in value if isinstance(each, Tensor)]
    for each in value:
        if isinstance(each, (list, tuple)):
            found += tensors(each)
    return found


def _number(value: Any) -> Any:
    """Return the number that a scalar tensor on the CPU stands for, as in `weight[0] = 1`; else the value itself."""
    plain = type(value) is Tensor and value.dim() == 0 and value.device.type == "cpu" and not value.requires_grad
    return value.item() if plain else value
