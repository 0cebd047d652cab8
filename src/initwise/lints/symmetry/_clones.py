"""Layers that are bit-identical: drawn once and copied, or drawn twice from one seed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.statistics import Sample

_ROLES = {"weight", "recurrent", "embedding"}
_FEWEST = 16
_SHOWN = 6


def clones(subject: Subject) -> Iterator[Finding]:
    """SYM301: parameters of different modules hold the same random numbers, each in its own memory."""
    for group in _equal(subject, _candidates(subject)):
        if not _is_untied(group):
            yield _finding(group)


def _is_untied(group: Sequence[Parameter]) -> bool:
    """Tell whether an output layer is a copy of an embedding, which TIE701 tells."""
    modules = [owner.module for each in group for owner in each.owners]
    return all(any(isinstance(module, kind) for module in modules) for kind in (nn.Embedding, nn.Linear))


def _candidates(subject: Subject) -> Iterator[Parameter]:
    """Yield what was drawn: patterns such as the identity are the same in every layer by design."""
    for parameter in subject.parameters:
        known = parameter.role in _ROLES or (parameter.role is None and parameter.ndim > 1)
        if known and parameter.numel() >= _FEWEST:
            sample = subject.sample(parameter)
            if sample.finite and not sample.constant and is_drawn(sample):
                yield parameter


def is_drawn(sample: Sample) -> bool:
    """Tell whether the values look drawn: more than half of those that are not zero differ from all others."""
    values = sample.some[sample.some != 0]
    grain = torch.finfo(sample.tensor.dtype).eps
    fewest = min(values.numel() / 2, 0.25 / grain)  # in half precision there are few numbers
    return values.numel() >= _FEWEST // 2 and values.unique().numel() > fewest


def _equal(subject: Subject, parameters: Iterator[Parameter]) -> Iterator[list[Parameter]]:
    alike: defaultdict[object, list[Parameter]] = defaultdict(list)
    for parameter in parameters:
        moments = subject.sample(parameter).moments
        alike[parameter.shape, parameter.dtype, moments.low, moments.high].append(parameter)
    for group in alike.values():
        while len(group) > 1:
            first = group[0]
            same = [each for each in group if torch.equal(subject.sample(each).tensor, subject.sample(first).tensor)]
            if sum(each.requires_grad for each in same) > 1:  # a frozen copy is a teacher or a target
                yield [each for each in same if each.requires_grad]
            group = [each for each in group if all(each is not other for other in same)]  # noqa: PLW2901 - it shrinks


def _finding(group: Sequence[Parameter]) -> Finding:
    first, second, *more = group
    named = ", ".join(each.name for each in group[:_SHOWN]) + (", ..." if len(group) > _SHOWN else "")
    others = f" and {len(more)} more" if more else ""
    return found(
        "SYM301",
        second.name,
        f"it holds the same {first.numel():,} random numbers as {first.name}{others}",
        f"bit-identical: {named}",
        "numbers of their own",
        severity="info" if _are_experts(group) else None,
    )


def _are_experts(group: Sequence[Parameter]) -> bool:
    """Tell whether the copies are experts of one layer: upcycling a dense model starts with equal ones."""
    return all(re.search(r"(^|\.|_)experts?(\.|_|\d)", each.name) for each in group)
