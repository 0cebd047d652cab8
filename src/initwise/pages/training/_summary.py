"""The summary of a training: whether it is healthy, and the few numbers that say why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from initwise.findings import CATALOGUE
from initwise.monitoring import Frame
from initwise.pages._facts import Fact, Tone
from initwise.pages._words import counted, listed
from initwise.pages.training._content import Training
from initwise.pages.training._quantities import QUANTITIES

_USUAL = 1e-5, 1e-2  # medians of |update| / |weight|
_PATIENCE = 20  # steps after which a loss should have fallen
_LAST = 3  # losses that are looked at together
_IDLE, _FAR = 0.5, 1.0
_SOUND, _GROWN = 100.0, 1e4  # of a second moment since the first frame


def verdict(training: Training) -> Fact:
    """Return the whole in one sentence."""
    if training.flight is not None:
        said = f"{_sentence(_raised(training.flight.where))} {_advice(training)}"
        return Fact("Verdict", f"Training broke in step {training.flight.step}", said.strip(), "error")
    if not training.frames:
        said = "No step was looked at yet: train a few steps, and write the page again."
        return Fact("Verdict", "Nothing was seen", said)
    if training.alerts:
        return _alerted(training)
    if _stuck(training):
        first, last = _ends(training)
        said = f"It was {first:.4g} at first and is {last:.4g} after {counted(training.steps, 'step')}, though no alert"
        return Fact("Verdict", "The loss does not fall", f"{said} was raised. {_advice(training)}".strip(), "warning")
    if training.suggestion:
        said = f"No alert, but something speaks for a change. {_advice(training)}"
        return Fact("Verdict", "Training can be better", said, "warning")
    losses = _losses(training.frames)
    if len(losses) < 2:
        said = (
            f"Nothing was found in {counted(training.steps, 'step')}; the loss was not told, and nothing is said of it."
        )
        return Fact("Verdict", "No alert", said, "good")
    said = f"No alert in {counted(training.steps, 'step')}, and nothing speaks for another law or learning rate."
    return Fact("Verdict", "Training looks healthy" + (" so far" if training.running else ""), said, "good")


def _alerted(training: Training) -> Fact:
    found = [alert.finding for alert in training.alerts]
    worst = next((each for each in training.alerts if each.finding.severity == "error"), training.alerts[0])
    one = worst.finding
    more = f" and {counted(len(one.others), 'other')}" if one.others else ""
    head = f"{_sentence(_raised(CATALOGUE[one.code].title))} Step {worst.step}, {one.parameter}{more}:"
    said = f"{head} {_sentence(one.message)} {_advice(training)}"
    errors = any(each.severity == "error" for each in found)
    count = len({each.code for each in found})
    return Fact("Verdict", f"{counted(count, 'thing')} to look at", said.strip(), "error" if errors else "warning")


def _advice(training: Training) -> str:
    changes = training.suggestion.changes
    if not changes:
        return ""
    laws = [each.parameter for each in changes if each.parameter]
    parts = [f"another law for {laws[0] if len(laws) == 1 else counted(len(laws), 'parameter')}"] if laws else []
    parts += [f"the learning rate times {training.suggestion.rate:g}"] if training.suggestion.rate != 1.0 else []
    return f"To try next: {listed(parts)}."


def facts(training: Training) -> list[Fact]:
    """Return what else the summary tells."""
    if not training.frames:
        return []
    told = [_steps(training), _loss(training), _updates(training), _signal(training)]
    return [each for each in (*told, _idle(training), _moved(training)) if each is not None]


def _steps(training: Training) -> Fact:
    state = "training was still going on when this page was written" if training.running else "training is over"
    return Fact("Steps", f"{training.steps:,}", f"{len(training.frames):,} of them looked at; {state}")


def _loss(training: Training) -> Fact | None:
    losses = _losses(training.frames)
    if not losses:
        return Fact("Loss", "not told", "what is trained gives the monitor no losses")
    first, last = losses[0], losses[-1]
    tone: Tone = "warning" if _stuck(training) else "good" if last < first else "plain"
    least = min(losses)
    said = f"{first:.4g} at first" + (f"; {least:.4g} at best" if least < last else "")
    return Fact("Loss", f"{last:.4g}", said, tone)


def _updates(training: Training) -> Fact | None:
    ratios, when = _latest(training, "update")
    matrices = [ratio for name, ratio in ratios.items() if name in training.matrices and ratio > 0]
    if not matrices:
        return None
    middle = median(matrices)
    low, high = _USUAL
    said = f"a step moves the middle matrix by this, for its size; from {min(matrices):.2g} to {max(matrices):.2g}"
    said += f"{when}; about 0.001 is usual"
    return Fact("Update / weight", f"{middle:.2g}", said, "good" if low <= middle <= high else "warning")


def _signal(training: Training) -> Fact | None:
    first, (last, when) = _known(training, "signal", training.frames[0]), _latest(training, "signal")
    growth = {name: last[name] / first[name] for name in last if first.get(name) and last[name] > 0}
    if not growth:
        return None
    worst = max(growth, key=lambda name: abs(math.log(growth[name])))
    factor = max(growth[worst], 1 / growth[worst])
    tone: Tone = "good" if factor <= _SOUND else "plain" if factor <= _GROWN else "warning"
    said = f"E[x²] of {worst} against step {training.frames[0].step}{when}: the layer that changed most"
    return Fact("Signal since the start", f"× {growth[worst]:.3g}", said, tone)


def _idle(training: Training) -> Fact | None:
    shares, when = _latest(training, "idle")
    if not shares:
        return None
    worst = max(shares, key=lambda name: shares[name])
    said = f"{worst}{when}, the worst of {counted(len(shares), 'activation')}"
    return Fact(
        "Dead or saturated", f"{shares[worst] * 100:.0f} %", said, "good" if shares[worst] <= _IDLE else "warning"
    )


def _moved(training: Training) -> Fact | None:
    distances, when = _latest(training, "distance")
    far = {name: each for name, each in distances.items() if name in training.matrices}
    if not far:
        return None
    most = max(far, key=lambda name: far[name])
    said = f"of its norm lies between {most} and where it was drawn: the farthest of {len(far):,}{when}"
    return Fact("Moved", f"{far[most] * 100:.3g} %", said, "plain" if far[most] <= _FAR else "warning")


def _latest(training: Training, key: str) -> tuple[dict[str, float], str]:
    """Return the newest values that are finite, and when that was, where it was not in the last frame."""
    for frame in reversed(training.frames):
        known = _known(training, key, frame)
        if known:
            return known, "" if frame is training.frames[-1] else f" (in step {frame.step:,}, the last that has them)"
    return {}, ""


def _known(training: Training, key: str, frame: Frame) -> dict[str, float]:
    quantity = next(each for each in QUANTITIES if each.key == key)
    return {name: value for name, value in quantity.values(frame).items() if math.isfinite(value)}


def _losses(frames: Sequence[Frame]) -> list[float]:
    return [frame.loss for frame in frames if frame.loss is not None and math.isfinite(frame.loss)]


def _ends(training: Training) -> tuple[float, float]:
    losses = _losses(training.frames)
    return losses[0], median(losses[-_LAST:])


def _stuck(training: Training) -> bool:
    """Tell whether the loss is where it was, after enough steps."""
    if training.last < _PATIENCE or len(_losses(training.frames)) <= _LAST:
        return False
    first, last = _ends(training)
    return last >= first


def _sentence(text: str) -> str:
    """Return words with the point that ends a sentence."""
    return f"{text.rstrip('.')}."


def _raised(text: str) -> str:
    """Return words that begin with a capital."""
    return f"{text[:1].upper()}{text[1:]}"
