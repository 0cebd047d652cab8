"""The summary: what a reader learns who reads nothing else."""

from __future__ import annotations

import math

from initwise.pages._content import Content
from initwise.pages._facts import Fact
from initwise.signals import Verdict
from initwise.signals.shown import classes


def verdict(content: Content) -> Fact:
    """Return the whole in one sentence, with the first thing to do."""
    errors = [each for each in content.findings if each.severity == "error"]
    warnings = [each for each in content.findings if each.severity == "warning"]
    bad = [each for each in _verdicts(content) if not each.ok]
    first = next(iter([*errors, *warnings]), None)
    culprit = next((each.culprit for each in bad if each.culprit), None)
    if culprit is not None:
        said = f"{culprit.message}. What to do: {culprit.fix}."
    elif first is not None:
        said = f"{first.parameter}: {first.message}" + (f". What to do: {first.fix}" if first.fix else "")
    elif bad:
        said = f"{bad[0].message}."
    elif _stuck(content):
        said = "No layer's weight receives a gradient: training cannot start. What to do: draw weights that are not 0."
    else:
        return Fact("Verdict", "All is well", f"Every parameter has a law, and {_good(content)}.", "good")
    names = {each.parameter for finding in (*errors, *warnings) for each in finding.each()}
    count = len(names) or max(len(bad), 1)
    title = f"{count:,} thing{'' if count == 1 else 's'} to look at"
    return Fact("Verdict", title, said, "error" if errors else "warning")


def _verdicts(content: Content) -> tuple[Verdict, ...]:
    return content.signals.verdicts if content.signals is not None else ()


def _good(content: Content) -> str:
    if any(each.growth is not None for each in _verdicts(content)):
        return "the signal keeps its size"
    return "nothing was found" + ("; how the signal grows is not known" if content.signals is not None else "")


def _stuck(content: Content) -> bool:
    """Tell whether every layer's weight has a gradient of exactly zero."""
    signals = content.signals
    if signals is None:
        return False
    layers = {name for row in signals if row.is_layer for name in row.parameters}
    levels = [
        signals.parameters[name].grad_second_moment
        for name in layers
        if name in content.plan and len(content.plan[name].shape) > 1 and name in signals.parameters
    ]
    return bool(levels) and all(level == 0 for level in levels)


def facts(content: Content) -> list[Fact]:
    """Return what else the summary tells."""
    return [_parameters(content), *_loss(content), *_growth(content)]


def _parameters(content: Content) -> Fact:
    count = len(content.plan)
    kept = sum(row.kept for row in content.plan)
    values = f"{content.elements:,} values" + (f"; {kept:,} parameters are kept as they are" if kept else "")
    if content.verified is None:
        return Fact("Parameters", f"{count:,}", f"{values}; none is in memory yet")
    off = content.unplanned
    if not off:
        return Fact("Parameters", f"all {count:,} as planned" if count > 1 else "as planned", values, "good")
    if content.is_written:
        return Fact("Parameters", f"{off:,} of {count:,} not as planned", values, "error")
    return Fact("Parameters", f"{count:,}", f"{values}; the plan is not yet in this model: {off:,} differ")


def _loss(content: Content) -> list[Fact]:
    pairs = [(name, each) for name, each in (("predicted", content.predicted), ("measured", content.measured)) if each]
    known = [(name, each.loss) for name, each in pairs if each.loss is not None]
    if not known:
        return []
    said = ", ".join(f"{name} {loss:.4g}" for name, loss in known) if len(known) > 1 else known[0][0]
    count = classes(pairs[0][1])
    guess = f"; blind guessing gives {math.log(count):.4g}" if count else ""
    return [Fact("Loss before training", f"{known[-1][1]:.4g}", f"{said}: {pairs[0][1].loss_in_words}{guess}")]


def _growth(content: Content) -> list[Fact]:
    found = []
    for direction, what in (("forward", "signal"), ("backward", "gradient")):
        paths = [each for each in _verdicts(content) if each.direction == direction]
        worst = max(paths, key=lambda each: abs(math.log(each.growth)) if each.growth else 0.0, default=None)
        if worst is not None and worst.growth is not None:
            low, high = worst.band
            said = f"each block multiplies the {what}'s mean square by this"
            said += f"; ×\u00a0{low:.3g} to ×\u00a0{high:.3g} is sound"
            said += ", but one weight is not" if not worst.ok and low <= worst.growth <= high else ""
            said += f"; the worst of {len(paths)} paths, {worst.path.replace('->', '→')}" if len(paths) > 1 else ""
            title = f"{what.capitalize()}, block by block"
            found.append(Fact(title, f"× {worst.growth:.3g}", said, "good" if worst.ok else "warning"))
    return found
