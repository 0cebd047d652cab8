"""`initwise explain`: what a name means: a layer, an initializer, a finding code or a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from initwise.cli import _options as options
from initwise.cli._output import show
from initwise.reporting import to_json


def explain(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC",
            show_default=False,
            help="torch.nn.Linear, kaiming_normal, Orthogonal, gain, INI101, gpt2, ...",
        ),
    ],
    form: options.OutputFormat = options.Format.TABLE,
) -> None:
    """Explain a layer of torch.nn, an initializer, a finding code or a recipe: formula, source, what differs."""
    from initwise.cli.topics import find

    found = find(topic)
    show(to_json(found) if form is options.Format.JSON else found.text())
