"""The frame that every page stands in: one HTML file with its style, its data, its specifications and its scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import Any

_PLACE = re.compile(r"<!--(\w+)-->")


def framed(
    *,
    title: str,
    parts: Mapping[str, str],
    body: str,
    origin: str,
    data: Any,
    specs: Mapping[str, Any],
    scripts: Sequence[str],
) -> str:
    """Return a page.

    Args:
        title: of the page.
        parts: its sections, as ids and headings.
        body: the sections, as HTML.
        origin: what the page was made from, as HTML; it stands at the foot.
        data, specs: JSON values for the scripts: what is drawn, and the charts by name.
        scripts: files of the template, in the order in which they run as one.
    """
    return filled(
        _file("template", "page.html"),
        {
            "title": escape(title),
            "style": _file("template", "page.css"),
            "nav": " ".join(f'<a href="#{key}">{escape(name)}</a>' for key, name in parts.items()),
            "body": body,
            "origin": origin,
            "version": escape(version("initwise")),
            "data": _json(data),
            "specs": _json(specs),
            "vega": _file("vendor", "vega.min.js"),
            "vegalite": _file("vendor", "vega-lite.min.js"),
            "script": "\n".join(_file("template", f"{name}.js") for name in scripts),
        },
    )


def body(name: str, parts: Mapping[str, str]) -> str:
    """Return the sections of a page from the template of that name; `parts` fill its places."""
    return filled(_file("template", f"{name}.html"), parts)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return a template with every place filled; places in what fills them stay as they are.

    >>> filled("<p><!--a--></p>", {"a": "<!--b-->"})
    '<p><!--b--></p>'
    """
    return _PLACE.sub(lambda found: parts[found[1]], template)


@cache
def _file(folder: str, name: str) -> str:
    text = files("initwise.pages").joinpath(folder, name).read_text(encoding="utf-8")
    return "\n".join(line for line in text.split("\n") if not line.startswith("//# sourceMappingURL"))


def _json(value: Any) -> str:
    """Return JSON that can stand in a script element, which nothing in it can end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
