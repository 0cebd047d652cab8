"""Units that start equal and stay equal: their weights are equal, and so are their gradients."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from initwise.findings import Finding, found
from initwise.initializers import units
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import events, layer
from initwise.shards import local

_SHARE = 0.1  # of the rows
_CLOSE = 1e-4  # of a gradient row's norm
_NOISE = 1e-7  # of the norm of the largest gradient


def staying(subject: Subject) -> Iterator[Finding]:
    """SYM304: many rows of a weight are equal, and so are their gradients at the first step."""
    heads, noise = _heads(subject), _NOISE * _largest(subject)
    for parameter in subject.weights:
        gradient = subject.probe.gradients.get(parameter.name) if subject.probe is not None else None
        axes = parameter.axes
        values = subject.sample(parameter).tensor
        gradient = None if gradient is None else local(gradient)
        if gradient is None or axes is None or values.shape != gradient.shape or values.is_complex():
            continue
        if (axes.groups > 1 and axes.groups == parameter.shape[0]) or parameter.name in heads or not axes.fan_out:
            continue
        rows, slopes = units(values, axes), units(gradient, axes)
        count = _twins(rows, slopes, noise)
        if count > max(1, int(_SHARE * rows.shape[0])):
            yield found(
                "SYM304",
                parameter.name,
                f"{count:,} of {rows.shape[0]:,} units have the weights of another one and the same gradient: they stay"
                " equal for ever",
                f"{rows.shape[0] - count:,} distinct units in {rows.shape[0]:,}",
                "each unit drawn on its own",
            )


def _heads(subject: Subject) -> set[str]:
    """Return the parameters of output layers: classes that the batch lacks have equal gradients until they come."""
    entropies = subject.probe.entropies if subject.probe is not None else ()
    made = [layer(subject, events(subject)[each.event]) for each in entropies if each.event >= 0]
    return {name for event in made if event is not None for name in event.parameters}


def _twins(rows: Tensor, slopes: Tensor, noise: float) -> int:
    """Return how many rows repeat an earlier one, and its gradient up to rounding.

    Rows of zeros do not count: they are a matter of zeros.
    """
    some = _candidates(rows)
    if some.numel() < 2:
        return 0
    rows, slopes = rows[some], slopes[some].float()
    kinds = torch.unique(rows, dim=0, return_inverse=True)[1]
    order = torch.argsort(kinds, stable=True)
    starts = torch.searchsorted(kinds[order], torch.arange(int(kinds.max()) + 1, device=rows.device))
    partner = order[starts][kinds]  # the first row of the same kind
    norms = slopes.norm(dim=1)
    apart = (slopes - slopes[partner]).norm(dim=1)
    drawn = (rows != 0).any(dim=1)
    itself = partner == torch.arange(rows.shape[0], device=rows.device)
    return int(((apart <= _CLOSE * norms + noise) & drawn & ~itself).sum())


def _candidates(rows: Tensor) -> Tensor:
    """Return the places of the rows that share the sum of a few of their entries with another one."""
    picked = rows[:, :: max(1, rows.shape[1] // 16)][:, :16].float()
    key = (picked * torch.linspace(1.0, 2.0, picked.shape[1], device=rows.device)).sum(dim=1)
    _, kinds, counts = torch.unique(key, return_inverse=True, return_counts=True)
    return torch.nonzero(counts[kinds] > 1).flatten()


def _largest(subject: Subject) -> float:
    """Return the norm of the largest gradient: one that is millions of times smaller is rounding, its terms cancel."""
    gradients = subject.probe.gradients.values() if subject.probe is not None else ()
    return max((float(local(each).float().norm()) for each in gradients if each is not None), default=0.0)
