"""What cannot be looked into: compiled modules, replicas, shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

from initwise.model import canonical_name, is_parallel


def is_compiled(module: nn.Module) -> bool:
    """Tell whether `torch.compile` runs this module: hooks that come later are passed over without a word."""
    return "_orig_mod" in vars(module).get("_modules", {}) or vars(module).get("_compiled_call_impl") is not None


def visible(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Return the modules whose calls Python sees, by canonical name: all outside of compiled ones."""
    parallel = is_parallel(model)
    hidden: set[str] = set()
    seen: set[int] = set()
    for path, module in model.named_modules():
        if any(path.startswith(f"{above}.") or above == "" for above in hidden):
            continue
        if is_compiled(module):
            hidden.add(path)
            if vars(module).get("_compiled_call_impl") is not None:
                continue
        if id(module) not in seen and not _is_scripted(module):
            seen.add(id(module))
            yield canonical_name(path, parallel=parallel), module


def notes(model: nn.Module) -> Iterator[str]:
    """Say what a monitor of this model does not see."""
    compiled = [path for path, module in model.named_modules() if is_compiled(module)]
    if compiled:
        where = "the model is" if "" in compiled else f"{some(compiled)} {'is' if len(compiled) == 1 else 'are'}"
        yield (
            f"{where} compiled: what happens inside is not seen, nor are functional activations; gradients, updates and"
            " distances of parameters are. To see all, monitor a run without torch.compile"
        )
    if any(isinstance(module, nn.DataParallel) for module in model.modules()):
        yield "DataParallel runs replicas in threads: rows of layers mix them; use DistributedDataParallel"
    kinds = {type(module).__name__ for module in model.modules()}
    if kinds & {"FSDPModule", "FullyShardedDataParallel"} or any(each.startswith("FSDP") for each in kinds):
        yield "the model is sharded: of parameters, the numbers are those of this process's shards"


def some(names: Iterable[str]) -> str:
    """Return the first three names, and how many more there are."""
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if listed[3:] else "")


def _is_scripted(module: nn.Module) -> bool:
    return any(kind.__name__ == "ScriptModule" for kind in type(module).__mro__)
