"""The page as one HTML file: text that stands without a script, then data, specifications and the scripts."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from initwise.findings import Finding
from initwise.pages import _charts
from initwise.pages._beside import beside_section
from initwise.pages._content import Content
from initwise.pages._curves import named
from initwise.pages._data import data
from initwise.pages._propagation import marked, signals_section
from initwise.pages._summary import Fact, facts, verdict

_MARKS = {"error": "✖ error", "warning": "▲ warning", "info": "ℹ info"}
_SCRIPTS = ("base", "table", "charts", "pointing", "start")  # in this order, as one function
_PLACE = re.compile(r"<!--(\w+)-->")


def html(content: Content) -> str:
    """Return the page."""
    parts = {
        "title": escape(content.title),
        "style": _file("template", "page.css"),
        "summary": _summary(content),
        "signals": signals_section(content),
        "findings": _findings(content),
        "beside": beside_section(content),
        "columns": _columns(content),
        "notes": _notes(content),
        "version": escape(version("initwise")),
        "digest": escape(content.plan.digest()[:16]),
        "seed": str(content.plan.seed),
        "data": _json(data(content)),
        "specs": _json(
            {**{each: _charts.propagation(each) for each in ("forward", "backward")}, "bins": _charts.histogram()}
        ),
        "vega": _file("vendor", "vega.min.js"),
        "vegalite": _file("vendor", "vega-lite.min.js"),
        "script": "\n".join(_file("template", f"{name}.js") for name in _SCRIPTS),
    }
    return _PLACE.sub(lambda found: parts[found[1]], _file("template", "page.html"))


@cache
def _file(folder: str, name: str) -> str:
    text = files("initwise.pages").joinpath(folder, name).read_text(encoding="utf-8")
    return "\n".join(line for line in text.split("\n") if not line.startswith("//# sourceMappingURL"))


def _json(value: Any) -> str:
    """Return JSON that can stand in a script element, which nothing in it can end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _summary(content: Content) -> str:
    first, *others = verdict(content), *facts(content)
    return f'{_fact(first, "verdict")}<dl class="facts">{"".join(_definition(each) for each in others)}</dl>'


def _fact(fact: Fact, kind: str) -> str:
    said = f"<strong>{marked(fact.value, fact.tone)}.</strong> {escape(fact.sentence)}"
    return f'<p class="{kind} {fact.tone}">{said}</p>'


def _definition(fact: Fact) -> str:
    said = f"<dd><b>{marked(fact.value, fact.tone)}</b><span>{escape(fact.sentence)}</span></dd>"
    return f'<div class="{fact.tone}"><dt>{escape(fact.title)}</dt>{said}</div>'


def _findings(content: Content) -> str:
    if not content.findings:
        return "<p>Nothing was found.</p>"
    return f'<ol class="findings">{"".join(_finding(each) for each in content.findings)}</ol>'


def _finding(finding: Finding) -> str:
    others = f" and {len(finding.others):,} more" if finding.others else ""
    fix = f"<p><b>What to do:</b> {escape(finding.fix)}</p>" if finding.fix else ""
    return (
        f'<li class="{finding.severity}"><p><span class="tag">{_MARKS[finding.severity]}</span>'
        f" <code>{escape(finding.code)}</code> <code>{escape(finding.parameter)}</code>{others}</p>"
        f"<p>{escape(finding.message)}</p>{fix}</li>"
    )


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
