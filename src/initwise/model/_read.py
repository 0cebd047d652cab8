"""`read`: one pass over a model that says what parameters it has and what owns them; nothing is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from initwise.errors import PlanError
from initwise.model._layers import usages
from initwise.model._names import canonical_name, is_parallel, join, walk
from initwise.model._parameters import Owner, Parameter, Reading
from initwise.model._sources import hooked_by
from initwise.model._usage import Usage


class _Site(NamedTuple):
    """One registration of a tensor: `path` as the model calls it, `name` and `owner` as we do."""

    path: str
    name: str
    tensor: Tensor
    owner: Owner
    parametrized: bool


def read(model: nn.Module) -> Reading:
    """Return the parameters and modules of `model`, under canonical names.

    Parameters registered in several places (ties) are found by identity or by shared memory and appear once, under
    the first name in `named_parameters()` order. Works on any device, meta included; runs no forward pass.

    Raises:
        PlanError: two parameters have one canonical name, or a lazy module was never run.

    >>> [parameter.name for parameter in read(nn.Linear(2, 3)).parameters]
    ['weight', 'bias']
    """
    reading, problems = survey(model)
    if problems:
        raise PlanError("read", problems)
    return reading


def survey(model: nn.Module) -> tuple[Reading, list[str]]:
    """Read `model` as far as possible: the reading, and a sentence for each parameter that could not be read."""
    paths = dict(walk(model))
    parallel = is_parallel(model)
    modules = {canonical_name(path, parallel=parallel): module for path, module in paths.items()}
    sites, problems = _split_lazy(_sites(paths, parallel))
    named, collisions = _by_name(sites)
    return Reading(model, tuple(_parameters(named)), modules), problems + collisions


def _sites(paths: dict[str, nn.Module], parallel: bool) -> Iterator[_Site]:
    for prefix, module in paths.items():
        for attribute, tensor in module._parameters.items():
            if tensor is None:
                continue
            path = join(prefix, attribute)
            inside = _parametrized_by(prefix, module, attribute)
            owner_path, shown = inside or (prefix, attribute)
            owner_name = canonical_name(owner_path, parallel=parallel)
            owner = Owner(paths[owner_path], owner_name, shown)
            parametrized = inside is not None and f"{shown}_mask" not in module._buffers  # a pruned one is itself
            yield _Site(path, join(owner_name, shown), tensor, owner, parametrized)


def _parametrized_by(prefix: str, module: nn.Module, attribute: str) -> tuple[str, str] | None:
    """Return the path of the module and the attribute that this tensor is an original of, if it is one."""
    if isinstance(module, ParametrizationList):
        owner, _, name = prefix.rpartition(".")
        number = attribute.removeprefix("original")
        if number != attribute and (number == "" or number.isdigit()):
            return owner.removesuffix("parametrizations").removesuffix("."), name
        return None
    shown = hooked_by(module, attribute)
    return None if shown is None else (prefix, shown)


def _split_lazy(sites: Iterable[_Site]) -> tuple[list[_Site], list[str]]:
    ready, problems = [], []
    for site in sites:
        if is_lazy(site.tensor):
            problems.append(
                f"{site.name!r} is not initialized: {type(site.owner.module).__name__} takes its shape from the first "
                "input; run one forward pass first"
            )
        else:
            ready.append(site)
    return ready, problems


def _by_name(sites: Iterable[_Site]) -> tuple[dict[str, list[_Site]], list[str]]:
    named: defaultdict[str, list[_Site]] = defaultdict(list)
    for site in sites:
        named[site.name].append(site)
    problems = [
        f"{' and '.join(repr(site.path) for site in same)} have one canonical name, {name!r}; rename one of the modules"
        for name, same in named.items()
        if len({(id(site.owner.module), site.owner.attribute) for site in same}) > 1
        and len({_identity(site.tensor) for site in same}) > 1
    ]
    return named, problems


def _parameters(named: dict[str, list[_Site]]) -> Iterator[Parameter]:
    tied: defaultdict[object, list[list[_Site]]] = defaultdict(list)
    for same in named.values():
        tied[_identity(_largest(same).tensor)].append(same)
    known: dict[int, dict[str, Usage]] = {}
    for groups in tied.values():
        main = _largest(groups[0])
        yield Parameter(
            name=main.name,
            path=main.path,
            aliases=tuple(group[0].name for group in groups[1:]),
            tensor=main.tensor,
            owners=tuple(group[0].owner for group in groups),
            usage=next((usage for group in groups if (usage := _usage(group[0].owner, known))), None),
            parametrized=any(site.parametrized for group in groups for site in group),
            originals=tuple(site.path for group in groups for site in group if site.parametrized),
        )


def _largest(sites: list[_Site]) -> _Site:
    ordered = sites[::-1] if sites[0].parametrized else sites  # a direction comes after its magnitude
    return max(ordered, key=lambda site: site.tensor.numel())


def _usage(owner: Owner, known: dict[int, dict[str, Usage]]) -> Usage | None:
    found = known.get(id(owner.module))
    if found is None:
        found = known[id(owner.module)] = usages(owner.module)
    if owner.attribute not in found and owner.attribute.endswith(
        "_orig"
    ):  # pruning, spectral norm: a hook makes the rest
        return found.get(owner.attribute.removesuffix("_orig"))
    return found.get(owner.attribute)


def _identity(tensor: Tensor) -> object:
    """Return the same value for tensors that are the same memory seen in the same way, on the meta device too."""
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.numel() == 0 or tensor.layout != torch.strided:
        return id(tensor)
    storage = tensor.untyped_storage()
    memory = storage.data_ptr() or storage._cdata
    return memory, tensor.device, tensor.dtype, tensor.storage_offset(), tensor.shape, tensor.stride()
