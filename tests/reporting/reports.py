"""A report with something in each of its buckets, for the tests of every form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initwise.findings import Column, Finding, Place, Severity, Table, found
from initwise.reporting import Report, Suppressed

ROOT = Path("/project")
NET = "/project/my nets/net.py"
TORCH = "/usr/lib/python3/site-packages/torch/nn/modules/linear.py"


@dataclass(frozen=True)
class Row:
    """What a row needs for a report: a name and a verdict."""

    name: str
    verdict: str


def said(code: str, parameter: str, message: str = "so it is", severity: Severity | None = None) -> Finding:
    """A finding of the catalogue."""
    return found(code, parameter, message, "1", "0", "do it", severity=severity)


def report() -> Report:
    """Three findings, one suppressed, one known, one parameter that was not judged."""
    names = ("net.a.weight", "net.a.bias", "net.b.weight", "net.b.bias", "steps")
    verdicts = ("INI101", "STA206", "suppressed SYM301", "known INI101", "not analysed: its values are of torch.int64")
    return Report(
        "check Net",
        Table("", (Column("parameter"),), tuple((name,) for name in names)),
        (
            said("INI101", "net.a.weight [q]", "50 % are NaN:\nmany, really"),
            said("STA206", "net.a.bias"),
            said("GRD602", "net.relu", severity="info"),
        ),
        tuple(map(Row, names, verdicts)),
        (Suppressed(said("SYM301", "net.b.weight"), "a <teacher> & its copy"),),
        (said("INI101", "net.b.bias"),),
        ("read from module types",),
        {
            "": Place("Net", (), NET, 7),
            "net": Place("Inner", (), NET, 3),
            "net.a.weight": Place("Linear", (3, 8), NET, 3),
            "net.a.bias": Place("Linear", (3,), TORCH, 40),
            "net.b.weight": Place("Linear", (8, 3), NET, 3),
            "net.b.bias": Place("Linear", (8,)),
        },
        listed=False,
    )
