"""Experiments as a user starts them: one command, from nothing, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKERS = 2


@dataclass(frozen=True)
class Case:
    """One command, and the verdicts that it should come to; the first strategy is the reference."""

    title: str
    task: str
    strategies: tuple[str, ...]
    expected: Mapping[str, str]
    options: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The command, as it is typed."""
        return ["compare", self.task, "--strategies", ",".join(self.strategies), *self.options]


@dataclass(frozen=True)
class Found:
    """What one command took and said: JSON as `--out comparison.json` writes it."""

    case: Case
    seconds: float
    result: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        """The contenders by name."""
        return {each["strategy"]: each for each in self.result["verdicts"]["contenders"]}

    @property
    def as_expected(self) -> bool:
        """Whether every verdict that was expected came out."""
        return all(self.verdicts[name]["verdict"] == wanted for name, wanted in self.case.expected.items())


CASES = (
    Case(
        "30 plain ReLU layers: Xavier stalls, He and auto train",
        "digits-30",
        ("xavier", "kaiming", "auto"),
        {"kaiming": "better", "auto": "better"},
    ),
    Case(
        "128 layers behind gates: ReZero trains, plain He does not",
        "digits-128",
        ("he", "rezero"),
        {"rezero": "better"},
    ),
    Case(
        "4 layers: N(0, 1) weights lose",
        "digits-mlp",
        ("auto", "normal-1", "kaiming", "xavier", "torch-default"),
        {"normal-1": "worse"},
        ("--seeds", "10"),
    ),
)


def run(case: Case, workers: int = WORKERS) -> Found:
    """Run the command in an empty folder; its time is that of the whole process, imports and all.

    Raises:
        CalledProcessError: the command failed; its messages were shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "comparison.json"
        command = [sys.executable, "-m", "initwise", *case.words, "--workers", str(workers), "--out", str(out)]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        return Found(case, time.perf_counter() - began, json.loads(out.read_text(encoding="utf-8")))
