"""Watching the activations of one model, forward pass by forward pass."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from initwise.model import canonical_name, is_parallel
from initwise.model.graph._calls import storage_of
from initwise.selectors import Selector
from initwise.signals._moments import Sheet, plain, second_moment
from initwise.signals._places import Places, followed
from initwise.signals.coordinates._attention import AttentionMode
from initwise.signals.coordinates._forward import Factors
from initwise.signals.coordinates._row import Key, Statistic

Numbers = dict[tuple[Key, Statistic], float]


def labelled(structure: Any, label: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that a module returns, with its place: "" for a tensor alone, "[0]", ".logits".

    >>> [label for label, _ in labelled((torch.zeros(1), {"a": [torch.zeros(1)]}))]
    ['[0]', '[1].a[0]']
    """
    if isinstance(structure, Tensor):
        yield label, structure
    elif isinstance(structure, Mapping):
        for name, each in structure.items():
            yield from labelled(each, f"{label}.{name}")
    elif isinstance(structure, (tuple, list)):
        for place, each in enumerate(structure):
            yield from labelled(each, f"{label}[{place}]")
    elif dataclasses.is_dataclass(structure):
        for field in dataclasses.fields(structure):
            yield from labelled(getattr(structure, field.name, None), f"{label}.{field.name}")


class Watch:
    """Measures what the modules of one model return, and compares it with the first forward pass.

    Args:
        model: the modules in it that hold parameters, themselves or within, are watched.
        only: of these, which; None for all.
        with_updates: keep the first pass's activations, for E[(x_t - x_0)^2].
        factors: of attention logits.

    Attributes:
        modules: the canonical names of what is watched.
        outputs: the activations that are the model's outputs.
    """

    def __init__(self, model: nn.Module, only: Selector | None, *, with_updates: bool, factors: Factors) -> None:
        parallel = is_parallel(model)
        named = {canonical_name(path, parallel=parallel): module for path, module in model.named_modules()}
        held = {name: each for name, each in named.items() if any(True for _ in each.parameters())}
        self.modules = {name: each for name, each in held.items() if only is None or only.module(name, each)}
        self.outputs: set[Key] = set()
        self._model = model
        self._with_updates = with_updates
        self._factors = factors
        self._first: dict[Key, Tensor] = {}
        self._places = Places()
        self._pass: _Pass | None = None

    @contextmanager
    def following(self) -> Iterator[None]:
        """Watch one forward pass; `numbers` ends it, and the factors go on to hold, for checkpoints run again."""
        handles = [each.register_forward_hook(self._hook(name)) for name, each in self.modules.items()]
        if "" not in self.modules:
            handles.append(self._model.register_forward_hook(self._hook("")))
        self._pass = _Pass()
        try:
            with followed(self._model) as self._places, AttentionMode(self._running, self._factors, self._attention):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def numbers(self) -> Numbers:
        """Return what this forward pass showed."""
        done, self._pass = self._pass, None
        if done is None:
            return {}
        if self._with_updates and not self._first:
            self._first = done.kept
        return dict(zip(done.noted, done.sheet.read(), strict=True))

    def _running(self) -> str:
        return self._places.now[0]

    def _hook(self, name: str) -> Any:
        def made(module: nn.Module, _: Any, output: Any) -> None:
            for label, tensor in labelled(output):
                self._module(Key(*self._places.now, label), tensor, is_root=module is self._model)

        return made

    def _module(self, key: Key, tensor: Tensor, *, is_root: bool) -> None:
        """Note an output, unless it is what a module within has returned."""
        if self._pass is None or not tensor.is_floating_point() or tensor.dim() == 0 or tensor.numel() == 0:
            return
        values = (storage_of(tensor), tensor.numel(), tensor._version)  # noqa: SLF001 - torch has no public name for it
        known = self._pass.known.get(values)
        if known is None and key.module in self.modules:
            self._pass.known[values] = known = key
            self._pass.alive.append(tensor)
            self._note(self._pass, key, tensor)
        if is_root and known is not None:
            self.outputs.add(known)

    def _attention(self, output: str, tensor: Tensor) -> None:
        module, call = self._places.now
        if self._pass is None or not self._is_watched(module):
            return
        place = self._pass.attentions
        place[module, call, output] += 1
        count = place[module, call, output]
        self._note(self._pass, Key(module, call, output if count == 1 else f"{output} {count}"), tensor)

    def _is_watched(self, module: str) -> bool:
        """Attention may run in a module of its own, without parameters."""
        return any(name in self.modules for name in (module, module.rpartition(".")[0]))

    def _note(self, seen: _Pass, key: Key, tensor: Tensor) -> None:
        with torch.no_grad():
            values = plain(tensor)
            seen.add(key, "second_moment", second_moment(values))
            if not self._with_updates:
                return
            if not self._first:
                seen.kept[key] = values.clone()
            elif key in self._first and self._first[key].shape == values.shape:
                seen.add(key, "update", second_moment(values - self._first[key]))


class _Pass:
    """What one forward pass has shown so far."""

    def __init__(self) -> None:
        self.sheet = Sheet()
        self.noted: list[tuple[Key, Statistic]] = []
        self.kept: dict[Key, Tensor] = {}
        self.known: dict[tuple[int, int, int], Key] = {}
        self.alive: list[Tensor] = []  # so that no other tensor gets the memory of one that is known
        self.attentions: Counter[tuple[str, int, str]] = Counter()

    def add(self, key: Key, statistic: Statistic, number: Tensor) -> None:
        """Keep one number, still on its device."""
        self.noted.append((key, statistic))
        self.sheet.note(number)
