"""Which module is running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model import canonical_name, is_parallel


class Places:
    """The stack of running modules, by canonical name."""

    def __init__(self) -> None:
        self._stack: list[tuple[str, int]] = [("", 0)]
        self._modules: list[nn.Module] = []
        self._calls: Counter[str] = Counter()

    @property
    def now(self) -> tuple[str, int]:
        """The innermost running module, and how often it was called before."""
        return self._stack[-1]

    def parameter(self, tensor: Tensor) -> str | None:
        """Return the name under which the running module holds a tensor now, if it is one of its parameters.

        Where weights are sharded, modules hold gathered ones while they run.
        """
        if not self._modules:
            return None
        module, (name, _) = self._modules[-1], self.now
        held = {**vars(module), **vars(module).get("_parameters", {})}
        attribute = next((each for each, value in held.items() if value is tensor), None)
        return None if attribute is None else f"{name}.{attribute}" if name else attribute

    def enter(self, name: str, module: nn.Module) -> None:
        """A module begins."""
        self._modules.append(module)
        self._stack.append((name, self._calls[name]))
        self._calls[name] += 1

    def leave(self) -> None:
        """It ends."""
        if len(self._stack) > 1:
            self._stack.pop()
            self._modules.pop()


@contextmanager
def followed(model: nn.Module) -> Iterator[Places]:
    """Follow which module runs, by hooks that are removed afterwards."""
    places = Places()
    parallel = is_parallel(model)
    handles: list[Any] = []
    try:
        for path, module in model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                name = canonical_name(path, parallel=parallel)
                handles.append(
                    module.register_forward_pre_hook(
                        lambda module, _, name=name: places.enter(name, module), prepend=True
                    )
                )
                handles.append(module.register_forward_hook(lambda *_: places.leave()))
        yield places
    finally:
        for handle in handles:
            handle.remove()
