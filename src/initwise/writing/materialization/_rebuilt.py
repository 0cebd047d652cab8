"""Modules that were constructed again, each once for each dtype and seed that they may depend on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch import nn

from initwise.writing.materialization._alike import difference
from initwise.writing.materialization._arguments import arguments, unsharded
from initwise.writing.materialization._construction import Constructed, construct

_SEEDS = (0x1A17_0BAD_5EED_0001, 0x2B28_0BAD_5EED_0002)  # none that a constructor would choose for itself


class Unknown(Exception):  # noqa: N818 - it says that a way leads nowhere, and is no error
    """A way does not lead to the values; the message says why."""


class Rebuilt:
    """Constructs modules again, and remembers what came of it.

    `kept` are shapes of parameters that get their memory and values, `buffers` those of what may be large and be made
    with `torch.empty`; with `sized` False the shapes of parameters may differ.
    """

    def __init__(
        self,
        dtypes: Iterable[torch.dtype],
        *,
        kept: Collection[torch.Size],
        buffers: Collection[torch.Size],
        sized: bool,
    ) -> None:
        self.dtypes = list(dtypes)
        self.kept = kept
        self.buffers = buffers
        self.sized = sized
        self._known: dict[Any, list[Constructed] | str] = {}

    def built(self, build: Callable[[], Any], seed: int) -> list[Constructed]:
        """Return what the user's function makes, from two seeds if it may depend on one."""
        found = self._all("build", build, [None], (seed ^ _SEEDS[0], seed ^ _SEEDS[1]))
        if isinstance(found, str):
            raise Unknown(f"build failed: {found}")
        return found

    def again(self, module: nn.Module) -> list[Constructed]:
        """Construct a module from the arguments that it keeps; what is made must look like it."""
        said = arguments(module)
        if isinstance(said, str):
            raise Unknown(f"{type(module).__name__}: {said}")
        kind = unsharded(type(module))

        def make() -> nn.Module:
            given = arguments(module)
            assert not isinstance(given, str)  # noqa: S101 - it was asked above
            return kind(**given)

        found = self._all(id(module), make, self.dtypes, _SEEDS)
        if isinstance(found, str):
            raise Unknown(f"constructing it again failed: {found}")
        for each in found:
            said = difference(module, each.module, shapes=self.sized)
            if said:
                raise Unknown(f"{kind.__name__}, constructed again from its attributes, differs: {said}")
        return found

    def _all(
        self, key: Any, make: Callable[[], Any], dtypes: Iterable[torch.dtype | None], seeds: tuple[int, int]
    ) -> list[Constructed] | str:
        """Return what was constructed, or why that failed."""
        found = self._known.get(key)
        if found is None:
            try:
                found = [each for dtype in dtypes for each in self._twice(make, dtype, seeds, whole=key == "build")]
            except Exception as error:  # noqa: BLE001 - a constructor may want anything
                found = f"{type(error).__name__}: {error}"
            self._known[key] = found
        return found

    def _twice(
        self, make: Callable[[], Any], dtype: torch.dtype | None, seeds: tuple[int, int], *, whole: bool
    ) -> list[Constructed]:
        found: list[Constructed] = []
        for mark, seed in enumerate(seeds):
            found.append(
                construct(make, seed=seed, mark=mark, dtype=dtype, kept=self.kept, shapes=self.buffers, whole=whole)
            )
            if not found[0].varies:
                break
        return found
