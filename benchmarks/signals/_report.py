"""The page and the lines on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from benchmarks.signals._giant import GIGABYTES, SECONDS
from benchmarks.signals._score import LIMITS, Point, Score, Tally

HEAD = """# How near predicted signals come to measured ones

Written by `make signal-accuracy`. Each model is measured with 16 seeds of weights: one real forward and backward pass
each (`benchmarks/signals/_measure.py`; the numbers are in `measured/`). `iw.predict` is given the same inputs and the
plan, and no weights. Which models there are, and which of them may be developed with, was committed before any of them
was scored. Scored are the second moments E[x^2] of the outputs of weight operations (forward), E[g^2] of the gradients
of these outputs (backward), and E[g^2] of the gradients of parameters (weights), against the geometric mean over seeds:

- exempt: what spreads by more than 25 % from seed to seed (the standard deviation of the logarithm)
- missing, NaN or infinite predictions fail; zeros must be zero; what is zero in float64 and not in float32 may be up to
  100 times the rounding that was measured
- "one seed" is what another seed of the real model scores as a prediction: it knows everything but the seed
- "of the root": the same factors for sqrt(E[x^2]), which is the easier measure
- a measured cross entropy with random labels is a mean over many draws of labels, with the same expectation: those of
  two images alone would tell it to 0.2 nats only
- time is that of `predict` alone, on the clock; processor time is that of all threads together
"""
WORDS = {"forward": "outputs", "backward": "activation gradients", "weights": "weight gradients"}


def totals(scores: Sequence[Score], seeds: Sequence[Score]) -> Iterator[str]:
    """Each criterion with what was wanted and what was found."""
    yield f"| of {len(scores)} models | number | wanted | found | | of the root | one seed |"
    yield "|---|--:|--:|--:|---|--:|--:|"
    for kind, limits in LIMITS.items():
        found, other = summed(scores, kind), summed(seeds, kind)
        for factor, wanted in limits:
            share = found.share(factor)
            yield (
                f"| {WORDS[kind]} {_within(factor)} | {len(found.errors):,} | {wanted:.0%} | **{_percent(share)}** |"
                f" {_mark(share >= wanted)} | {_percent(found.share(factor, root=True))} |"
                f" {_percent(other.share(factor))} |"
            )
    yield from _losses(scores, seeds)
    yield from _zeros(scores)
    yield from _counts(scores)


def _losses(scores: Sequence[Score], seeds: Sequence[Score]) -> Iterator[str]:
    judged = [each.loss_is_right for each in scores if each.loss_is_right is not None]
    other = [each.loss_is_right for each in seeds if each.loss_is_right is not None]
    share = sum(judged) / max(len(judged), 1)
    yield (
        f"| loss within max(0.05 nats, 1 %) | {len(judged)} | 100% | **{_percent(share)}** | {_mark(share >= 1)} | |"
        f" {_percent(sum(other) / max(len(other), 1))} |"
    )


def _zeros(scores: Sequence[Score]) -> Iterator[str]:
    zeros = reduce(add, (summed(scores, kind) for kind in LIMITS), Tally())
    share = zeros.right / zeros.zeros if zeros.zeros else math.nan
    yield f"| zeros | {zeros.zeros:,} | 100% | **{_percent(share)}** | {_mark(not share < 1)} | | |"


def _counts(scores: Sequence[Score]) -> Iterator[str]:
    yield ""
    seconds, processor = (sorted(getattr(each, name) for each in scores) for name in ("seconds", "processor"))
    whole = [summed(scores, kind) for kind in LIMITS]
    uncertain = sum(each.loss_is_uncertain for each in scores)
    slow = sum(not each < 2 for each in seconds)
    yield (
        f"Exempt: {', '.join(f'{each.exempt:,} {WORDS[kind]}' for kind, each in zip(LIMITS, whole, strict=True))}."
        f" Missing: {', '.join(f'{each.missing:,}' for each in whole)}."
        f" Not predicted at all: {sum(not any(p.predicted for p in each.points) for each in scores)} models."
        f" Losses whose mean over 16 seeds is itself less certain than that: {uncertain}."
        f" Seconds a model: median {seconds[len(seconds) // 2]:.2f}, most {seconds[-1]:.2f}; {slow} above 2 s."
        f" Processor time: median {processor[len(processor) // 2]:.2f}, most {processor[-1]:.2f}."
    )


def summed(scores: Sequence[Score], kind: str) -> Tally:
    """All models together, each operation counting once."""
    return reduce(add, (each.tally(kind) for each in scores), Tally())


def rows(scores: Sequence[Score]) -> Iterator[str]:
    """One line for each model."""
    yield (
        "| model | recipe | outputs | 10 % | 25 % | 2x | gradients | 25 % | 2x | weights | 2x | zeros |"
        " loss: predicted | measured | | s | |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|"
    for each in scores:
        yield row(each)


def row(score: Score) -> str:
    """One model's line."""
    cells = [score.name, score.recipe]
    for kind, limits in LIMITS.items():
        found = score.tally(kind)
        exempt = f" (+{found.exempt})" if found.exempt else ""
        cells += [f"{len(found.errors)}{exempt}", *(_percent(found.share(factor)) for factor, _ in limits)]
    zeros = reduce(add, (score.tally(kind) for kind in LIMITS))
    cells.append(f"{zeros.right}/{zeros.zeros}" if zeros.zeros else "")
    loss = score.measured_loss
    cells += ["" if loss is None else _number(score.predicted_loss), "" if loss is None else f"{loss.value:.3f}"]
    right = score.loss_is_right
    cells += ["" if right is None else _mark(right), f"{score.seconds:.2f}", score.reason.replace("|", "/")[:160]]
    return f"| {' | '.join(cells)} |"


