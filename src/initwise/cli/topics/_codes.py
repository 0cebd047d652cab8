"""Finding codes, explained from the catalogue that the checks themselves use."""

from __future__ import annotations

from textwrap import wrap

from initwise.cli.topics._topic import Section, Topic
from initwise.findings import CATALOGUE


def code(name: str) -> Topic | None:
    """The explanation of a finding code such as INI101; None if it is none."""
    entry = CATALOGUE.get(name.upper())
    if entry is None:
        return None
    sections = (
        Section("What it means", tuple(wrap(entry.meaning, 100))),
        Section("Why it matters", tuple(wrap(entry.harm, 100))),
        Section("What to do", tuple(wrap(entry.fix, 100))),
    )
    return Topic(entry.code, "code", f"{entry.title} ({entry.severity})", sections)
