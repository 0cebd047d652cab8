"""Write docs/findings/ from the catalogue, a page for each code: `make docs`. A test fails where it is not current."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from initwise.cli.topics import suppression
from initwise.findings import CATALOGUE, Code

FOLDER = Path(__file__).parent.parent / "docs" / "findings"
FAMILIES = {
    "INI": "what was declared, written, or never written",
    "STA": "the values as a sample",
    "SYM": "copies",
    "ZER": "zeros",
    "SIG": "the measured forward pass",
    "GRD": "the measured backward pass",
    "TIE": "shared parameters",
    "DST": "shards and replicas",
    "TRN": "training, as a monitor sees it",
}
SEVERAL = "# torchrun"  # an example that needs several processes; the tests of the docs run all others
HEAD = """# Findings

Written by `make docs` from the catalogue of codes; `initwise explain INI101` shows one of these pages.

A code is never given to anything else. [The page about check](../check.md) says how codes are selected, suppressed
and held against a baseline."""


def pages() -> dict[str, str]:
    """Every page under its file name."""
    return {"README.md": _index(), **{f"{code}.md": _page(entry) for code, entry in CATALOGUE.items()}}


def _index() -> str:
    lines = [HEAD]
    for family, about in FAMILIES.items():
        lines += [f"\n## {family}: {about}\n", "| code | what was found | severity |", "|---|---|---|"]
        entries = [entry for entry in CATALOGUE.values() if entry.code.startswith(family)]
        lines += [f"| [{each.code}]({each.code}.md) | {each.title} | {each.severity} |" for each in entries]
    return "\n".join(lines) + "\n"


def _page(entry: Code) -> str:
    fence = "py" if entry.example.startswith(SEVERAL) else "python"
    how = suppression(entry)
    intended = [_wrapped(entry.intended), *([how[0], "\n".join(how[1:])] if how else [])]
    return "\n\n".join(
        [
            f"# {entry.code}: {entry.title}",
            f"Severity: {entry.severity}. Family: {entry.code[:3]}, {FAMILIES[entry.code[:3]]}.",
            _wrapped(entry.meaning),
            f"## Why it matters\n\n{_wrapped(entry.harm)}",
            f"## Example\n\n```{fence}\n{entry.example}\n```",
            f"## What to do\n\n{_wrapped(entry.fix)}",
            "\n\n".join(["## When it is intended", *intended]),
            f"## Reference\n\n{_wrapped(entry.reference)}\n",
        ]
    )


def _wrapped(text: str) -> str:
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


def write() -> None:
    """Write all pages, and remove those of codes that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in pages():
            path.unlink()
    for name, page in pages().items():
        (FOLDER / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write()