def worst(score: Score, count: int = 10) -> Iterator[str]:
    """The predictions of one model that are farthest off."""
    for each in score.worst(count):
        yield f"    {each.kind:8}  {_told(each):60}  {_ratio(each)}  spread {each.measured.spread:.0%}"


def _told(point: Point) -> str:
    if isinstance(point.key, str):
        return point.key
    module, operation, call, number = point.key
    more = f" call {call}" if call else ""
    return f"{module or '(root)'} {operation}{f' #{number}' if number else ''}{more}"


def _ratio(point: Point) -> str:
    if point.predicted is None:
        return f"missing; measured {point.measured.value:.3g}"
    ratio = point.predicted / point.measured.value if point.measured.value else math.inf
    return f"{point.predicted:.3g} / {point.measured.value:.3g} = {ratio:.3g} ({point.way})"


def giants(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What Llama 405B takes."""
    yield "| tokens | plan, s | predict, s | peak memory, GB | before, GB | rows | loss | |"
    yield "|--:|--:|--:|--:|--:|--:|--:|---|"
    for each in found:
        if "predict" not in each:
            yield f"| {each['length']} | | | | | | | {each['reason']} |"
            continue
        yield (
            f"| {each['length']} | {each['plan']:.1f} | {each['predict']:.1f} | {each['gigabytes']:.2f} |"
            f" {each['before']:.2f} | {each['rows']:,} | {_number(each['loss'])} | {each['reason'][:160]} |"
        )


def page(
    lists: Mapping[str, Sequence[Score]],
    seeds: Mapping[str, Sequence[Score]],
    shown: Sequence[str],
    giant: Sequence[Mapping[str, Any]],
    machine: str,
) -> Iterator[str]:
    """All lines of the page."""
    yield from HEAD.splitlines()
    yield from ("", machine)
    for name in reversed(list(lists)):
        yield from ("", f"## {TITLES[name]}", "")
        yield from totals(lists[name], seeds[name])
    if giant:
        yield from ("", f"## Llama 405B on meta (wanted: {SECONDS:g} s, {GIGABYTES:g} GB)", "")
        yield from giants(giant)
    for name in shown:
        yield from ("", f"## {TITLES[name]}, one by one", "")
        yield from rows(lists[name])


TITLES = {"developed": "Models developed with", "unseen": "Models not developed on"}


def _within(factor: float) -> str:
    return f"within {factor:g}x" if factor >= 2 else f"within {factor - 1:.0%}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{math.floor(share * 1000) / 10:g}%"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mark(right: bool) -> str:
    return "met" if right else "not met"
