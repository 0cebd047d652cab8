"""From arguments to an exit code: the one place that turns errors into a message on standard error."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from initwise.cli._output import ReaderGone
from initwise.cli._signals import TERMINATED, Stopped, Terminated, terminable
from initwise.errors import InitwiseError, VerificationError

CLEAN, FINDINGS, USAGE, FAILURE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with `argv` (default: the process's own arguments) and return the exit code."""
    from initwise.cli._app import build_app

    _never_fail_on_odd_characters()
    app = build_app()
    with terminable():
        return guarded(lambda: app(args=argv, prog_name="initwise", standalone_mode=False))


def guarded(command: Callable[[], Any]) -> int:
    """Run `command`; tell its error in one message on standard error; return the exit code."""
    try:
        code = command()
    except ReaderGone:
        # Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - interrupts too become an exit code
        return _told(error)
    if code == INTERRUPTED:  # Typer has caught the interrupt, and says nothing.
        return _told(KeyboardInterrupt())
    return code if isinstance(code, int) else CLEAN


def _told(error: BaseException) -> int:
    if isinstance(error, VerificationError):
        _say(str(error))
        return FINDINGS
    if isinstance(error, InitwiseError):
        _say(str(error))
        return USAGE
    if isinstance(error, Stopped):
        _say(f"{'terminated' if error.terminated else 'interrupted'}; {error}")
        return TERMINATED if error.terminated else INTERRUPTED
    if isinstance(error, Terminated):
        _say("terminated; no file was left behind")
        return TERMINATED
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _say("interrupted; no file was left behind")
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILURE
    return _usage(error) if hasattr(error, "format_message") else _failure(error)


def _usage(error: Any) -> int:
    """Typer's own errors, recognised by their method: it has carried Click's classes under more than one name."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message() + "\n")
        return USAGE
    context = getattr(error, "ctx", None)
    hint = f"\nTry '{context.command_path} --help'." if context is not None else ""
    _say(error.format_message() + hint)
    return USAGE


def _failure(error: BaseException) -> int:
    if os.environ.get("INITWISE_DEBUG") == "1":
        traceback.print_exception(error)
    _say(
        f"internal failure: {type(error).__name__}: {error}\n"
        "This is a fault of initwise, not of your input. Run the command again with INITWISE_DEBUG=1 for the"
        " traceback, and report it with the command and the versions that `initwise --version` prints."
    )
    return FAILURE


def _say(message: str) -> None:
    sys.stderr.write(f"initwise: error: {message}\n")


def _never_fail_on_odd_characters() -> None:
    # Laws are written with ² and ±; a terminal that cannot show them gets their escapes, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
