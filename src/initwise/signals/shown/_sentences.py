"""What stands below the table: the loss, growth and verdicts, chains, what is unknown, notes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from initwise.signals._objective import PROJECTION
from initwise.signals._verdict import Verdict
from initwise.signals.shown._bars import Bars
from initwise.signals.shown._numbers import number

if TYPE_CHECKING:
    from initwise.signals._signals import Signals

_CLASSES = re.compile(r"cross entropy of ([\d,]+) classes")
_LONGEST = 2  # chains
_MOST = 6  # paths that are as they should be; of more, their number is told


def classes(signals: Signals) -> int | None:
    """Return over how many classes the loss is a cross entropy, where the words about the loss say so."""
    found = _CLASSES.search(signals.loss_in_words)
    return int(found[1].replace(",", "")) if found else None


def labels(*several: Signals) -> list[str]:
    """Return what each is called where several are shown: by their kinds, or by their order where these are alike."""
    kinds = [each.kind for each in several]
    return [*kinds] if len(set(kinds)) == len(kinds) else ["first", "second"][: len(kinds)]


def loss_line(*several: Signals) -> str:
    """Return the loss, beside ln C where it is a cross entropy of C classes."""
    first = several[0]
    losses = [
        f"{each.loss:.4g}{f' {label}' if several[1:] else ''}"
        for each, label in zip(several, labels(*several), strict=True)
        if each.loss is not None
    ]
    if not losses:
        if first.loss_in_words in ("", PROJECTION):
            return f"no loss: backward from {first.loss_in_words}" if first.loss_in_words else ""
        return f"loss unknown ({first.loss_in_words})"
    count = classes(first)
    guess = f", ln C = {math.log(count):.4g}" if count else ""
    return f"loss {', '.join(losses)}{guess} ({first.loss_in_words})"


def verdict_lines(*several: Signals, plain: bool = False) -> list[str]:
    """Return a block of lines for each verdict: what it says, the growth of each block, and the fix."""
    pairs = [
        (f"{label} " if several[1:] else "", verdict)
        for signals, label in zip(several, labels(*several), strict=True)
        for verdict in signals.verdicts
    ]
    wrong = [pair for pair in pairs if not pair[1].ok]
    right = [pair for pair in pairs if pair[1].ok]
    shown = right if len(right) <= _MOST else right[:_MOST]
    told = [_verdict(verdict, label, plain=plain) for label, verdict in (*wrong, *shown)]
    hidden = len(right) - len(shown)
    return [*told, f"ok: {hidden} more paths"] if hidden else told


def chain_lines(*several: Signals) -> list[str]:
    """Return what theory says of the longest plain chains of layers: fixed point, chi, correlation length."""
    chains = sorted((each for signals in several for each in signals.chains), key=lambda each: -len(each.modules))
    told = list(dict.fromkeys(f"chain: {each.sentence}" for each in chains))
    hidden = len(told) - _LONGEST
    more = f"chain: {hidden} more, none longer" if hidden > 0 else ""
    return [*told[:_LONGEST], *filter(None, [more])]


def unknown_lines(signals: Signals) -> list[str]:
    """Return a line for each operation that could not be predicted: where, why, what to do."""
    return [
        f"unknown: {each.function or each.operation} in {each.module or signals.model} ({each.line})"
        f"{f', {each.count} times' if each.count > 1 else ''}: {each.reason}"
        for each in signals.unknown
    ]


def note_lines(*several: Signals) -> list[str]:
    """Return the notes; of predicted and measured ones, each says whose it is."""
    return [
        f"note: {f'{label}: ' if several[1:] else ''}{note}"
        for each, label in zip(several, labels(*several), strict=True)
        for note in each.notes
    ]


def _verdict(verdict: Verdict, kind: str, *, plain: bool) -> str:
    word = "not ok" if not verdict.ok else "unknown" if verdict.growth is None else "ok"
    said = [f"{word}: {kind}{verdict.direction}, {verdict.path}: {verdict.message}"]
    known = [step for step in verdict.steps if step.growth is not None]
    if len(known) > 1:
        growths = [step.growth for step in known]
        ends = sorted(known, key=lambda step: step.growth or 0.0)
        told = " to ".join(f"{number(step.growth)} ({step.name or 'the input'})" for step in (ends[0], ends[-1]))
        said.append(f"    a block {told}  {Bars.over(growths, width=24, plain=plain).spark(growths)}")
    if verdict.culprit is not None and verdict.culprit.fix:
        blamed = f"{verdict.culprit.parameter}: " if verdict.culprit.parameter else ""
        said.append(f"    fix: {blamed}{verdict.culprit.fix}")
    return "\n".join(said)
