"""What the page draws, as tables: for those who see no chart, and for Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from initwise.comparison import Cell, Comparison, Outcome
from initwise.comparison.statistics import Contender
from initwise.findings import Column, Table
from initwise.pages.experiment._words import against, change, fate

_ROWS = 9  # of a learning curve


def verdicts(comparison: Comparison) -> Table:
    """Return what is said of every strategy, and on what grounds."""
    found = comparison.verdicts
    said = {each.strategy: each for each in found.contenders}
    right = ("middle loss", f"loss against {found.reference}", "lower loss on", "diverged")
    columns = (Column("strategy"), Column("verdict"), *(Column(name, "right") for name in right), Column("grounds"))
    rows = []
    for diverged, mean in zip(found.divergences, found.means, strict=True):
        name = diverged.strategy
        each = said.get(name)
        middle = "–" if mean.value is None else f"{mean.value:.4g}"
        cells = _contender(each, comparison) if each else ("reference" if found.named else "lowest loss", "", "", "")
        rows.append((name, cells[0], middle, cells[1], cells[2], fate(diverged), cells[3]))
    note = (
        "Middle loss: the mean of the middle half of the seeds. Behind a difference stands its interval at the level of"
        " the verdict, behind a count of divergences the 95 % interval of their probability (Clopper and Pearson)."
    )
    size = "" if found.margin is None else f" Equivalent: within {change(found.margin, found.scale)} of the reference."
    return Table("", columns, tuple(rows), (note + size, *found.notes))


def _contender(said: Contender, comparison: Comparison) -> tuple[str, str, str, str]:
    won = f"{said.improvement.value * said.improvement.seeds:g} of {said.improvement.seeds} seeds"
    return said.verdict, against(said, comparison.verdicts.scale), won, said.reason


def curves(comparison: Comparison) -> Table:
    """Return the learning curves at some steps, with their intervals."""
    by_step = {
        name: dict(zip(each.steps, zip(each.mean, each.low, each.high, strict=True), strict=True))
        for name, each in comparison.curves.items()
    }
    steps = sorted({step for each in by_step.values() for step in each})
    at = sorted({round(place * (len(steps) - 1) / (_ROWS - 1)) for place in range(_ROWS)}) if steps else []
    rows = [(f"{steps[place]:,}", *(_mean(each.get(steps[place])) for each in by_step.values())) for place in at]
    return _table("step", comparison, rows)


def _mean(point: tuple[float | None, float | None, float | None] | None) -> str:
    mean, low, high = point or (None, None, None)
    if mean is None:
        return "–"
    return f"{mean:.3g}" if low is None or high is None else f"{mean:.3g} ({low:.3g} to {high:.3g})"


def seeds(comparison: Comparison) -> Table:
    """Return the loss of every run that decides."""
    names = comparison.experiment.design.strategies
    runs = {name: {each.cell.seed: each for each in comparison.runs(name)} for name in names}
    most = max(len(each) for each in runs.values())
    rows = [(str(seed), *(_loss(runs[name].get(seed)) for name in names)) for seed in range(most)]
    return _table("seed", comparison, rows)


def _loss(run: Outcome | None) -> str:
    if run is None:
        return "not run"
    return "diverged" if run.loss is None else f"{run.loss:.4g}"


def rates(comparison: Comparison) -> Table:
    """Return what every learning rate reached in tuning, and which was chosen."""
    design = comparison.experiment.design
    rows = []
    for rate in design.rates:
        cells = [_tuned(tuning(comparison, name, rate), rate == comparison.rates[name]) for name in design.strategies]
        rows.append((f"{rate:g}", *cells))
    return _table("learning rate", comparison, rows)


def tuning(comparison: Comparison, name: str, rate: float) -> list[Outcome]:
    """Return the runs of a strategy at a learning rate that tuned it."""
    cells: list[Cell] = [
        each for each in comparison.experiment.design.tuning if (each.strategy, each.rate) == (name, rate)
    ]
    return [comparison.outcomes[cell] for cell in cells if cell in comparison.outcomes]


def _tuned(runs: Sequence[Outcome], chosen: bool) -> str:
    losses = [run.loss for run in runs if run.loss is not None]
    lost = len(runs) - len(losses)
    parts = [f"{statistics.median(losses):.4g}" if losses else "", f"{lost} of {len(runs)} diverged" if lost else ""]
    return ", ".join(filter(None, [*parts, "chosen" if chosen else ""]))


def signals(comparison: Comparison) -> Table | None:
    """Return what the first step of seed 0 showed before it; None where no run tells."""
    names = [name for name in comparison.experiment.design.strategies if first(comparison, name)]
    if not names:
        return None
    heads = ("gradient norm", "gradient, first layer over last", "parameters without gradient")
    columns = (Column("strategy"), *(Column(head, "right") for head in (*heads, "std of first output", "of last")))
    rows = []
    for name in names:
        found = first(comparison, name)
        ends = [row.get("std") for row in found.get("outputs") or ()]
        still = found.get("still")
        numbers = [found.get("gradient_norm"), found.get("gradient_ratio")]
        shown = [*map(_short, numbers), "–" if still is None else f"{still * 100:.0f} %"]
        rows.append((name, *shown, *map(_short, (ends[0], ends[-1]) if ends else (None, None))))
    return Table("", columns, tuple(rows))


def first(comparison: Comparison, name: str) -> Mapping[str, Any]:
    """Return the signals of a strategy's first seed."""
    runs = comparison.runs(name)
    return runs[0].signals if runs else {}


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _table(head: str, comparison: Comparison, rows: Sequence[tuple[str, ...]]) -> Table:
    names = comparison.experiment.design.strategies
    return Table("", (Column(head, "right"), *(Column(name, "right") for name in names)), tuple(rows))
