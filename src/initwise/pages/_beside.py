"""The section about a second plan: which parameters get another law than in the first."""

from __future__ import annotations

import re
from html import escape

from initwise.pages._content import Content
from initwise.pages._data import law_words
from initwise.reporting import common_name, unnumbered

_NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")


def beside_section(content: Content) -> str:
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
        ' whose laws differ"><table><thead><tr><th scope="col">parameters</th><th scope="col" class="n">how many</th>'
        f'<th scope="col">this plan</th><th scope="col">{name}</th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</section>"
    )


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
