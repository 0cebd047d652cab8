"""The end of a block: from memories and models to rows."""

from __future__ import annotations

import gc

from torch import nn
from torch.nn.parameter import is_lazy

from initwise.provenance._history import History, comes_from, heirs_of
from initwise.provenance._memory import Memory, extent
from initwise.provenance._models import Modules, Place, owners, places, prefixes, roots, tensors
from initwise.provenance._operations import CONSTANTS
from initwise.provenance._rows import Row, State, Write
from initwise.provenance._watch import Ledger
from initwise.writing import poisoned

_NO_MODEL = "no model with parameters was alive at the end of the block: keep it in a variable, or give record(model)"


def account(ledger: Ledger, modules: Modules, model: nn.Module | None) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Return the rows of all models, and notes on what they cannot say."""
    models = _models(ledger, modules) if model is None else [model]
    found = [place for root, prefix in zip(models, prefixes(models), strict=True) for place in places(root, prefix)]
    memories = {place.names[0]: memory for place in found if (memory := ledger.registry.find(place.tensor)) is not None}
    names = {id(memory): name for name, memory in reversed(memories.items())}
    history = History(names, heirs_of({name: each for name, each in memories.items() if names[id(each)] == name}))
    rows = tuple(_row(place, memories.get(place.names[0]), modules, history, names) for place in found)
    lost = [f"{name} could not be followed: {why}" for name, why in ledger.lost.items()]
    return rows, (*(() if rows else (_NO_MODEL,)), *lost)


def _models(ledger: Ledger, modules: Modules) -> list[nn.Module]:
    found = roots(modules.alive())
    if len(found) > 1:
        found.clear()  # else they are held here
        gc.collect()  # what was thrown away and refers to itself
        found = roots(modules.alive())
    before = [memory for memory in ledger.registry.alive() if _written_before(memory)]
    known = {id(ledger.registry.find(tensor)) for root in found for tensor in tensors(root)} if before else set()
    unknown = [memory for memory in before if id(memory) not in known]
    if unknown or not found:
        others = owners(unknown or ledger.registry.alive(), ledger.registry)
        inside = {id(module) for other in others for module in other.modules()}
        found = [root for root in found if id(root) not in inside] + others
    return found


def _written_before(memory: Memory) -> bool:
    """Tell whether memory from before the block was written, or was copied from such."""
    return memory.maker is None or any(event.source and event.source[0].maker is None for event in memory.events)


def _row(place: Place, memory: Memory | None, modules: Modules, history: History, names: dict[int, str]) -> Row:
    writes: list[Write] = []
    own: list[Write] = []
    if memory is not None:
        for earlier in modules.earlier(place):
            if id(earlier) not in names and not comes_from(memory, earlier):
                begin, end = 0, earlier.size
                writes += history.of(earlier, begin, end, place.tensor.element_size())
        own = list(history.of(memory, *extent(place.tensor), place.tensor.element_size()))
        writes += own
    state, unwritten = _state(place, memory, writes, own)
    replaced = _replaced(writes)
    if state == "never" and len(own) < len(writes):  # what was written is a parameter that it took the place of
        writes, replaced = own, (*replaced, *(write for write in writes if write not in own and write not in replaced))
    return Row(
        name=place.names[0],
        aliases=place.names[1:],
        kind=place.kind,
        shape=() if is_lazy(place.tensor) else tuple(place.tensor.shape),
        dtype=str(place.tensor.dtype).removeprefix("torch."),
        memory="" if memory is None or memory.maker is None else memory.maker.place,
        writes=tuple(writes),
        state=state,
        unwritten=unwritten,
        replaced=replaced,
    )


def _replaced(writes: list[Write]) -> tuple[Write, ...]:
    """Return the writes before the last full one; a constant that memory was made with is no work of anybody's."""
    last = max((index for index, write in enumerate(writes) if write.replaces), default=0)
    return tuple(write for write in writes[:last] if not (write.born and write.operation in CONSTANTS))


def _state(place: Place, memory: Memory | None, writes: list[Write], own: list[Write]) -> tuple[State, int]:
    """Return what is known of a tensor; `own` are the writes of its memory, not of one that it replaced."""
    tensor = place.tensor
    if is_lazy(tensor):
        return "lazy", 0
    if tensor.is_meta:
        return "meta", 0
    if memory is None or memory.settled:
        return ("written" if any(write.replaces for write in writes) else "given"), 0
    if tensor.numel() == 0:
        return "written", 0
    if not memory.poisoned:
        return ("written", 0) if own else ("never", tensor.numel())
    count = poisoned(tensor, exact=memory.exact)
    if count:
        return ("never" if count == tensor.numel() else "partly"), count
    return ("written" if writes else "unseen"), 0
