"""Rows and halves of one weight that repeat: copies instead of draws, or shards drawn from one seed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from initwise.findings import Finding, found
from initwise.initializers import units
from initwise.lints._subject import Subject
from initwise.model import Parameter

_ROLES = {"weight", "recurrent", "embedding"}
_SHORTEST = 8  # shorter rows may be equal by chance in half precision
_DISTINCT = 16  # patterns of fewer numbers, such as the identity, have equal rows by design
_SHUFFLES = {"pixel_shuffle"}


def repeated(subject: Subject) -> Iterator[Finding]:
    """SYM303: rows, or equal parts along an axis, of a weight are bit-identical."""
    for parameter in subject.parameters:
        sample = subject.sample(parameter)
        fits = parameter.role in _ROLES and parameter.ndim > 1 and parameter.requires_grad
        if fits and sample.finite and not sample.constant and sample.some.unique().numel() >= _DISTINCT:
            said = _repeated_parts(sample.tensor) or _repeated_rows(parameter, sample.tensor)
            if said and not _is_filter(parameter) and not _is_shuffled(subject, parameter):
                yield found("SYM303", parameter.name, said[0], said[1], "each row drawn on its own")


def _repeated_parts(values: Tensor) -> tuple[str, str] | None:
    """Return what repeats where the tensor is one part, over and over, along an axis."""
    for axis, size in enumerate(values.shape):
        if axis > 1 or values.numel() // size < _SHORTEST:
            continue
        for count in (2, 3, 4, 8, 16, 32, 64):
            if size % count == 0 and size > count // 2 and _is_periodic(values, axis, size // count):
                part = size // count
                return f"its {count} parts of {part} along axis {axis} are bit-identical", f"{count} equal parts"
    return None


def _is_periodic(values: Tensor, axis: int, part: int) -> bool:
    first, second = values.select(axis, 0), values.select(axis, part)
    if not torch.equal(first, second):
        return False
    size = values.shape[axis]
    return torch.equal(values.narrow(axis, 0, size - part), values.narrow(axis, part, size - part))


def _repeated_rows(parameter: Parameter, values: Tensor) -> tuple[str, str] | None:
    if parameter.role == "embedding" or any(isinstance(owner.module, nn.Embedding) for owner in parameter.owners):
        return _shifted(values)  # single rows may be equal: never looked up in training, or all made from one mean
    rows = values if parameter.axes is None else units(values, parameter.axes)
    rows = rows.reshape(rows.shape[0], -1)
    if rows.shape[1] < _SHORTEST or rows.shape[0] < 2 or rows.is_complex():
        return None
    order, equal = _equal_neighbours(rows)
    if not equal.numel():
        return None
    one, other = sorted((int(order[equal[0]]), int(order[equal[0] + 1])))
    share = f"{equal.numel():,} of {rows.shape[0]:,} rows repeat another"
    return f"row {other} is bit-identical to row {one}; {share}", share


def _shifted(values: Tensor) -> tuple[str, str] | None:
    """Return what repeats where many rows of a table equal those at one distance, as shards of uneven sizes do."""
    order, equal = _equal_neighbours(values.reshape(values.shape[0], -1))
    distances = [abs(int(order[place]) - int(order[place + 1])) for place in equal.tolist()]
    count, distance = max(((distances.count(each), each) for each in set(distances)), default=(0, 0))
    if distance < 2 or count < max(_SHORTEST, values.shape[0] // 10) or len(distances) > 2 * count:
        return None
    share = f"{count:,} of {values.shape[0]:,} rows equal another at one distance"
    return f"rows repeat {distance} rows further down", share


def _equal_neighbours(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return an order of the rows, and the places in it where a row equals the next one and is not zero.

    Equal rows have equal sums along a few of their entries, so that they are neighbours once those are sorted.
    """
    width = rows.shape[1]
    picked = rows[:, :: max(1, width // 16)][:, :16].float()
    weights = torch.linspace(1.0, 2.0, picked.shape[1], device=rows.device)
    key = (picked * weights).sum(dim=1)
    order = torch.argsort(key)
    sorted_key = key[order]
    places = torch.nonzero((sorted_key[1:] == sorted_key[:-1]) & (sorted_key[1:] != 0)).flatten()
    equal = [place for place in places.tolist() if torch.equal(rows[order[place]], rows[order[place + 1]])]
    return order, torch.tensor(equal, dtype=torch.long)


def _is_filter(parameter: Parameter) -> bool:
    """Tell whether each unit has an input of its own, so that one filter for all of them leaves none in symmetry."""
    return parameter.axes is not None and parameter.axes.groups > 1 and parameter.shape[0] == parameter.axes.groups


def _is_shuffled(subject: Subject, parameter: Parameter) -> bool:
    """Tell whether the output is rearranged from channels to pixels, where sub-kernels are equal by design (ICNR)."""
    roles = subject.reading.roles
    if roles is None:
        return False
    return any(
        operation.name in _SHUFFLES
        for use in roles.uses.get(parameter.name, ())
        for operation, _ in roles.flow.users(use.output)
    )
