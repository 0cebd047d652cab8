"""Ties that are broken: an embedding and an output weight that should be one memory and are two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

import torch
from torch import nn

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.shared._declared import declared_ties
from initwise.model import Parameter


def broken(subject: Subject) -> Iterator[Finding]:
    """TIE701: parameters that the configuration ties, or that are equal as if they were tied, are two memories."""
    told: set[str] = set()
    for tied, source in declared_ties(subject.reading):
        if tied is not source and tied.name not in told:
            told.add(tied.name)
            yield _declared(subject, tied, source)
    tables = [each for each in subject.parameters if each.requires_grad and _is_embedding_only(each)]
    for output in subject.parameters:
        copied = None if output.name in told else _equal_embedding(subject, output, tables)
        if copied is not None:
            yield found(
                "TIE701",
                output.name,
                f"it starts as a copy of {copied.name} and is not tied to it",
                f"{output.numel():,} bit-identical values in two memories",
                "one parameter under both names",
                severity="warning",
            )


def _declared(subject: Subject, tied: Parameter, source: Parameter) -> Finding:
    return found(
        "TIE701",
        tied.name,
        f"the configuration ties it to {source.name}, and the two are parameters of their own",
        _measured(subject, tied, source),
        "one parameter under both names",
    )


def _measured(subject: Subject, tied: Parameter, source: Parameter) -> str:
    if tied.shape != source.shape:
        return f"shapes {tied.shape} and {source.shape}"
    if any(tensor.is_meta for each in (tied, source) for tensor in each.tensors):
        return "two tensors on the meta device"
    one, other = subject.sample(tied).tensor, subject.sample(source).tensor
    return "two memories, with equal values" if _same(one, other) else "two memories, with other values"


def _equal_embedding(subject: Subject, output: Parameter, tables: Sequence[Parameter]) -> Parameter | None:
    """Return the embedding, not tied to anything, whose values a linear layer holds as well; the nearest by name."""
    if not isinstance(output.module, nn.Linear) or output.attribute != "weight" or not output.requires_grad:
        return None
    if _is_embedding(output):
        return None
    fits = (each for each in tables if (each.shape, each.dtype) == (output.shape, output.dtype))
    equal = [each for each in fits if _equal(subject, each, output)]
    return max(equal, key=lambda each: _in_common(each.name, output.name), default=None)


def _in_common(one: str, other: str) -> int:
    """Count the modules that two names start with."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _equal(subject: Subject, one: Parameter, other: Parameter) -> bool:
    a, b = subject.sample(one), subject.sample(other)
    alike = (a.moments.low, a.moments.high) == (b.moments.low, b.moments.high)
    return alike and not a.constant and _same(a.tensor, b.tensor)


def _is_embedding(parameter: Parameter) -> bool:
    return any(isinstance(owner.module, nn.Embedding) for owner in parameter.owners)


def _is_embedding_only(parameter: Parameter) -> bool:
    return all(isinstance(owner.module, nn.Embedding) for owner in parameter.owners)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
