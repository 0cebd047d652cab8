"""Which activations of models of different sizes are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from initwise.errors import ArgumentError


class Names:
    """Names of modules that models of different depth have in common: of a stack that grows, its first and last block.

    A stack is a module with numbered children; its first block is number 0, its last one number -1. A stack as long in
    every model keeps its numbers.
    """

    def __init__(self, modules: Mapping[int, AbstractSet[str]]) -> None:
        self._counts = {size: _counts(names) for size, names in modules.items()}
        counts = list(self._counts.values())
        shared = set.intersection(*map(set, counts))  # what is numbered within a block that others lack is no stack
        self.stacks = {stack for stack in shared if len({each[stack] for each in counts}) > 1}

    def common(self, size: int, name: str) -> tuple[str, ...]:
        """Return what a module of the model of this size is called in all of them; nothing for a block between."""
        found: tuple[str, ...] = ("",)
        before = ""
        for part in name.split("."):
            written: tuple[str, ...] = (part,)
            if part.isdigit() and before in self.stacks:
                last = self._counts[size][before] - 1
                written = tuple(["0"] * (int(part) == 0) + ["-1"] * (int(part) == last))
            found = tuple(f"{one}.{two}" if one else two for one in found for two in written)
            before = f"{before}.{part}" if before else part
        return found


def _counts(names: AbstractSet[str]) -> dict[str, int]:
    """Return for each module with numbered children the number after the last of them."""
    found: defaultdict[str, int] = defaultdict(int)
    for name in names:
        parts = name.split(".")
        for place, part in enumerate(parts):
            if part.isdigit():
                stack = ".".join(parts[:place])
                found[stack] = max(found[stack], int(part) + 1)
    return dict(found)


def compared(along: str, modules: Mapping[int, AbstractSet[str]]) -> Names | None:
    """Return the common names of models of different depth; None along width, where names are the same.

    Raises:
        ArgumentError: models have modules that others lack; or nothing grows with the depth.
    """
    names = Names(modules) if along == "depth" else None
    if names is not None and not names.stacks and len(modules) > 1:
        raise ArgumentError(
            f"coordinate_check: the models of depths {', '.join(map(str, modules))} hold the same modules; give models"
            " in which a list of modules (nn.ModuleList, nn.Sequential) grows with the depth, or along='width'"
        )
    sets = {size: _renamed(names, size, held) for size, held in modules.items()}
    first = next(iter(sets))
    for size, held in sets.items():
        missing, more = sorted(sets[first] - held), sorted(held - sets[first])
        if missing or more:
            parts = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(more)} beside"] * bool(more)
            advice = "build one architecture at every width" if along == "width" else "build blocks of one kind"
            raise ArgumentError(
                f"coordinate_check: the model of {along} {size} {' and '.join(parts)}, against that of {along} {first};"
                f" {advice}{', or give along=' + repr('depth') if along == 'width' else ''}"
            )
    return names


def _renamed(names: Names | None, size: int, held: AbstractSet[str]) -> set[str]:
    return set(held) if names is None else {each for name in held for each in names.common(size, name)}


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more modules" if len(names) > 3 else shown
