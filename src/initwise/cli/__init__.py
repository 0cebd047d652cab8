"""The command line: one file a subcommand; each parses, calls the library, renders, and returns an exit code.

Exit codes: 0 clean, 1 findings, 2 wrong usage or configuration, 3 our own failure, 130 interrupted, 143 terminated.
"""

from initwise.cli._main import main

__all__ = ["main"]
