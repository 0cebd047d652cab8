"""`initwise provenance`: the table, data, exit codes, and whose lines are named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

TABLE = """\
parameter      shape   writes  written by                                                         where                                 what it replaced
-------------  ------  ------  -----------------------------------------------------------------  ------------------------------------  ----------------
embed.weight   10 x 8       2  normal_(mean=0, std=1), fill_(value=0) [8]                         net.py:11 (Embedding.reset_parameters)
hidden.weight  8 x 8        1  kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu)  net.py:12 (Linear.reset_parameters)
hidden.bias    8            1  uniform_(a=-0.353553, b=0.353553)                                  net.py:12 (Linear.reset_parameters)
norm.weight    8            1  ones_()                                                            net.py:13 (LayerNorm.reset_parameters)
norm.bias      8            1  zeros_()                                                           net.py:13 (LayerNorm.reset_parameters)

5 parameters, 1 buffer, 7 writes"""  # noqa: E501 - a table as it is printed


def words(text: str) -> list[list[str]]:
    """Lines as words: rules and widths left out."""
    return [line.split() for line in text.strip().splitlines() if not line.startswith("---")]


def test_the_table_says_who_wrote_what_from_which_line_of_the_model(run: Run) -> None:
    outcome = run("provenance", "net.py:Net")
    assert outcome.code == 0
    assert words(outcome.out) == words(TABLE)
    assert outcome.err == "the model's own words\n"


def test_what_was_never_written_is_exit_code_1_and_named(run: Run, folder: Path) -> None:
    (folder / "raw.py").write_text(
        "import torch\nfrom torch import nn\n\nclass Raw(nn.Module):\n    def __init__(self, width=4):\n"
        "        super().__init__()\n        self.scale = nn.Parameter(torch.empty(width))\n"
    )
    outcome = run("provenance", "raw.py:Raw", "--set", "width=7")
    assert outcome.code == 1
    assert "scale      7           0  NEVER WRITTEN  memory from empty at raw.py:7 (Raw.__init__)" in outcome.out
    assert "error INI112 scale: memory from empty at raw.py:7 (Raw.__init__) was never written" in outcome.out


def test_the_summary_has_one_line_for_names_that_differ_in_numbers(run: Run, folder: Path) -> None:
    (folder / "deep.py").write_text(
        "from torch import nn\ndef build(): return nn.Sequential(*(nn.Linear(4, 4) for _ in range(9)))\n"
    )
    outcome = run("provenance", "deep.py:build", "--summary")
    assert [line.split()[:2] for line in outcome.out.splitlines()[2:4]] == [["0-8.weight", "x9"], ["0-8.bias", "x9"]]


def test_json_holds_every_write(run: Run) -> None:
    outcome = run(
        "provenance", "torch.nn:Linear", "--set", "in_features=3", "--set", "out_features=2", "--format", "json"
    )
    data = json.loads(outcome.out)
    assert (outcome.code, data["ok"], data["never_written"]) == (0, True, [])
    (write,) = data["rows"][1]["writes"]
    assert (write["operation"], write["function"], write["elements"]) == ("uniform_", "Linear.reset_parameters", 2)
    assert write["line"].startswith("torch/nn/modules/linear.py:")


def test_a_model_that_its_module_built_already_is_followed_too_and_a_conversion_is_no_write(run: Run) -> None:
    outcome = run("provenance", "net.py:instance", "--dtype", "bfloat16", "--format", "json")
    rows = json.loads(outcome.out)["rows"]
    assert [(row["name"], row["dtype"], len(row["writes"])) for row in rows] == [
        ("weight", "bfloat16", 1),
        ("bias", "bfloat16", 1),
    ]
    assert rows[0]["writes"][0]["line"].startswith("net.py:")


def test_a_target_that_fails_is_told_as_everywhere_and_recording_ends(run: Run) -> None:
    assert "raised ValueError: no such width" in run("provenance", "net.py:raises").err
    assert run("provenance", "net.py:raises").code == 2
    assert run("provenance", "net.py:Net").code == 0
