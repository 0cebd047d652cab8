"""Weights under `torch.nn.utils.parametrize`: run on a copy, and inverted on another."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _Orthogonal, _SpectralNorm, _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList

from initwise.errors import ArgumentError, InitwiseError
from initwise.model._normalized import singular_vectors, split_norm
from initwise.model._parametrized import Form, Solution, Source, Start, Way, checked_pairs

_WORDS = {_WeightNorm: "weight norm", _SpectralNorm: "spectral norm", _Orthogonal: "the orthogonal parametrization"}


@dataclass(frozen=True, eq=False)
class Parametrizations(Source):
    """`torch.nn.utils.parametrize`: one parametrization or several, the first of them next to the originals."""

    module: nn.Module
    attribute: str
    chain: ParametrizationList

    @property
    def originals(self) -> Mapping[str, Tensor]:
        """The parameters `original`, or `original0`, `original1`, ..."""
        return {
            name: tensor
            for name, tensor in self.chain._parameters.items()
            if tensor is not None and name.startswith("original")
        }

    @cached_property
    def form(self) -> Form:
        """What the forward gives on the meta device; where it cannot run there, on the tensors as they are."""
        tensors = [*self.chain.parameters(), *self.chain.buffers()]
        twins = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}
        try:
            with torch.no_grad():
                weight = _run(_twin(self.chain, twins))
        except Exception:  # noqa: BLE001 - a parametrization is any code, and may need numbers
            try:
                weight = self.effective()
            except Exception as error:  # noqa: BLE001 - told in words
                largest = self.largest
                said = f"its parametrization cannot be run: {type(error).__name__}: {error}"
                return Form(tuple(largest.shape), largest.dtype, said)
        return Form(tuple(weight.shape), weight.dtype)

    @property
    def way(self) -> Way:
        """Through all right inverses, else into a single original of the weight's shape."""
        kinds = [_words(step) for step in self.chain]
        frozen = {name for name, tensor in self.originals.items() if not tensor.requires_grad}
        if frozen and len(frozen) < len(self.originals):
            return self._around(frozen)
        if any(isinstance(step, _SpectralNorm) for step in self.chain):
            why = "spectral norm divides it by its largest singular value"
        else:
            lacking = [_words(step) for step in self.chain if not hasattr(step, "right_inverse")]
            if not lacking:
                return Way(True, f"written through {' and '.join(kinds)}")
            why = f"{' and '.join(lacking)} has no right inverse"
        return self._into_original(why)

    def computed(self) -> Tensor:
        """Run a copy in evaluation mode."""
        return _run(_twin(self.chain, {id(tensor): tensor for tensor in self.chain.parameters()}))

    def solve(self, values: Tensor, start: Start, seed: int) -> Solution:
        """Invert the parametrizations, the last one first; then see what a fresh copy makes of the result."""
        shared = {id(tensor): tensor for tensor in self.originals.values()}
        trial = _twin(self.chain, shared)
        with torch.no_grad(), _own_random_state(seed):
            found = self._inverted(trial, values, start) if self.way.inverse else self._placed(values)
            pairs = checked_pairs(self.originals, found)
            for (_, new), name in zip(pairs, self.originals, strict=True):
                trial._parameters[name] = new  # type: ignore[assignment]
            if not self.way.inverse:
                _settle(trial, start)
            solution = Solution(pairs, tuple(_changed_buffers(self.chain, trial)))
            return replace(solution, effective=self._as_if(solution)) if self.way.inverse else solution

    def _around(self, frozen: set[str]) -> Way:
        """Some originals are frozen: they stay, and the law is that of the direction that weight norm normalizes."""
        if isinstance(self.chain[0], _WeightNorm) and frozen == {"original0"} and len(self.chain) == 1:
            return Way(False, "the frozen magnitude stays, and the law is the direction's")
        names, others = ", ".join(sorted(frozen)), ", ".join(sorted(set(self.originals) - frozen))
        return Way(False, "", f"its {names} is frozen and its {others} is not; freeze both or none")

    def _into_original(self, why: str) -> Way:
        largest, form = self.largest, self.form
        if len(self.originals) == 1 and (tuple(largest.shape), largest.dtype) == (form.shape, form.dtype):
            return Way(False, f"{why}: the law is the original's")
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in self.originals.items())
        return Way(False, "", f"{why}, and it cannot be written into its originals ({shapes})")

    def _inverted(self, trial: ParametrizationList, values: Tensor, start: Start) -> Sequence[Any]:
        result: Any = values
        for step in reversed(list(trial)):
            try:
                result = (
                    split_norm(result, step.dim, start) if isinstance(step, _WeightNorm) else step.right_inverse(result)  # type: ignore[operator]
                )
            except InitwiseError:
                raise
            except Exception as error:
                said = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
                raise ArgumentError(f"the right inverse of {_words(step)} raised {said}") from error
        return (result,) if isinstance(result, Tensor) else result

    def _placed(self, values: Tensor) -> Sequence[Tensor]:
        """Return the originals with `values` for the largest."""
        return [values if tensor is self.largest else tensor.detach() for tensor in self.originals.values()]

    def _as_if(self, solution: Solution) -> Tensor:
        """Return the weight that a fresh copy computes from a solution."""
        twins = {id(tensor): tensor for tensor in self.chain.parameters()}
        fresh = _twin(self.chain, twins | {id(old): new for old, new in solution.tensors})
        steps = {id(module): name for name, module in self.chain.named_modules()}
        for module, name, new in solution.buffers:
            fresh.get_submodule(steps[id(module)])._buffers[name] = new
        return _run(fresh)


def _twin(chain: ParametrizationList, twins: dict[int, Tensor]) -> ParametrizationList:
    """Return a copy in evaluation mode, with `twins` (by the id of what they stand for) in place of its tensors."""
    twin: ParametrizationList = copy.deepcopy(chain, dict(twins)).eval()
    return twin


def _run(chain: ParametrizationList) -> Tensor:
    with _own_random_state(0):
        weight: Tensor = chain()
    return weight


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Within it torch's generators start from a seed; after it they are as they were."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield


def _settle(trial: ParametrizationList, start: Start) -> None:
    """Give each spectral norm of the copy the singular vectors of what it will divide."""
    if not any(isinstance(step, _SpectralNorm) for step in trial):
        return
    weight: Tensor = trial.original
    for step in trial:
        if isinstance(step, _SpectralNorm) and weight.dim() > 1:
            step._u, step._v = singular_vectors(step._reshape_weight_to_matrix(weight), start)
        weight = step(weight)


def _changed_buffers(real: nn.Module, trial: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for path, module in trial.named_modules():
        before = real.get_submodule(path)
        for name, tensor in module._buffers.items():
            old = before._buffers.get(name)
            if tensor is not None and (old is None or not _same(old, tensor)):
                yield before, name, tensor.detach()


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


def _words(step: nn.Module) -> str:
    return _WORDS.get(type(step), type(step).__name__)
