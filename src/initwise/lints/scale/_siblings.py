"""One weight against its siblings: of those that have the same place in repeated blocks, all but one follow one law."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from initwise.errors import FanError
from initwise.fans import fans, torch_fans
from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.statistics import SOME

_FEWEST_VALUES = 1024
_FEWEST_SIBLINGS = 4
_AGREE = math.log(1.02)  # how far those that follow one law may differ, or by so many standard errors
_ERRORS = 5.0
_ODD = math.log(1.25)
_KURTOSIS = 0.4  # a uniform law has 1.8, a normal one cut at two sigma 2.4, a normal one 3


class _Member(NamedTuple):
    parameter: Parameter
    std: float
    error: float
    kurtosis: float
    roots: tuple[float, ...]  # what std may be inverse to, one number a scheme


def odd_one_out(subject: Subject) -> Iterator[Finding]:
    """STA205: all but one of at least four siblings follow one law, and this one another."""
    for group in _groups(subject):
        odd = _odd_in_scale(group) or _odd_in_shape(group)
        if odd is not None:
            yield odd


def _groups(subject: Subject) -> Iterator[list[_Member]]:
    siblings: defaultdict[str, list[_Member]] = defaultdict(list)
    for parameter in subject.weights:
        sample, usage = subject.sample(parameter), parameter.usage
        ends = usage is not None and (usage.output or usage.follows == "input")
        if ends or not sample.finite or sample.constant or sample.count < _FEWEST_VALUES:
            continue
        name = re.sub(r"\d+", "#", parameter.name)
        member = _Member(parameter, sample.std, sample.error, sample.kurtosis, _roots(parameter))
        siblings[name].append(member)
    for group in siblings.values():
        if len(group) >= _FEWEST_SIBLINGS:
            yield group


def _roots(parameter: Parameter) -> tuple[float, ...]:
    """Return 1, and the roots of what schemes divide by: fans and their sums, true and as torch.nn.init counts them."""
    counted = [1.0]
    try:
        other = torch_fans(parameter.shape)
        true = fans(parameter.shape, parameter.axes) if parameter.axes is not None else other
    except (FanError, ValueError):
        return (1.0,) * 7
    for each in (true, other):
        counted += [each.fan_in, each.fan_out, each.fan_in + each.fan_out]
    return tuple(math.sqrt(max(each, 1e-12)) for each in counted)


def _odd_in_scale(group: Sequence[_Member]) -> Finding | None:
    best: tuple[int, int] | None = None
    for scheme in range(len(group[0].roots)):
        agreeing = len(group) - len(_outside(group, scheme))
        if best is None or agreeing > best[0]:
            best = agreeing, scheme
    if best is None or best[0] < len(group) - 1 or best[0] == len(group):
        return None
    member = _outside(group, best[1])[0]
    centre = median(_level(each, best[1]) for each in group)
    off = _level(member, best[1]) - centre
    if abs(off) < max(_ODD, 2 * _ERRORS * member.error):
        return None
    asked = math.exp(centre) / member.roots[best[1]]
    return found(
        "STA205",
        member.parameter.name,
        f"its std is {math.exp(off):.3g} times what its {len(group) - 1} siblings' law gives",
        f"std {member.std:.4g}",
        f"std {asked:.4g}, as in {_others(group, member)}",
    )


def _outside(group: Sequence[_Member], scheme: int) -> list[_Member]:
    centre = median(_level(each, scheme) for each in group)
    return [each for each in group if abs(_level(each, scheme) - centre) > max(_AGREE, _ERRORS * each.error)]


def _level(member: _Member, scheme: int) -> float:
    return math.log(max(member.std, 1e-300) * member.roots[scheme])


def _odd_in_shape(group: Sequence[_Member]) -> Finding | None:
    centre = median(each.kurtosis for each in group)
    odd = [each for each in group if abs(each.kurtosis - centre) > _tolerance(each)]
    if len(odd) != 1 or abs(odd[0].kurtosis - centre) < 1.5 * _tolerance(odd[0]):
        return None
    member = odd[0]
    return found(
        "STA205",
        member.parameter.name,
        f"its values have another distribution than those of its {len(group) - 1} siblings",
        f"{_shape(member.kurtosis)} (kurtosis {member.kurtosis:.2f})",
        f"{_shape(centre)} (kurtosis {centre:.2f}), as in {_others(group, member)}",
    )


def _tolerance(member: _Member) -> float:
    return max(_KURTOSIS / 1.5, _ERRORS * math.sqrt(24 / min(member.parameter.numel(), SOME)))


def _shape(kurtosis: float) -> str:
    if kurtosis < 2.0:
        return "like a uniform law"
    return (
        "like a normal law cut at two sigma"
        if kurtosis < 2.7
        else "like a normal law"
        if kurtosis < 3.3
        else "long tails"
    )


def _others(group: Sequence[_Member], member: _Member) -> str:
    names = [each.parameter.name for each in group if each is not member]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
