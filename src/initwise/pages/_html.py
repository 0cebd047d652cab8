"""The page as one HTML file: text that stands without a script, then data, specifications and the scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from initwise.findings import Finding
from initwise.pages import _charts
from initwise.pages._content import Content
from initwise.pages._curves import named
from initwise.pages._data import data, law_words
from initwise.pages._summary import Fact, facts, verdict
from initwise.pages._svg import style_of, svg
from initwise.reporting import common_name, unnumbered

_MARKS = {"error": "✖ error", "warning": "▲ warning", "info": "ℹ info"}
_TONES = {"good": "✔", "warning": "▲", "error": "✖", "plain": ""}


def html(content: Content) -> str:
    """Return the page."""
    parts = {
        "title": escape(content.title),
        "style": _file("template", "page.css"),
        "summary": _summary(content),
        "signals": _signals(content),
        "findings": _findings(content),
        "other": _other(content),
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
        "script": _file("template", "page.js"),
    }
    page = _file("template", "page.html")
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text)
    return page


@cache
def _file(folder: str, name: str) -> str:
    text = files("initwise.pages").joinpath(folder, name).read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("//# sourceMappingURL"))


def _json(value: Any) -> str:
    """Return JSON that can stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _summary(content: Content) -> str:
    first, *others = verdict(content), *facts(content)
    return f'{_fact(first, "verdict")}<dl class="facts">{"".join(_definition(each) for each in others)}</dl>'


def _fact(fact: Fact, kind: str) -> str:
    mark = f'<span aria-hidden="true">{_TONES[fact.tone]}</span> ' if _TONES[fact.tone] else ""
    return f'<p class="{kind} {fact.tone}"><strong>{mark}{escape(fact.value)}.</strong> {escape(fact.sentence)}</p>'


def _definition(fact: Fact) -> str:
    mark = f'<span aria-hidden="true">{_TONES[fact.tone]}</span> ' if _TONES[fact.tone] else ""
    return (
        f'<div class="{fact.tone}"><dt>{escape(fact.title)}</dt>'
        f"<dd><b>{mark}{escape(fact.value)}</b><span>{escape(fact.sentence)}</span></dd></div>"
    )


def _signals(content: Content) -> str:
    if not named(content):
        return "<p>No signals: there were no inputs to run the model with. The notes say why.</p>"
    series = " and ".join(name for name, _ in named(content))
    charts = "".join(
        f'<figure><figcaption>{title}</figcaption><div class="chart" id="chart-{each}" role="img"'
        f' aria-label="{title}, {escape(series)}; the numbers stand in the table of parameters"></div></figure>'
        for each, title in (("forward", "Forward: the signal over depth"), ("backward", "Backward: its gradient"))
    )
    said = "".join(_said(each.message, "good" if each.ok else "warning") for each in _verdicts(content))
    return f"{_legend(content)}{charts}{svg(content, 'still')}<ul class='verdicts'>{said}</ul>"


def _legend(content: Content) -> str:
    """Return what the curves mean, and the buttons that zoom; below the first chart lie both."""
    marks = ("M0 6h28M14 6m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "M0 6h9M19 6h9M14 6m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "")
    forms = (marks[0], marks[1], "M0 6h8M20 6h8M14 1l5 9h-10z")
    series = "".join(
        f'<li><svg class="swatch k{kind}" width="28" height="12" aria-hidden="true"><path d="{forms[kind]}"/></svg>'
        f"{escape(name)}</li>"
        for name, _ in named(content)
        for kind in [style_of(name)]
    )
    blamed = any(each.culprit is not None for each in _verdicts(content))
    bad = '<li class="bad"><span aria-hidden="true">◇</span> to blame</li>' if blamed else ""
    zoom = "".join(
        f'<button type="button" data-zoom="{key}" aria-label="{said}">{sign}</button>'
        for key, said, sign in (("in", "Zoom in", "+"), ("out", "Zoom out", "−"), ("all", "Show all", "all"))
    )
    return (
        f'<div class="bar"><ul class="legend">{series}<li><span class="shade" aria-hidden="true"></span>'
        f'where the path should stay</li>{bad}</ul><div class="zoom">{zoom}</div></div>'
        '<p class="hint screen">Lines follow the path from input to output, points are layers beside it. Point at one'
        " to read it, click to choose its parameter, drag to zoom.</p>"
    )


def _verdicts(content: Content) -> Iterable[Any]:
    return content.signals.verdicts if content.signals is not None else ()


def _said(message: str, tone: str) -> str:
    return f'<li class="{tone}"><span aria-hidden="true">{_TONES[tone]}</span> {escape(message)}</li>'


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


def _other(content: Content) -> str:
    """Return the parameters whose laws differ; those whose names differ only in numbers stand on one line."""
    if content.other is None:
        return ""
    groups: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {}
    for name in dict.fromkeys(row.name for plan in (content.plan, content.other) for row in plan):
        mine, theirs = (law_words(plan, name) or "not in this plan" for plan in (content.plan, content.other))
        if mine != theirs:
            key = unnumbered(name), _form(mine), _form(theirs)
            groups.setdefault(key, []).append((name, mine, theirs))
    rows = "".join(_change(group) for group in groups.values())
    name = escape(content.other_name)
    if not rows:
        return f'<section id="other"><h2>Beside {name}</h2><p>Both plans draw the same laws.</p></section>'
    count = sum(map(len, groups.values()))
    return (
        f'<section id="other"><h2>Beside {name}</h2><p>{count:,} of {len(content.plan):,} parameters have another law;'
        ' the curves above show both plans.</p><div class="scroll" tabindex="0" role="region" aria-label="Parameters'
        ' whose laws differ"><table><thead><tr><th scope="col">parameters</th><th scope="col">how many</th>'
        f'<th scope="col">this plan</th><th scope="col">{name}</th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</section>"
    )


_NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")


def _form(law: str) -> str:
    """Return a law without its numbers."""
    return _NUMBER.sub("0", law)


def _change(group: list[tuple[str, str, str]]) -> str:
    names, mine, theirs = (list(each) for each in zip(*group, strict=True))
    laws = "".join(f"<td>{escape(_ends(each))}</td>" for each in (mine, theirs))
    return (
        f'<tr><th scope="row"><code>{escape(common_name(names))}</code></th><td class="n">{len(names)}</td>{laws}</tr>'
    )


def _ends(laws: list[str]) -> str:
    """Return the law, or the first and the last one where they differ in numbers."""
    return laws[0] if len(set(laws)) == 1 else f"{laws[0]} … {laws[-1]}"


def _columns(content: Content) -> str:
    columns = [
        ("name", "parameter"),
        ("shape", "shape"),
        ("law", "law"),
        ("std", "std"),
        ("fan_in", "fan_in"),
        ("role", "role"),
    ]
    for key, signals in (("predicted", content.predicted), ("measured", content.measured)):
        if signals is not None:
            columns += [(f"{key}.output", f"E[x²] of output, {key}"), (f"{key}.gradient", f"E[g²], {key}")]
    return "".join(
        f'<th scope="col" aria-sort="none"><button type="button" data-key="{key}">{escape(title)}</button></th>'
        for key, title in columns
    )


def _notes(content: Content) -> str:
    notes = list(content.notes)
    for name, signals in named(content):
        notes += [f"{name}: {note}" for note in signals.notes]
        notes += [f"unknown in {each.module or 'the model'}: {each.reason}" for each in signals.unknown]
    return "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes))
