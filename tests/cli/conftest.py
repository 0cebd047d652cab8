"""What the tests of the command line share: a folder with a small model in it, and a way to run a command there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from initwise.cli import main

MODEL = """
import torch
from torch import nn

print("the model's own words")


class Net(nn.Module):
    def __init__(self, width: int = 8, bias: bool = True) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, width, padding_idx=0)
        self.hidden = nn.Linear(width, width, bias=bias)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.ones(3))


class CpuOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, int(torch.tensor(3).item()))


def raises() -> nn.Module:
    raise ValueError("no such width")


def interrupted() -> nn.Module:
    raise KeyboardInterrupt


def number() -> int:
    return 5


instance = nn.Linear(3, 2)
constant = 5
"""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code, and what it wrote to standard output and standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh folder with `net.py`, as the current one; what is imported from it is forgotten afterwards."""
    (tmp_path / "net.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in that folder, in this process."""

    def command(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command
