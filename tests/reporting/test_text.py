from __future__ import annotations

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
