"""The page about an experiment: text and tables that stand without a script, then what its script draws."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from initwise.comparison import Comparison
from initwise.findings import Table
from initwise.pages._charts import Spec
from initwise.pages._drawn import Drawn
from initwise.pages._facts import summary_html
from initwise.pages._frame import body, framed
from initwise.pages._sections import chart, figure, plain_cell, scrolled, table_html
from initwise.pages.experiment import _charts, _data, _tables
from initwise.pages.experiment._summary import edges, facts, verdict
from initwise.pages.experiment._svg import svg, swatch

_PARTS = {
    "summary": "Summary",
    "verdicts": "Verdicts",
    "training": "Training",
    "rates": "Learning rates",
    "notes": "Notes",
}
_SCRIPTS = ("base", "vega", "experiment", "paper", "start")
_VERDICTS = {
    "better": ("good", "✔"),
    "worse": ("error", "✖"),
    "equivalent": ("plain", "≈"),
    "undecided": ("warning", "?"),
}


def html(comparison: Comparison, title: str) -> str:
    """Return the page."""
    names = comparison.experiment.design.strategies
    charts = _drawn(comparison)
    sections = {
        "summary": summary_html(verdict(comparison), facts(comparison)),
        "verdicts": _verdicts(comparison, charts),
        "training": _training(comparison, title, charts),
        "rates": _rates(comparison, charts),
        "notes": "".join(f"<li>{escape(note)}</li>" for note in notes(comparison)),
    }
    return framed(
        title=title,
        parts=_PARTS,
        body=body("experiment", sections),
        origin=f"task {escape(comparison.experiment.task.name)} · {len(names)} strategies",
        data={"sets": {name: drawn.sets for name, (drawn, _) in charts.items()}},
        specs={name: spec for name, (_, spec) in charts.items()},
        scripts=_SCRIPTS,
    )


def notes(comparison: Comparison) -> list[str]:
    """Return what else is worth knowing."""
    found = comparison.verdicts
    lost = [f"{each.strategy} was stopped after {each.seeds} seeds: {each.reason}" for each in found.lost]
    return [
        *found.notes,
        *lost,
        "Learning curves: geometric means over the runs that are still finite, with Student's 95 % intervals, each for"
        " one strategy at one step; whether two strategies differ is told by the verdicts, which compare pairs.",
        "Learning rates were chosen on seeds that decide nothing: the fewest divergences, then the lowest median loss.",
    ]


def _drawn(comparison: Comparison) -> dict[str, tuple[Drawn, Spec]]:
    """Return the charts that have something to draw."""
    design = comparison.experiment.design
    count = len(design.strategies)
    curves, seeds = _data.curves(comparison), _data.seeds(comparison)
    rates, signals = _data.rates(comparison), _data.signals(comparison)
    validated = any(run.validation is not None for run in comparison.outcomes.values())
    loss = "validation loss" if validated else "training loss"
    apart = _data.differences(comparison)
    margin, reference = comparison.verdicts.margin, comparison.verdicts.reference
    found = {
        "differences": (apart, _charts.differences(apart, design.strategies, margin, reference)),
        "curves": (curves, _charts.curves(curves, count)),
        "seeds": (seeds, _charts.seeds(seeds, design.strategies, loss)),
        "rates": (rates, _charts.rates(rates, count, design.rates, loss)),
        "signals": (signals, _charts.signals(signals, count, _data.modules(comparison))),
    }
    return {name: each for name, each in found.items() if each[0].low is not None}


def _verdicts(comparison: Comparison, charts: dict[str, tuple[Drawn, Spec]]) -> str:
    table = _tables.verdicts(comparison)
    said = "".join(f'<p class="hint">{escape(note)}</p>' for note in table.notes[:1])
    grey = "; grey: too small to matter" if comparison.verdicts.margin else ""
    apart = chart("differences", f"Difference from the reference{grey}")
    seeds = _figure(
        charts,
        "seeds",
        "Loss of every run: a line joins a seed, bars are medians",
        _tables.seeds(comparison),
        "Losses by seed",
        comparison,
    )
    apart = f"<figure>{apart}</figure>" if "differences" in charts else ""
    return f'{scrolled(_table(table, comparison), "Verdicts")}{said}<div class="pair">{apart}{seeds}</div>'


def _training(comparison: Comparison, title: str, charts: dict[str, tuple[Drawn, Spec]]) -> str:
    curves = _figure(
        charts,
        "curves",
        "Learning curves: training loss over steps, with 95 % intervals",
        _tables.curves(comparison),
        "Training loss by step",
        comparison,
    )
    table = _tables.signals(comparison)
    signals = (
        ""
        if table is None
        else _figure(
            charts,
            "signals",
            "Before training: size of what each module returns, seed 0",
            table,
            "Signals at initialization",
            comparison,
        )
    )
    return f'{_legend(comparison)}{svg(comparison, title, "still")}<div class="pair">{curves}{signals}</div>'


def _rates(comparison: Comparison, charts: dict[str, tuple[Drawn, Spec]]) -> str:
    chosen = ", ".join(f"{name} {rate:g}" for name, rate in comparison.rates.items())
    if len(comparison.experiment.design.rates) == 1:
        return f"<p>Nothing was tuned: {escape(chosen)}.</p>"
    warnings = "".join(f'<li class="warning"><span>▲</span> {escape(each)}</li>' for each in edges(comparison))
    told = f'<ul class="verdicts">{warnings}</ul>' if warnings else ""
    figure = _figure(
        charts,
        "rates",
        "Loss in tuning: dots are runs, lines medians, rings the chosen rates, crosses divergences",
        _tables.rates(comparison),
        "Median loss by learning rate",
        comparison,
    )
    return f"<p>Chosen: {escape(chosen)}.</p>{told}{_legend(comparison, 'legend screen')}{figure}"


def _legend(comparison: Comparison, kind: str = "legend") -> str:
    names = comparison.experiment.design.strategies
    keys = "".join(f"<li>{swatch(place)}{escape(name)}</li>" for place, name in enumerate(names))
    return f'<ul class="{kind}">{keys}</ul>'


def _figure(
    charts: dict[str, tuple[Drawn, Spec]], name: str, title: str, table: Table, head: str, comparison: Comparison
) -> str:
    """Return a chart with its numbers below it."""
    return figure(name, title, _table(table, comparison), head, drawn=name in charts)


def _table(table: Table, comparison: Comparison) -> str:
    names = comparison.experiment.design.strategies
    return table_html(table, named=lambda text: _named(text, names), cell=_cell)


def _named(text: str, names: Sequence[str]) -> str:
    """Return a heading; the name of a strategy stands behind its colour."""
    return f"{swatch(names.index(text))}{escape(text)}" if text in names else escape(text)


def _cell(text: str, kind: str) -> str:
    if text in _VERDICTS:
        tone, mark = _VERDICTS[text]
        return f'<td class="{tone}"><b><span aria-hidden="true">{mark}</span> {text}</b></td>'
    return plain_cell(text, kind)
