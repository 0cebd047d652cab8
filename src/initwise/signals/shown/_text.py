"""Signals as text, for a terminal or plain: a table with bars, the loss, verdicts, what is unknown, notes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from initwise._arguments import show
from initwise.errors import ArgumentError
from initwise.findings import Table
from initwise.reporting import markdown, markdown_line
from initwise.reporting import text as table_text
from initwise.signals.shown._bars import knows_blocks
from initwise.signals.shown._lines import Rows
from initwise.signals.shown._sentences import chain_lines, labels, loss_line, note_lines, unknown_lines, verdict_lines
from initwise.signals.shown._tables import agreement, alone, beside, shortened

if TYPE_CHECKING:
    from initwise.signals._signals import Signals

_NARROW = 100  # columns; below, bars are shorter, and names go without the part that most begin with
_STYLES = {"not ok:": "\x1b[1;31m", "ok:": "\x1b[1;32m", "unknown:": "\x1b[1;33m"}
_PLAIN = "\x1b[0m"


def text(
    signals: Signals,
    *,
    terminal: bool | None = None,
    width: int | None = None,
    rows: Rows = "folded",
    plain: bool | None = None,
) -> str:
    """Return signals as text, without a final line break.

    Args:
        signals: predicted or measured.
        terminal: True styles for a terminal; False gives aligned text that is never cut; None asks standard output.
        width: of the terminal, in columns.
        rows: "layers" shows each operation that takes a parameter, "folded" (the default) the same, with repeated
            blocks on one line where there are more than 40; "all" shows every operation.
        plain: bars in ASCII; None asks whether standard output can show block characters.
    """
    _check(rows)
    plain = not knows_blocks() if plain is None else plain
    columns = _columns(terminal, width)
    narrow = columns is not None and columns < _NARROW
    table = alone(signals, rows, width=6 if narrow else 8, plain=plain)
    parts = [loss_line(signals), *_told([signals], plain=plain)]
    return _joined(table, parts, columns, narrow=narrow)


def compared(
    first: Signals,
    second: Signals,
    *,
    terminal: bool | None = None,
    width: int | None = None,
    rows: Rows = "folded",
    plain: bool | None = None,
) -> str:
    """Return two Signals of one model side by side, with the ratios second / first; the others are as for `text`."""
    _check(rows)
    plain = not knows_blocks() if plain is None else plain
    columns = _columns(terminal, width)
    parts = [
        "\n".join(
            [f"{' / '.join(labels(first, second)[::-1])}:", *(f"    {each}" for each in agreement(first, second))]
        ),
        loss_line(first, second),
        *_told([first, second], plain=plain),
    ]
    narrow = columns is not None and columns < _NARROW
    return _joined(beside(first, second, rows), parts, columns, narrow=narrow)


def document(*several: Signals, rows: Rows = "folded") -> str:
    """Return one Signals, or predicted and measured ones, as Markdown."""
    _check(rows)
    table = beside(several[0], several[1], rows) if several[1:] else alone(several[0], rows)
    parts = [*agreement(*several[:2])] if several[1:] else []
    parts += [loss_line(*several), *_told(several, plain=False)]
    said = [line for part in parts for line in part.splitlines()]
    items = [f"{'  ' if line.startswith(' ') else ''}- {markdown_line(line)}" for line in said]
    return "\n".join([markdown(table), "", *items])


def _told(several: Sequence[Signals], *, plain: bool) -> list[str]:
    return [
        "\n".join(verdict_lines(*several, plain=plain)),
        "\n".join(chain_lines(*several)),
        "\n".join(line for each in several for line in unknown_lines(each)),
        "\n".join(note_lines(*several)),
    ]


def _joined(table: Table, parts: Sequence[str], columns: int | None, *, narrow: bool) -> str:
    shown = table_text(shortened(table) if narrow else table, terminal=columns is not None, width=columns)
    told = [part if columns is None else _styled(part, columns) for part in parts if part]
    return "\n\n".join([shown, *told])


def _styled(part: str, columns: int) -> str:
    return "\n".join(_line(each, columns) for each in part.splitlines())


def _line(line: str, columns: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    folded = fill(
        line,
        max(columns, 40),
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    for word, style in _STYLES.items():
        if line.startswith(word):
            return f"{style}{word}{_PLAIN}{folded.removeprefix(word)}"
    return folded


def _columns(terminal: bool | None, width: int | None) -> int | None:
    """Return how wide the terminal is; None where there is none."""
    terminal = sys.stdout.isatty() if terminal is None else terminal
    return (width or shutil.get_terminal_size().columns) if terminal else None


def _check(rows: object) -> None:
    if rows not in ("folded", "layers", "all"):
        raise ArgumentError(f"text: rows is {show(rows)}; give 'folded', 'layers' or 'all'")
