"""What a monitor does not see, or sees otherwise than one may think: told in `Monitor.notes`."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from initwise.model import Reading
from initwise.monitoring import _wrappers
from initwise.monitoring._frame import Frame
from initwise.monitoring._session import Session
from initwise.monitoring._weights import Weights
from initwise.planning import Plan


class Unseen:
    """Gathers, from the steps that are looked at, what was out of sight."""

    def __init__(self, reading: Reading, plan: Plan | None, weights: Weights) -> None:
        self._reading, self._plan, self._weights = reading, plan, weights
        self._unlinked: dict[str, None] = {}
        self._silent: dict[str, None] = {}
        self._closures = False

    def note(self, session: Session, frame: Frame) -> None:
        """Take in a step that was looked at."""
        self._closures = self._closures or session.closures
        self._unlinked |= dict.fromkeys(session.unlinked)
        if frame.light:
            return
        moved = {row.name for row in frame.parameters if row.grad_peak is not None}
        seen = {row.module for row in frame.layers}
        visible = {name for name, _ in _wrappers.visible(self._reading.model)}
        for parameter in self._reading.parameters:
            owners = {owner.module_name for owner in parameter.owners}
            if parameter.name in moved and not owners & seen and owners & visible and not parameter.parametrized:
                self._silent[parameter.module_name] = None

    def notes(self) -> Iterator[str]:
        """Return the notes."""
        yield from _wrappers.notes(self._reading.model)
        yield from self._layers()
        yield from self._parameters()
        yield from self._distances()
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
            yield (
                f"this process is rank {distributed.get_rank()} of {distributed.get_world_size()}: outputs, losses and"
                " alerts are its own; rank 0 alone writes to the sinks, and what it writes is what it saw"
            )

    def _layers(self) -> Iterator[str]:
        silent = [each for each in self._silent if each]
        if silent or self._silent:
            yield (
                f"no output of {_wrappers.some(silent) or 'the model itself'} was seen, though gradients arrive at the"
                " parameters: it runs inside of a compiled function, or is not called as a module"
            )
        if self._unlinked:
            yield (
                f"{_wrappers.some(self._unlinked)} ran without autograd in a pass that has it, as inside of reentrant"
                " checkpoints: no gradients of their outputs; with use_reentrant=False they are seen"
            )

    def _parameters(self) -> Iterator[str]:
        if self._closures:
            yield (
                "an optimizer takes a closure: gradients of parameters are those of its last evaluation, layers those"
                " of the first"
            )
        late = [each.name for each in self._reading.parameters if each.requires_grad and each.numel()]
        late = [name for name in late if name not in self._weights.trained]
        if late:
            yield (
                f"not watched: {_wrappers.some(late)}, which required no gradient when the monitor was made; after"
                " unfreezing, make a new monitor"
            )
        made = [name for name, each in self._weights.trained.items() if each.parametrized]
        if made:
            yield (
                f"a parametrization computes {_wrappers.some(made)}: gradient, update and distance are those of the"
                " largest tensor behind it"
            )

    def _distances(self) -> Iterator[str]:
        weights = self._weights
        if self._plan is None:
            yield "distances are from the weights as the monitor found them; with plan= from those of the plan"
            return
        if weights.as_found:
            yield (
                f"distances of {_wrappers.some(weights.as_found)} are from the weights as the monitor found them: of"
                " shards and of what a parametrization computes, the plan's are not drawn again"
            )
        if weights.as_planned < weights.replayed:
            yield (
                f"{weights.as_planned} of {weights.replayed} parameters held the plan's values when the monitor was"
                " made: the others had been trained or written since"
            )


def writes() -> bool:
    """Tell whether this process writes to sinks: rank 0, and every process outside of distributed training."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
