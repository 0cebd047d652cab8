"""The report of a monitor as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from initwise.findings import Column, Table
from initwise.monitoring._alert import Alert
from initwise.monitoring._flight import Flight
from initwise.monitoring._frame import Frame
from initwise.monitoring._suggestion import Suggestion
from initwise.monitoring.sinks import label
from initwise.reporting import markdown, markdown_line

_MOST = 60  # rows of a table


def report(
    name: str,
    steps: int,
    frames: Sequence[Frame],
    alerts: Sequence[Alert],
    suggestion: Suggestion,
    flight: Flight | None,
    notes: Sequence[str],
) -> str:
    """Return the whole of it: alerts, flight, suggestion, losses, layers and parameters in the last frame."""
    parts = [f"# Training of {markdown_line(name)}", f"{steps:,} steps, {len(frames):,} of them looked at."]
    parts += [f"- {markdown_line(note)}" for note in notes]
    parts += ["## Alerts", *(list(_alerts(alerts)) or ["None."])]
    parts += ["## The last frames before it", markdown(flight.table())] if flight is not None else []
    parts += [
        "## To try next",
        markdown(replace(suggestion.table(), title="")) if suggestion else "Nothing speaks for a change.",
    ]
    if frames:
        parts += ["## Losses", markdown(_losses(frames))]
        parts += [f"## Layers in step {frames[-1].step}", markdown(_layers(frames))]
        parts += [f"## Parameters in step {frames[-1].step}", markdown(_parameters(frames[-1]))]
    return "\n\n".join(parts) + "\n"


def _alerts(alerts: Sequence[Alert]) -> Iterator[str]:
    for alert in alerts:
        one = alert.finding
        more = f" (and {len(one.others)} more)" if one.others else ""
        yield (
            f"- **{one.code}** {one.severity}, step {alert.step}, {markdown_line(one.parameter)}{more}:"
            f" {markdown_line(one.message)}. Measured {markdown_line(one.measured)}; expected"
            f" {markdown_line(one.expected)}. {markdown_line(one.fix)}"
        )


def _losses(frames: Sequence[Frame]) -> Table:
    shown = frames if len(frames) <= 12 else [frames[i * (len(frames) - 1) // 11] for i in range(12)]
    rows = tuple((f"{each.step:,}", number(each.loss), number(each.rate)) for each in shown)
    return Table("", (Column("step", "right"), Column("loss", "right"), Column("learning rate", "right")), rows)


def _layers(frames: Sequence[Frame]) -> Table:
    """The layers of the last frame, with the second moment that they had in the first one."""
    first = {label(row): row.second_moment for row in frames[0].layers}
    heads = ("E[x²]", "at first", "E[g²]", "peak", "dead", "saturated", "rank")
    rows = tuple(
        (
            label(row),
            number(row.second_moment),
            number(first.get(label(row))),
            number(row.grad_second_moment),
            number(row.peak),
            share(row.dead),
            share(row.saturated),
            number(row.effective_rank),
        )
        for row in frames[-1].layers[:_MOST]
    )
    return Table("", (Column("layer"), *(Column(head, "right") for head in heads)), rows, _left(frames[-1].layers))


def _parameters(frame: Frame) -> Table:
    heads = ("rms", "E[g²]", "update / weight", "distance")
    rows = tuple(
        (each.name, number(each.rms), number(each.grad_second_moment), number(each.update_ratio), number(each.distance))
        for each in frame.parameters[:_MOST]
    )
    return Table("", (Column("parameter"), *(Column(head, "right") for head in heads)), rows, _left(frame.parameters))


def _left(rows: Sequence[object]) -> tuple[str, ...]:
    return (f"{len(rows) - _MOST:,} more are in monitor.frames",) if len(rows) > _MOST else ()


def number(value: float | None) -> str:
    """Return a number with three digits; nothing for what is unknown."""
    return "" if value is None else f"{value:.3g}"


def share(value: float | None) -> str:
    """Return a share in percent; nothing for what is unknown."""
    return "" if value is None else f"{value:.0%}"
