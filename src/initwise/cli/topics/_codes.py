"""Finding codes, explained from the catalogue that the checks themselves use."""

from __future__ import annotations

from textwrap import wrap

from initwise.cli.topics._topic import Section, Topic
from initwise.findings import CATALOGUE, Code

_WIDTH = 100


def code(name: str) -> Topic | None:
    """The explanation of a finding code such as INI101; None if it is none."""
    entry = CATALOGUE.get(name.upper())
    if entry is None:
        return None
    found = [
        Section("What it means", _words(entry.meaning)),
        Section("Why it matters", _words(entry.harm)),
        Section("Example", tuple(entry.example.splitlines())),
        Section("What to do", _words(entry.fix)),
        Section("When it is intended", (*_words(entry.intended), *suppression(entry))),
        Section("Reference", _words(entry.reference)),
    ]
    return Topic(
        entry.code,
        "code",
        f"{entry.title} ({entry.severity})",
        tuple(section for section in found if any(section.lines)),
    )


def suppression(entry: Code) -> tuple[str, ...]:
    """Return how a finding that is intended is suppressed: in pyproject.toml, and in a call.

    Nothing is suppressed that is never intended, nor what `verify`, `record` or a monitor find, as the code's example
    shows: there the plan or the code says what is meant.
    """
    others = ("iw.verify(", "iw.record(", "iw.Monitor(")
    if entry.intended.startswith("Never") or any(each in entry.example for each in others):
        return ()
    return (
        "In pyproject.toml, under [tool.initwise], or in the call:",
        f'    suppress = [{{code = "{entry.code}", parameters = "head.*", reason = "..."}}]',
        f'    iw.check(model, suppress=iw.Suppression("{entry.code}", "head.*", reason="..."))',
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False))
