"""`initwise recipes`: the named rule sets."""

from __future__ import annotations

from initwise.cli import _options as options
from initwise.cli._output import show
from initwise.findings import Column, Table
from initwise.recipes import RECIPES
from initwise.reporting import text, to_json


def recipes(form: options.OutputFormat = options.Format.TABLE) -> None:
    """List the recipes: name, what it does, source."""
    if form is options.Format.JSON:
        rows = [{"name": name, "summary": each.summary, "source": each.source} for name, each in RECIPES.items()]
        show(to_json(rows))
        return
    columns = (Column("recipe"), Column("what it does"), Column("source"))
    show(text(Table("", columns, tuple((name, each.summary, each.source) for name, each in RECIPES.items()))))
