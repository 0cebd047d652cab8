"""What the charts of the page draw: rows for each, and the ends of their axes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from initwise.comparison import Comparison, Outcome
from initwise.pages._drawn import Drawn, Rows, ends, short
from initwise.pages._ticks import ticks
from initwise.pages.experiment._tables import first, tuning
from initwise.pages.experiment._words import against


class Differences(Drawn):
    """What the chart of differences draws: its axis is even, also where they are those of logarithms."""

    @property
    def ticks(self) -> list[float]:
        """Where the axis has labels: of logarithms, where their ratios are round."""
        if self.low is None or self.high is None:
            return []
        if not self.logarithmic:
            return ticks(self.low, self.high, logarithmic=False)
        low, high = (math.exp(max(-300.0, min(end, 300.0))) for end in (self.low, self.high))
        return [round(math.log(each), 9) for each in ticks(low, high, logarithmic=True)]


def differences(comparison: Comparison) -> Drawn:
    """Return how the losses of each contender lie to the reference's, with intervals, and the margin."""
    found = comparison.verdicts
    places = {name: place for place, name in enumerate(comparison.experiment.design.strategies)}
    rows: Rows = []
    for each in found.contenders:
        if each.difference is not None:
            low, high = each.interval or (each.difference, each.difference)
            bounds = {"x": each.difference, "low": low, "high": high, "s": places[each.strategy]}
            rows.append({**bounds, "name": each.strategy, "verdict": each.verdict, "told": against(each, found.scale)})
    rows.sort(key=lambda row: row["s"])
    margin = [] if found.margin is None else [{"low": -found.margin, "high": found.margin}]
    sets = {"points": rows, "margin": margin, "zero": [{"x": 0}]}
    if not rows:
        return Drawn(sets, None, None, logarithmic=False)
    values = [row["x"] for row in rows]
    least, most = min([0.0, *values]), max([0.0, *values])
    room = max(most - least, found.margin or 0.0) or 1.0
    low = max(min(row["low"] for row in rows), least - room)
    high = min(max(row["high"] for row in rows), most + room)
    edges = [low, high, *(end * 1.5 for row in margin for end in row.values())]
    low, high = min(0.0, *edges), max(0.0, *edges)
    edge = (high - low) * 0.04
    return Differences(sets, low - edge, high + edge, found.scale == "log")


def curves(comparison: Comparison) -> Drawn:
    """Return the learning curves: means, intervals, and where a run left."""
    rows: Rows = []
    for place, (name, each) in enumerate(comparison.curves.items()):
        for step, mean, low, high, runs in zip(each.steps, each.mean, each.low, each.high, each.runs, strict=True):
            if mean is not None:
                interval = "–" if low is None or high is None else f"{low:.4g} to {high:.4g}"
                rows.append(
                    {"x": step, "y": short(mean), "low": short(low), "high": short(high), "s": place, "name": name}
                    | {"interval": interval, "runs": runs}
                )
    around = ends([row["y"] for row in rows], [row[end] for row in rows for end in ("low", "high")])
    return Drawn({"lines": rows}, *around)


def seeds(comparison: Comparison) -> Drawn:
    """Return the loss of every run that decides, and how many of each strategy diverged."""
    rows: Rows = []
    lost: Rows = []
    for place, name in enumerate(comparison.experiment.design.strategies):
        runs = comparison.runs(name)
        rows += [_row(run, place, x=place, seed=run.cell.seed) for run in runs if run.loss is not None]
        lost += _lost(runs, place, x=place)
    medians = [
        {"x": place, "y": statistics.median(losses), "s": place}
        for place in sorted({row["s"] for row in rows})
        for losses in [[row["y"] for row in rows if row["s"] == place]]
    ]
    return Drawn({"dots": rows, "medians": medians, "lost": lost}, *ends([row["y"] for row in rows]), len(lost))


def rates(comparison: Comparison) -> Drawn:
    """Return what tuning found: every run, the medians, the chosen ones, and the divergences."""
    design = comparison.experiment.design
    dots: Rows = []
    medians: Rows = []
    lost: Rows = []
    for place, name in enumerate(design.strategies):
        for rate in design.rates:
            runs = tuning(comparison, name, rate)
            own = [_row(run, place, x=rate) for run in runs if run.loss is not None]
            dots += own
            lost += _lost(runs, place, x=rate)
            if own:
                median = statistics.median(row["y"] for row in own)
                chosen = int(rate == comparison.rates[name])
                medians.append({"x": rate, "y": median, "s": place, "name": name, "chosen": chosen})
    ranks = {place: rank for rank, place in enumerate(sorted({row["s"] for row in lost}))}
    lost = [{**row, "rank": ranks[row["s"]]} for row in lost]
    sets = {"dots": dots, "medians": medians, "lost": lost}
    return Drawn(sets, *ends([row["y"] for row in dots]), len(ranks))


def signals(comparison: Comparison) -> Drawn:
    """Return how large the outputs are at initialization, module by module."""
    rows: Rows = []
    for place, name in enumerate(comparison.experiment.design.strategies):
        for x, row in enumerate(first(comparison, name).get("outputs") or ()):
            level = row.get("std")
            if level:
                zeros = f"{row.get('zeros', 0) * 100:.0f} %"
                module = row.get("module", "")
                rows.append({"x": x, "y": short(level), "s": place, "name": name, "module": module, "zeros": zeros})
    return Drawn({"lines": rows}, *ends([row["y"] for row in rows]))


def modules(comparison: Comparison) -> dict[str, str]:
    """Return the names of the modules by place."""
    names = comparison.experiment.design.strategies
    longest = max((first(comparison, name).get("outputs") or () for name in names), key=len)
    return {str(place): row.get("module", "") for place, row in enumerate(longest)}


def _row(run: Outcome, place: int, **more: Any) -> dict[str, Any]:
    return {"y": short(run.loss), "s": place, "name": run.cell.strategy} | more


def _lost(runs: Sequence[Outcome], place: int, **more: Any) -> Rows:
    count = sum(run.loss is None for run in runs)
    if not count:
        return []
    return [{"s": place, "name": runs[0].cell.strategy, "count": f"{count} of {len(runs)} diverged"} | more]
