"""The loss at initialization, against that of a guess."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.measured._blame import blamed, events, layer, scale, upstream, weight
from initwise.lints.measured._growth import amplifier
from initwise.model.graph._vocabulary import PRODUCTS
from initwise.signals import CrossEntropy, Event

_HOT = 100.0  # of the logits behind a temperature; contrastive models clip theirs at 100
_NATS, _SHARE = 1.5, 0.25  # He's law in the output layer makes one nat too many


def far_loss(subject: Subject) -> Iterator[Finding]:
    """SIG505: a cross entropy over C classes is far above ln C before any training."""
    for entropy in subject.probe.entropies if subject.probe is not None else ():
        expected = math.log(entropy.classes)
        known = entropy.classes > 1 and entropy.event >= 0 and not entropy.paired
        number = _temperature(subject, events(subject)[entropy.event]) if entropy.event >= 0 else None
        known = known if number is None else entropy.logits_std > _HOT
        if known and entropy.loss > expected + max(_NATS, _SHARE * expected):
            yield _finding(subject, entropy, expected, number)
            return


def _finding(subject: Subject, entropy: CrossEntropy, expected: float, number: str | None) -> Finding:
    logits = events(subject)[entropy.event]
    output = layer(subject, logits)
    name, words = _culprit(subject, logits, output) if number is None else (number, ", most of it from this number")
    return found(
        "SIG505",
        name,
        f"the loss at initialization is {entropy.loss:.4g} over {entropy.classes:,} classes, where a guess has"
        f" ln {entropy.classes:,} = {expected:.4g}: the logits have std {entropy.logits_std:.3g}{words}",
        f"loss {entropy.loss:.4g}, logits std {entropy.logits_std:.3g}",
        f"a loss near {expected:.4g}, and a logits std below one",
    )


def _culprit(subject: Subject, logits: Event, output: Event | None) -> tuple[str, str]:
    """Return what to blame: the output layer or its bias, or what came before where those only pass it on."""
    parameter = weight(subject, output) if output is not None else None
    if output is None or parameter is None:
        return blamed(subject, logits), ""
    bias = _large_bias(subject, output)
    if bias is not None:
        return bias, ", most of it from this bias"
    early = amplifier(subject, output)
    if early is not None and early.index != output.index:
        return blamed(subject, early), f"; the signal becomes large in this layer, before {parameter.name}"
    return parameter.name, f" ({scale(subject, output, parameter)})"


def _temperature(subject: Subject, logits: Event) -> str | None:
    """Return the learned number that multiplies the logits, if there is one: a temperature is large by design."""
    for event in upstream(subject, logits):
        if weight(subject, event) is not None:
            return None
        numbers = [name for name in event.parameters if subject.reading[name].numel() == 1]
        if event.operation in PRODUCTS and numbers:
            return numbers[0]
    return None


def _large_bias(subject: Subject, output: Event) -> str | None:
    for name in output.parameters:
        parameter = subject.reading[name]
        if parameter.ndim == 1 and subject.sample(parameter).std ** 2 > output.second_moment / 2:
            return parameter.name
    return None
