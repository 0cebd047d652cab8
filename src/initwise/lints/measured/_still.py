"""Zeros that never move, as repeated passes showed."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter

_SIDE = {"bias", "norm_bias"}  # beside a weight that is the cause


def still(subject: Subject) -> Iterator[Finding]:
    """ZER401: weights of zeros that receive no gradient, not even after the zeros that do receive one have moved."""
    blocked = subject.probe.blocked if subject.probe is not None else frozenset()
    culprits = [each for each in subject.parameters if each.name in blocked and _is_zero(subject, each)]
    weights = [each for each in culprits if each.role not in _SIDE]
    hidden = sorted(blocked - {each.name for each in culprits})
    for parameter in weights:
        others = [each.name for each in weights if each is not parameter]
        yield found(
            "ZER401",
            parameter.name,
            f"all {parameter.numel():,} values are zero, and no gradient reaches them, now or later"
            f"{_beside(others, hidden)}",
            "a gradient of exactly zero in every pass",
            "values that move, or zeros that do",
        )


def _is_zero(subject: Subject, parameter: Parameter) -> bool:
    return parameter.requires_grad and subject.sample(parameter).zero


def _beside(others: list[str], hidden: list[str]) -> str:
    told = f"; nor {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}" if others else ""
    if not hidden:
        return told
    return (
        f"{told}; {hidden[0]}{f' and {len(hidden) - 1} more' if len(hidden) > 1 else ''} cannot learn because of that"
    )
