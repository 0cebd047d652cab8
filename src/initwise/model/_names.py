"""Canonical names: what a parameter is called once wrappers and parametrizations are looked through."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

_FABRIC = "_original_module"  # Lightning Fabric's wrapper has a model twice: as it was, and as it is run
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module", _FABRIC})


def canonical_name(path: str, *, parallel: bool = False) -> str:
    """Return `path` without the segments that wrappers add.

    Args:
        path: a dotted name as in `named_parameters()` or `named_modules()`.
        parallel: the root is a `DataParallel` or `DistributedDataParallel`, whose leading `module` is dropped too.

    >>> canonical_name("_orig_mod.layers.0.weight")
    'layers.0.weight'
    >>> canonical_name("module.fc.weight", parallel=True), canonical_name("module.fc.weight")
    ('fc.weight', 'module.fc.weight')
    """
    given = path.split(".")
    segments = [segment for segment in given if segment not in WRAPPERS]
    if parallel and segments[:1] == ["module"] and _FABRIC not in given:
        segments = segments[1:]
    return ".".join(segments)


def is_parallel(model: nn.Module) -> bool:
    """Tell whether `model`, below wrappers such as `torch.compile`'s, is a data-parallel wrapper."""
    module: nn.Module | None = model
    while module is not None:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            return True
        module = next((child for name, child in module._modules.items() if name in WRAPPERS), None)
    return False


def walk(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Return every module under each of its paths, in `named_modules()` order; never one within itself."""
    return _walk("", model, frozenset())


def _walk(path: str, module: nn.Module, above: frozenset[int]) -> Iterator[tuple[str, nn.Module]]:
    yield path, module
    for name, child in module._modules.items():
        if child is not None and id(child) not in above and child is not module:
            yield from _walk(join(path, name), child, above | {id(module)})


def join(prefix: str, name: str) -> str:
    """Return `prefix.name`, or `name` at the root."""
    return f"{prefix}.{name}" if prefix else name
