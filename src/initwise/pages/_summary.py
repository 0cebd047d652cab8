"""The summary: what a reader learns who reads nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from initwise.pages._content import Content
from initwise.signals.shown._sentences import classes

Tone = Literal["good", "warning", "error", "plain"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know: a heading, a number or a few words, a sentence."""

    title: str
    value: str
    sentence: str
    tone: Tone = "plain"


def verdict(content: Content) -> Fact:
    """Return the whole in one sentence, with the first thing to do."""
    errors = [each for each in content.findings if each.severity == "error"]
    warnings = [each for each in content.findings if each.severity == "warning"]
    bad = [each for each in (content.signals.verdicts if content.signals else ()) if not each.ok]
    if not (errors or warnings or bad):
        told = "the signal keeps its size" if content.signals and content.signals.verdicts else "nothing was found"
        return Fact("Verdict", "All is well", f"Every parameter has a law, and {told}.", "good")
    first = next(iter([*errors, *warnings]), None)
    culprit = next((each.culprit for each in bad if each.culprit), None)
    if culprit is not None:
        said = f"{culprit.message}. What to do: {culprit.fix}."
    elif first is not None:
        said = f"{first.parameter}: {first.message}"
    else:
        said = f"{bad[0].message}."
    count = len(errors) + len(warnings) or len(bad)
    return Fact(
        "Verdict", f"{count} thing{'' if count == 1 else 's'} to look at", said, "error" if errors else "warning"
    )


def facts(content: Content) -> list[Fact]:
    """Return what else the summary tells."""
    return [_parameters(content), *_loss(content), *_growth(content)]


def _parameters(content: Content) -> Fact:
    count = len(content.plan)
    kept = sum(row.kept for row in content.plan)
    numbers = f"{content.elements:,} numbers" + (f"; {kept:,} parameters are kept as they are" if kept else "")
    if content.verified is None:
        return Fact("Parameters", f"{count:,}", f"{numbers}; none is in memory yet")
    off = content.unplanned
    if not off:
        return Fact("Parameters", f"all {count:,} as planned", numbers, "good")
    if content.is_written:
        return Fact("Parameters", f"{off:,} of {count:,} not as planned", numbers, "error")
    said = f"{off:,} of them are not as planned: the plan is not written into this model; {numbers}"
    return Fact("Parameters", f"{count:,}", said)


def _loss(content: Content) -> list[Fact]:
    pairs = [(name, each) for name, each in (("predicted", content.predicted), ("measured", content.measured)) if each]
    known = [(name, each.loss) for name, each in pairs if each.loss is not None]
    if not known:
        return []
    value = " / ".join(f"{loss:.4g}" for _, loss in known)
    words = pairs[0][1].loss_in_words
    count = classes(pairs[0][1])
    words += f"; guessing has ln {count:,} = {math.log(count):.4g}" if count else ""
    return [Fact("Loss at initialization", value, f"{' / '.join(name for name, _ in known)}: {words}")]


def _growth(content: Content) -> list[Fact]:
    found = []
    signals = content.signals
    for direction, title in (("forward", "Signal, growth a block"), ("backward", "Gradient, growth a block")):
        paths = [each for each in (signals.verdicts if signals else ()) if each.direction == direction]
        worst = max(paths, key=lambda each: abs(math.log(each.growth)) if each.growth else 0.0, default=None)
        if worst is not None and worst.growth is not None:
            low, high = worst.band
            tone: Tone = "good" if worst.ok else "warning"
            said = f"{worst.path}; it should lie between {low:.3g} and {high:.3g}"
            said += "; it does, but a weight is to blame" if not worst.ok and low <= worst.growth <= high else ""
            found.append(Fact(title, f"{worst.growth:.3g}-fold", said, tone))
    return found
