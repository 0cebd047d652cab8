"""The page about a model: text that stands without a script, then what its script draws and lists."""

from __future__ import annotations

from html import escape

from initwise.pages import _charts
from initwise.pages._beside import beside_section
from initwise.pages._content import Content
from initwise.pages._curves import named
from initwise.pages._data import data
from initwise.pages._facts import summary_html
from initwise.pages._findings import finding_html
from initwise.pages._frame import body, framed
from initwise.pages._propagation import signals_section
from initwise.pages._summary import facts, verdict

_PARTS = {
    "summary": "Summary",
    "signals": "Signals",
    "findings": "Findings",
    "plan": "Parameters",
    "notes": "Notes",
}
_SCRIPTS = ("base", "vega", "table", "charts", "pointing", "model", "start")


def html(content: Content) -> str:
    """Return the page."""
    sections = {
        "summary": summary_html(verdict(content), facts(content)),
        "signals": signals_section(content),
        "findings": _findings(content),
        "beside": beside_section(content),
        "columns": _columns(content),
        "notes": _notes(content),
    }
    propagation = {each: _charts.propagation(each) for each in ("forward", "backward")}
    return framed(
        title=content.title,
        parts=_PARTS,
        body=body("model", sections),
        origin=f"seed {content.plan.seed} · plan {escape(content.plan.digest()[:16])}",
        data=data(content),
        specs=propagation | {"bins": _charts.histogram()},
        scripts=_SCRIPTS,
    )


def _findings(content: Content) -> str:
    if not content.findings:
        return "<p>Nothing was found.</p>"
    return f'<ol class="findings">{"".join(finding_html(each) for each in content.findings)}</ol>'


def _columns(content: Content) -> str:
    columns = [
        ("name", "parameter"),
        ("shape", "shape"),
        ("law", "law"),
        ("std", "std"),
        ("role", "role"),
    ]
    for key, signals in (("predicted", content.predicted), ("measured", content.measured)):
        if signals is not None:
            columns += [(f"{key}.output", f"E[x²] of output, {key}"), (f"{key}.gradient", f"E[g²] of weight, {key}")]
    return "".join(
        f'<th scope="col"{_kind(key)} aria-sort="none">'
        f'<button type="button" data-key="{key}">{escape(title)}</button></th>'
        for key, title in columns
    )


def _kind(key: str) -> str:
    return ' class="n"' if "." in key or key == "std" else ""


def _notes(content: Content) -> str:
    notes = list(content.notes)
    for name, signals in named(content):
        notes += [f"{name}: {note}" for note in signals.notes]
        notes += [f"unknown in {each.module or 'the model'}: {each.reason}" for each in signals.unknown]
    return "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes))
