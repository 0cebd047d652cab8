"""`initwise provenance`: build a model, and say who wrote each of its parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from initwise.cli import _options as options
from initwise.cli._output import show
from initwise.cli._target import find_model
from initwise.provenance import record
from initwise.reporting import to_json


def provenance(
    target: options.Target,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    form: options.OutputFormat = options.Format.TABLE,
    summary: Annotated[
        bool, typer.Option("--summary", help="One line for parameters whose names differ only in numbers.")
    ] = False,
) -> int:
    """Build TARGET and say which operation wrote each parameter, from which line, and what was never written."""
    with record() as log:  # imports too: a target may be a model that its module has built already
        log.about(find_model(target, settings, dtype).build())
    show(to_json(log.to_dict()) if form is options.Format.JSON else log.text(summary=summary))
    return 0 if log.ok else 1
