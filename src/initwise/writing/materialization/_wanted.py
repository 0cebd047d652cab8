"""What is on the meta device and has values that no plan decides: buffers, plain attributes, parameters to keep."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise.initializers import Keep
from initwise.model import Reading, canonical_name, is_parallel, walk
from initwise.planning import Plan
from initwise.shards import is_sharded


@dataclass(frozen=True, eq=False)
class Site:
    """A place where a tensor stands: below the modules of `chain`, from the root to its owner, under `keys`."""

    path: str
    chain: tuple[tuple[str, nn.Module], ...] = field(repr=False)  # (canonical path, module)
    kind: str  # "buffer", "attribute", "parameter"
    keys: tuple[Any, ...]

    @property
    def owner(self) -> nn.Module:
        """The module that has it."""
        return self.chain[-1][1]

    @property
    def attribute(self) -> str:
        """The name of the attribute of the owner."""
        return str(self.keys[0])

    def within(self, module: nn.Module) -> Tensor | None:
        """Return the tensor that stands at the same place in another module of the owner's kind, or None."""
        found: Any = _attribute(module, self.attribute)
        for key in self.keys[1:]:
            try:
                found = getattr(found, key) if isinstance(key, Field) else found[key]
            except (AttributeError, LookupError, TypeError):
                return None
        return found if isinstance(found, Tensor) else None


@dataclass(frozen=True, eq=False)
class Wanted:
    """A tensor on meta whose values must be computed, and every place where it stands."""

    tensor: Tensor = field(repr=False)
    sites: tuple[Site, ...]

    @property
    def name(self) -> str:
        """The path of its first place."""
        return self.sites[0].path


def find_wanted(model: nn.Module, reading: Reading, plan: Plan) -> list[Wanted]:
    """Return what the plan leaves open: buffers and attributes on meta, and the parameters that it keeps.

    What a parametrization computes, or what `apply` solves for with it, is not among them; nor are views of parameters
    that it writes.
    """
    solved = _solved_with_the_plan(reading, plan)
    kept = _kept(reading, plan)
    parameters = {id(tensor) for each in reading.parameters for tensor in each.tensors}
    written = _written_whole(reading, plan, kept)
    found: dict[int, tuple[Tensor, list[Site]]] = {}
    for site, tensor in _sites(model, kept):
        if not tensor.is_meta or (id(site.owner), site.attribute) in solved:
            continue
        if site.kind == "buffer" and _memory(tensor) in written:
            continue
        if site.kind == "attribute" and (id(tensor) in parameters or isinstance(tensor, nn.Parameter)):
            continue  # another reference to a parameter
        found.setdefault(id(tensor), (tensor, []))[1].append(site)
    return [Wanted(tensor, tuple(sites)) for tensor, sites in found.values()]


def _sites(model: nn.Module, kept: Mapping[int, str]) -> Iterator[tuple[Site, Tensor]]:
    parallel = is_parallel(model)
    paths = dict(walk(model))
    for path, module in paths.items():
        name = canonical_name(path, parallel=parallel)
        chain = tuple(_chain(path, paths, parallel=parallel))
        for attribute, parameter in module._parameters.items():
            if parameter is not None and id(parameter) in kept:
                yield Site(_join(name, attribute), chain, "parameter", (attribute,)), parameter
        for attribute, buffer in module._buffers.items():
            if buffer is not None:
                yield Site(_join(name, attribute), chain, "buffer", (attribute,)), buffer
        for attribute, value in vars(module).items():
            if attribute not in _OWN:
                for keys, tensor in _inside(value):
                    shown = attribute + "".join(f".{key}" if isinstance(key, Field) else f"[{key!r}]" for key in keys)
                    yield Site(_join(name, shown), chain, "attribute", (attribute, *keys)), tensor


_OWN = frozenset(vars(nn.Module()))


def _inside(value: Any, depth: int = 4) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    """Yield the tensors in an attribute, in containers of containers and data classes too, with what leads there."""
    if isinstance(value, Tensor):
        yield (), value
    elif depth:
        for key, each in _items(value):
            for keys, tensor in _inside(each, depth - 1):
                yield (key, *keys), tensor


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    if (dataclasses.is_dataclass(value) and not isinstance(value, type)) or isinstance(value, types.SimpleNamespace):
        return [(Field(name), each) for name, each in vars(value).items()] if hasattr(value, "__dict__") else []
    return []


class Field(str):
    """The name of an attribute on the way to a tensor, where other steps are keys of containers."""

    __slots__ = ()


def _written_whole(reading: Reading, plan: Plan, kept: Mapping[int, str]) -> set[int]:
    """Return the memory on meta of which every element is one of a parameter that the plan writes."""
    found = set()
    for parameter in reading.parameters:
        tensor = parameter.tensor
        plain = tensor.is_meta and not is_sharded(tensor) and tensor.layout is torch.strided
        if plain and parameter.name in plan and id(tensor) not in kept and not parameter.sources:
            memory = tensor.untyped_storage()
            if memory.nbytes() == tensor.numel() * tensor.element_size():
                found.add(memory._cdata)
    return found


def _memory(tensor: Tensor) -> int | None:
    if is_sharded(tensor) or tensor.layout is not torch.strided or type(tensor) not in {Tensor, nn.Buffer}:
        return None
    return int(tensor.untyped_storage()._cdata)


def _chain(path: str, paths: Mapping[str, nn.Module], *, parallel: bool) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules from the root down to `path`; of a wrapper and what it wraps the inner one."""
    found: dict[str, nn.Module] = {}
    prefix = ""
    for segment in ("", *(path.split(".") if path else ())):
        prefix = _join(prefix, segment) if segment else prefix
        found[canonical_name(prefix, parallel=parallel)] = paths[prefix]
    yield from found.items()


def _kept(reading: Reading, plan: Plan) -> dict[int, str]:
    return {
        id(reading[row.name].tensor): row.name
        for row in plan
        if row.name in reading and any(isinstance(part.initializer, Keep) for part in row.parts)
    }


def _solved_with_the_plan(reading: Reading, plan: Plan) -> set[tuple[int, str]]:
    """Return (module, attribute) of what `apply` writes beside parameters: weights by hooks, singular vectors."""
    found: set[tuple[int, str]] = set()
    for parameter in reading.parameters:
        if parameter.name not in plan:
            continue
        row = plan[parameter.name]
        if isinstance(row.initializer, Keep):
            continue
        for source in parameter.sources:
            found.add((id(source.module), source.attribute))
            found |= {(id(source.module), f"{source.attribute}{end}") for end in ("_u", "_v")}
            lists = source.module._modules.get("parametrizations")
            for module in lists.modules() if lists is not None else ():
                found |= {(id(module), name) for name in ("_u", "_v") if name in module._buffers}
    return found


def _attribute(module: nn.Module, name: str) -> Any:
    for values in (module._buffers, module._parameters, vars(module)):
        if name in values:
            return values[name]
    return None


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
