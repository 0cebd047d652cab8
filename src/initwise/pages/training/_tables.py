"""What the page draws, as tables: for those who see no chart, and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from initwise.differences import diff
from initwise.findings import Column, Finding, Table
from initwise.monitoring import Alert
from initwise.pages._data import law_words
from initwise.pages.training._content import Training
from initwise.pages.training._grid import Grid, drawn_frames

_STEPS = 9  # of those that are drawn
_CHANGES, _SAME = 40, 12  # rows that are shown


def losses(training: Training) -> Table:
    """Return the losses and learning rates at some steps."""
    frames = drawn_frames(training)
    shown = [frames[place] for place in _some(len(frames))]
    rows = tuple((f"{each.step:,}", _number(each.loss), _number(each.rate)) for each in shown)
    return Table("", (Column("step", "right"), Column("loss", "right"), Column("learning rate", "right")), rows)


def spread(grid: Grid) -> Table:
    """Return the least, the middle and the largest value of one quantity at some steps."""
    at = _some(len(grid.steps))
    columns = (Column("of all"), *(Column(f"step {grid.steps[place]:,}", "right") for place in at))
    rows = tuple(
        (head, *(_level(each[index] if each is not None else None, grid) for each in (grid.spread[p] for p in at)))
        for index, head in enumerate(("least", "middle", "largest"))
    )
    return Table("", columns, rows)


def changes(training: Training) -> Table:
    """Return what is suggested, with the evidence."""
    found = training.suggestion.changes
    columns = tuple(map(Column, ("of", "change", "from", "to", "because")))
    rows = tuple((each.parameter or "all", each.kind, each.old, each.new, each.evidence) for each in found[:_CHANGES])
    left = f"{len(found) - _CHANGES:,} more changes are in monitor.suggest()"
    return Table("", columns, rows, (left,) if len(found) > _CHANGES else ())


def difference(training: Training) -> Table | None:
    """Return how the suggested plan differs from the one that was given; None where there is none."""
    if training.plan is None or training.suggestion.plan is None:
        return None
    table = diff(training.plan, training.suggestion.plan).table()
    heads = {"law a": "law now", "law b": "law suggested", "std a": "std now", "std b": "std suggested"}
    heads |= {"b / a": "ratio", "count": "how many"}
    shown = [place for place, each in enumerate(table.columns) if each.name not in ("status", "reason")]
    columns = tuple(
        Column(heads.get(table.columns[place].name, table.columns[place].name), table.columns[place].align)
        for place in shown
    )
    rows = tuple(tuple(row[place] for place in shown) for row in table.rows)
    left = f"{len(rows) - _CHANGES:,} more rows are in iw.diff(monitor.plan, monitor.suggest().plan)"
    return Table("", columns, rows[:_CHANGES], (left,) if len(rows) > _CHANGES else ())


def same(training: Training, alert: Alert) -> Table:
    """Return the parameters or layers of an alert that names several: what was measured, and their laws."""
    found: Sequence[Finding] = alert.finding.each()
    rows = tuple(
        (each.parameter, each.measured, law_of(training, each.parameter) or "not known") for each in found[:_SAME]
    )
    left = f"{len(found) - _SAME:,} more are in monitor.alerts"
    columns = (Column("of"), Column("measured"), Column("law"))
    return Table("", columns, rows, (left,) if len(found) > _SAME else ())


def law_of(training: Training, name: str) -> str:
    """Return the law of a parameter; "" where none is known."""
    return law_words(training.plan, name) if training.plan is not None else ""


def _some(count: int) -> list[int]:
    """Return places among so many: the first, the last, and some between."""
    return sorted({round(place * (count - 1) / (_STEPS - 1)) for place in range(_STEPS)}) if count else []


def _level(value: float | None, grid: Grid) -> str:
    if value is None:
        return "–"
    return f"{value * 100:.0f} %" if grid.quantity.share else f"{value:.3g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
