"""A log as people and machines read it, as whole text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.findings import CATALOGUE
from initwise.provenance import Log
from initwise.reporting import to_json

SCRIPT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.empty(5))
        self.register_buffer("mean", torch.zeros(2))

def initialize(net):
    nn.init.normal_(net.fc.weight, std=0.02)
    with torch.no_grad():
        net.fc.bias[:1].zero_()
"""

TABLE = """\
parameter  shape  writes  written by                                       where                          what it replaced
---------  -----  ------  -----------------------------------------------  -----------------------------  -----------------------------------------------------------------
scale      5           0  NEVER WRITTEN                                    memory from empty at net.py:8 (Net.__init__)
fc.weight  2 x 3       2  normal_(mean=0, std=0.02)                        net.py:12 (initialize)         kaiming_uniform_(a=2.23607, mode=fan_in, nonlinearity=leaky_relu)
fc.bias    2           2  uniform_(a=-0.57735, b=0.57735), zero_() [1]     net.py:7 (Linear.reset_parameters)

3 parameters, 1 buffer, 5 writes; INI112: 1 error; INI113: 1 info

error INI112 scale: memory from empty at net.py:8 (Net.__init__) was never written
    measured 5 of 5 elements unwritten; expected 0
    fix: Write it where it is made: torch.nn.init.*_ in reset_parameters, or apply a plan to the whole model."""  # noqa: E501 - as it is printed


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of the script above, which stands in a file of its own in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(SCRIPT)
    names: dict[str, type[nn.Module]] = {}
    exec(compile(SCRIPT, str(tmp_path / "net.py"), "exec"), names)  # noqa: S102 - it is ours
    with iw.record() as log:
        net = names["Net"]()
        names["initialize"](net)
    return log


def squeezed(text: str) -> list[list[str]]:
    """Lines as words: how wide a column is depends on the paths in it."""
    return [line.split() for line in text.splitlines() if not line.startswith("---")]


def test_the_table_says_who_wrote_what_from_where_and_what_was_never_written(log: Log) -> None:
    assert squeezed(str(log)) == squeezed(TABLE)


def test_the_data_say_the_same(log: Log) -> None:
    data = json.loads(to_json(log.to_dict()))
    assert (data["ok"], data["never_written"]) == (False, ["scale"])
    assert [finding["code"] for finding in data["findings"]] == ["INI112", "INI113"]
    row = data["rows"][1]
    assert (row["name"], row["shape"], row["state"]) == ("fc.weight", [2, 3], "written")
    assert row["writes"][1] == {
        "operation": "normal_",
        "arguments": "mean=0, std=0.02",
        "function": "initialize",
        "line": "net.py:12",
        "order": row["writes"][1]["order"],
        "elements": 6,
        "replaces": True,
    }


def test_the_summary_has_one_line_for_layers_that_were_written_alike() -> None:
    with iw.record() as log:
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3, enable_nested_tensor=False)
    assert len(encoder.layers) == 3
    table = log.summary()
    assert [column.name for column in table.columns[:2]] == ["parameters", "count"]
    assert len(table.rows) == 10  # norm1 and norm2 are one line
    (row,) = (row for row in table.rows if row[0] == "layers.0-2.linear1.weight")
    assert row[1:4] == ("x3", "16 x 8", "2")
    assert row[4].endswith("nonlinearity=leaky_relu), copied from a template, as were others")
    assert str(log.text(summary=True)).startswith("parameters ")


def test_many_errors_are_counted_and_the_first_shown() -> None:
    with iw.record() as log:
        model = nn.ParameterList([nn.Parameter(torch.empty(2)) for _ in range(13)])
    assert len(model) == 13
    assert str(log).count("error INI112") == 10
    assert str(log).endswith("and 3 more errors: log.findings has all")


@pytest.mark.parametrize("code", ["INI112", "INI113", "INI114"])
def test_the_example_of_a_code_has_its_fault(code: str) -> None:
    names: dict[str, Log] = {}
    exec(CATALOGUE[code].example.replace("print", "str"), names)  # noqa: S102 - it is ours
    assert code in {finding.code for finding in names["log"].findings}
