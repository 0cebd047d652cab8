from __future__ import annotations

import re

import pytest

from initwise.errors import ArgumentError
from initwise.findings import Column, Table
from initwise.reporting import text

TABLE = Table(
    title="two parameters",
    columns=(Column("name"), Column("law"), Column("std", "right")),
    rows=(("head.weight", "N(0, 0.02²)", "0.02"), ("b", "0", "0")),
    notes=("a note",),
)


def test_piped_text_is_aligned_and_has_no_escape_codes() -> None:
    assert text(TABLE, terminal=False) == (
        "two parameters\n"
        "\n"
        "name         law           std\n"
        "-----------  -----------  ----\n"
        "head.weight  N(0, 0.02²)  0.02\n"
        "b            0               0\n"
        "\n"
        "a note"
    )


def test_piped_text_never_cuts_a_long_name() -> None:
    name = "layer." * 100 + "weight"
    table = Table("", (Column("name"),), ((name,),))
    assert text(table, terminal=False, width=20).splitlines()[-1] == name


def test_a_table_without_rows_still_shows_its_heads() -> None:
    assert text(Table("", (Column("name"), Column("std")), ()), terminal=False) == "name  std\n----  ---"


def test_terminal_text_is_styled_and_fits_the_width() -> None:
    styled = text(TABLE, terminal=True, width=30)
    assert "\x1b[" in styled
    assert "two parameters" in styled


def test_terminal_text_shows_square_brackets_as_they_are() -> None:
    table = Table("", (Column("law"),), (("[bold]U[-1, 1][/bold]",),))
    assert "[bold]U[-1, 1][/bold]" in text(table, terminal=True, width=60)


def test_where_stdout_is_no_terminal_the_text_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    assert text(TABLE) == text(TABLE, terminal=False)


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(ArgumentError, match="row 0 of 't' has 1 cells, but there are 2 columns"):
        Table("t", (Column("a"), Column("b")), (("x",),))


WIDE = Table(
    title="",
    columns=(
        Column("name"),
        Column("role", spare=True),
        Column("fans"),
        Column("blocks", spare=True),
        Column("reason"),
    ),
    rows=(("head.weight", "weight", "8 -> 24", "q k v", "said in some words that take a line of their own or more"),),
    notes=("a note",),
)


def _plain(width: int) -> list[str]:
    styled = text(WIDE, terminal=True, width=width)
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", styled).splitlines()]


def test_a_terminal_that_is_narrow_folds_the_last_column_only() -> None:
    lines = _plain(80)
    assert lines[1].split() == ["name", "role", "fans", "blocks", "reason"]
    assert lines[3].split()[:6] == ["head.weight", "weight", "8", "->", "24", "q"]
    assert lines[-1] == "a note"


def test_a_terminal_that_is_too_narrow_goes_without_spare_columns_and_says_so() -> None:
    assert _plain(64)[-1] == "not shown on a terminal of 64 columns: blocks"
    lines = _plain(52)
    assert lines[1].split() == ["name", "fans", "reason"]
    assert lines[-1] == "not shown on a terminal of 52 columns: role, blocks"


@pytest.mark.parametrize("width", [20, 52, 64, 80, 200])
def test_no_line_of_cells_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in _plain(width)[:-2]) <= width


def test_a_terminal_that_is_wide_enough_shows_every_word_on_one_line() -> None:
    assert [line.split() for line in _plain(200) if "head" in line] == [
        [word for cell in WIDE.rows[0] for word in cell.split()]
    ]
