"""Several processes as one: they agree on what is asked, sum what each of them saw, and stop together.

Every exchange begins with a word from each process: where it is, or what it raised. A process that fails sends its
error in the place of its next word, so that the others stop with it instead of waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from initwise.errors import ArgumentError


class Together:
    """The processes that carry out one calibration.

    Attributes:
        world, rank: how many they are, and which of them this is.
        over: nobody waits for another word of this process.
    """

    def __init__(self, operation: str) -> None:
        ready = dist.is_available() and dist.is_initialized() and dist.get_backend() != "fake"
        self.operation = operation
        self.world, self.rank = (dist.get_world_size(), dist.get_rank()) if ready else (1, 0)
        self.over = self.alone

    @property
    def alone(self) -> bool:
        """Tell whether there is one process only."""
        return self.world == 1

    def told(self, place: str, value: Any) -> list[Any]:
        """Return the value of each process.

        Raises:
            ArgumentError: a process raised, is somewhere else, or is gone.
        """
        if self.alone:
            return [value]
        words = self._exchanged((place, value, None))
        failed = {rank: error for rank, (_, _, error) in enumerate(words) if error is not None}
        places = {rank: where for rank, (where, _, _) in enumerate(words)}
        self.over = bool(failed) or len(set(places.values())) > 1
        if failed:
            said = "; ".join(f"process {rank} raised {error}" for rank, error in failed.items())
            raise self._refuse(f"stopped with the other processes, and the model is as it was: {said}")
        if self.over:
            raise self._refuse(f"the processes came to different places: {_each(places)}. {_ALIKE}")
        return [value for _, value, _ in words]

    def agree(self, asked: Mapping[str, Any]) -> None:
        """Check that all processes have the same values.

        Raises:
            ArgumentError: some differ; all of them are told, by process.
        """
        found = self.told("the call", dict(asked))
        differing = [
            f"{name} is {_each(dict(enumerate(each.get(name) for each in found)))}"
            for name in asked
            if any(each.get(name) != asked[name] for each in found)
        ]
        if differing or any(each.keys() != asked.keys() for each in found):
            self.over = True  # all of them see this
            raise self._refuse(f"the processes were called with different arguments: {'; '.join(differing)}. {_ALIKE}")

    def ended(self, digest: str) -> None:
        """Check that all processes found the same plan; what follows is each one's own.

        Raises:
            ArgumentError: they found different ones.
        """
        found = self.told("the end", digest)
        self.over = True
        if len(set(found)) > 1:
            raise self._refuse(
                f"the processes found different plans, with the digests {_each(dict(enumerate(found)))}; calibrate in "
                "one process, and apply its plan in all of them"
            )

    def summed(self, place: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums of tensors over all processes, without graph, in the devices and dtypes that they have."""
        if self.alone:
            return [each.detach() for each in tensors]
        self.told(f"{place}, {sum(each.numel() for each in tensors):,} numbers", None)
        parts = [torch.view_as_real(each) if each.is_complex() else each for each in map(Tensor.detach, tensors)]
        wide = torch.float64 if any(each.dtype == torch.float64 for each in parts) else torch.float32
        device = _device()
        flat = torch.cat([each.to(device, wide).flatten() for each in parts])
        dist.all_reduce(flat)
        split = flat.split([each.numel() for each in parts])
        summed = [new.reshape(old.shape).to(old.device, old.dtype) for new, old in zip(split, parts, strict=True)]
        return [
            torch.view_as_complex(new) if old.is_complex() else new for new, old in zip(summed, tensors, strict=True)
        ]

    def failed(self, error: Exception) -> None:
        """Send an error in the place of the word that the other processes wait for."""
        if not self.over:
            self._exchanged(("an error", None, f"{type(error).__name__}: {error}"))

    def _exchanged(self, word: tuple[str, Any, str | None]) -> list[tuple[str, Any, str | None]]:
        words: list[Any] = [None] * self.world
        try:
            dist.all_gather_object(words, word)
        except Exception as error:
            self.over = True
            raise self._refuse(f"another process did not answer: {type(error).__name__}: {error}") from error
        return words

    def _refuse(self, problem: str) -> ArgumentError:
        return ArgumentError(f"{self.operation}: {problem}")


_SHOWN = 4
_ALIKE = "Call it in all processes with the same model, plan and arguments, and with batches of each process's own"


@contextmanager
def together(operation: str) -> Iterator[Together]:
    """Carry out a block in all processes, or in none: where it raises in one, all of them raise."""
    made = Together(operation)
    try:
        yield made
    except Exception as error:
        made.failed(error)
        raise


def _each(values: Mapping[int, Any]) -> str:
    """Return which value is where, in words; a value is told once."""
    where: dict[str, list[int]] = {}
    for rank, value in values.items():
        where.setdefault(str(value), []).append(rank)
    return ", ".join(f"{value} in {_processes(ranks)}" for value, ranks in where.items())


def _processes(ranks: Sequence[int]) -> str:
    if len(ranks) == 1:
        return f"process {ranks[0]}"
    more = f" and {len(ranks) - _SHOWN} more" if len(ranks) > _SHOWN else ""
    return f"processes {', '.join(map(str, ranks[:_SHOWN]))}{more}"


def _device() -> torch.device:
    """Return where a collective takes its tensors: NCCL takes none on the CPU."""
    if "nccl" in dist.get_backend() and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
