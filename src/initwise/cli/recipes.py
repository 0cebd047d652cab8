"""`initwise recipes`: the named rule sets."""

from __future__ import annotations

import shutil
import sys

from initwise.cli import _options as options
from initwise.cli._output import show
from initwise.findings import Column, Table
from initwise.recipes import RECIPES
from initwise.reporting import text, to_json

WIDE = 150  # columns of a terminal in which three columns are easy to read


def recipes(form: options.OutputFormat = options.Format.TABLE) -> None:
    """List the recipes: name, what it does, source."""
    if form is options.Format.JSON:
        rows = [{"name": name, "summary": each.summary, "source": each.source} for name, each in RECIPES.items()]
        show(to_json(rows))
        return
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDE
    show(text(listing(below=narrow)))


def listing(*, below: bool) -> Table:
    """The table of all recipes; `below` puts the source under the summary, for a narrow terminal."""
    if below:
        heads: tuple[str, ...] = ("recipe", "what it does, and its source")
        rows: tuple[tuple[str, ...], ...] = tuple(
            (name, f"{each.summary}\n({each.source})") for name, each in RECIPES.items()
        )
    else:
        heads = ("recipe", "what it does", "source")
        rows = tuple((name, each.summary, each.source) for name, each in RECIPES.items())
    return Table("", tuple(map(Column, heads)), rows)
