"""The command line: one file a subcommand; each parses, calls the library, renders, and returns an exit code.

Exit codes: 0 clean, 1 findings, 2 wrong usage or configuration, 3 our own failure, 130 interrupted, 141 nobody
reads the output any more, 143 terminated.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with `argv` (default: the process's own arguments) and return the exit code."""
    try:
        from initwise.cli._main import main as run  # PyTorch comes with it, and seconds in which one may interrupt

        return run(argv)
    except KeyboardInterrupt:
        sys.stderr.write("initwise: error: interrupted; no file was left behind\n")
        return 130
