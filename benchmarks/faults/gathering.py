"""All cases, from the files of `cases/`: each exports `CASES`."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks.faults.case import Case

FOLDER = Path(__file__).with_name("cases")
STOCK = "stock"


def cases(file: str) -> tuple[Case, ...]:
    """The cases of one file, named without its ending."""
    found: tuple[Case, ...] = importlib.import_module(f"benchmarks.faults.cases.{file}").CASES
    return found


def files() -> list[str]:
    """The files, stock models last."""
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    return sorted(names, key=lambda name: name == STOCK)


def faults() -> list[Case]:
    """Every case with a fault, by families in the order of their files."""
    return [case for file in files() if file != STOCK for case in cases(file) if case.mended is not None]


def controls() -> list[Case]:
    """Every model that was written as a control."""
    return [case for file in files() if file != STOCK for case in cases(file) if case.mended is None]


def stock() -> list[Case]:
    """Models of torchvision, timm and transformers as they come."""
    return list(cases(STOCK))
