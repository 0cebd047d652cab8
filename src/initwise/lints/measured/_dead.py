"""Units that are dead on the whole batch."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import events, layer, weight
from initwise.model import Parameter
from initwise.shards import local
from initwise.signals import Event

# Where samples are alike, as deep in a network without norms, a unit that is symmetric around zero is dead on all of
# them with probability 1/2; four standard errors above that are no accident.
_CHANCE, _ERRORS, _LEAST = 0.5, 4.0, 0.75


def dead(subject: Subject) -> Iterator[Finding]:
    """SIG501: most units of a layer before a ReLU are never positive."""
    told: set[str] = set()
    for event in events(subject):
        if event.dead is None or _is_silent(subject, event):
            continue
        if not _is_beyond_chance(event.dead, event.units) and not _blocks(subject, event):
            continue
        source = layer(subject, event)
        parameter = weight(subject, source) if source is not None else None
        if source is None or parameter is None:
            continue
        culprit = _culprit(subject, source, parameter)
        if culprit.name not in told:
            told.add(culprit.name)
            yield _finding(subject, event, culprit)


def _is_beyond_chance(share: float, units: int) -> bool:
    error: float = (_CHANCE * (1 - _CHANCE) / max(units, 1)) ** 0.5
    return share >= _LEAST and share >= _CHANCE + _ERRORS * error


def _blocks(subject: Subject, event: Event) -> bool:
    """Tell whether a layer is dead as a whole, however few units it has, and no gradient passes it."""
    source = layer(subject, event)
    if event.dead != 1.0 or source is None or not source.inputs:
        return False
    before = source.inputs[0]
    if before >= 0:
        return events(subject)[before].grad_second_moment == 0.0
    gradients = [subject.probe.gradients.get(name) for name in source.parameters] if subject.probe is not None else []
    return all(each is not None and not bool(local(each).count_nonzero()) for each in gradients)


def _is_silent(subject: Subject, event: Event) -> bool:
    """Tell whether zeros go in: then the cause is a weight of zeros, or a layer before that is dead."""
    given = [events(subject)[each] for each in event.inputs if each >= 0]
    source = layer(subject, event)
    return any(each.peak == 0.0 for each in given) or (source is not None and source.input_second_moment == 0.0)


def _culprit(subject: Subject, source: Event, parameter: Parameter) -> Parameter:
    """Return the bias where it pushes its units below zero, else the weight."""
    biases = [subject.reading[name] for name in source.parameters if subject.reading[name].ndim == 1]
    spread = (source.second_moment - source.mean**2) ** 0.5 if source.second_moment > source.mean**2 else 0.0
    for bias in biases:
        mean = subject.sample(bias).mean
        if mean < 0 and -mean > spread:
            return bias
    return parameter


def _finding(subject: Subject, event: Event, parameter: Parameter) -> Finding:
    count = round(event.dead * event.units) if event.dead is not None else 0
    sample = subject.sample(parameter)
    return found(
        "SIG501",
        parameter.name,
        f"{count:,} of {event.units:,} units are positive for no sample before the {event.operation} in"
        f" {event.module or 'the model'}",
        f"{count / event.units:.0%} dead; mean {sample.mean:.3g}, std {sample.std:.3g}",
        "at most about half of the units, where all samples are alike",
    )
