"""The command line as Typer sees it: the subcommands and --version."""

from __future__ import annotations

import platform
from typing import Annotated

import torch
import typer

import initwise
from initwise.cli._output import show
from initwise.cli.check import check
from initwise.cli.compare import compare
from initwise.cli.diff import diff
from initwise.cli.digest import digest
from initwise.cli.explain import explain
from initwise.cli.init import init
from initwise.cli.plan import plan
from initwise.cli.provenance import provenance
from initwise.cli.recipes import recipes
from initwise.cli.report import report
from initwise.cli.signal import signal
from initwise.cli.verify import verify


def build_app() -> typer.Typer:
    """Make the application."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)
    app.callback()(_root)
    for command in (plan, init, verify, check, signal, report, diff, digest, compare, provenance, explain, recipes):
        app.command()(command)
    return app


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda asked: _version(asked=asked), help="Print versions."),
    ] = False,
) -> None:
    """Weight initialization for PyTorch: plan it, draw it, check it, explain it.

    Exit codes: 0 clean, 1 findings, 2 wrong usage or configuration, 3 our own failure; 130 interrupted, 141 nobody
    reads the output any more, 143 terminated.
    """


def _version(*, asked: bool) -> None:
    if asked:
        show(f"initwise {initwise.__version__} (torch {torch.__version__}, Python {platform.python_version()})")
        raise typer.Exit
