"""Reading and planning one architecture, and what comes of it, as data."""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

import initwise as iw
from benchmarks.zoo.build import build
from benchmarks.zoo.entries import Entry
from initwise.errors import PlanError
from initwise.model import TraceError, read, traced
from initwise.model.inputs import candidates


@dataclass
class Result:
    """What was found about one architecture.

    Attributes:
        parameters: how many it has, ties counted once.
        elements: how many numbers these hold.
        built, traced: whether it could be built, and whether a forward pass showed how its parameters are used.
        planned: for how many parameters `auto` says what they get.
        notes: how it was read: the inputs, and what the pass ran with stand-ins for.
        unseen: parameters that no pass used, which are read like their siblings or from their module's type.
        guesses: parameters that are planned although nothing says how they are used.
        cause: why it could not be built, traced or planned: the error's type and first line.
        seconds: how long `iw.plan(model, "auto")` took.
    """

    library: str
    name: str
    parameters: int = 0
    elements: int = 0
    built: bool = False
    traced: bool = False
    planned: int = 0
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)
    cause: str = ""
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def result(entry: Entry) -> Result:
    """Build the architecture, read it and plan it; whatever goes wrong is part of the result."""
    found = Result(entry.library, entry.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = build(entry)
        except Exception as error:  # noqa: BLE001 - told
            found.cause = told(error)
            return found
        found.built = True
        try:
            _read(model, found)
            _plan(model, found)
        except Exception as error:  # noqa: BLE001 - a crash of ours is the worst result there is
            found.cause = f"crash: {told(error)}"
    return found


def _read(model: nn.Module, found: Result) -> None:
    reading = read(model)
    found.parameters = len(reading)
    found.elements = sum(parameter.numel() for parameter in reading.parameters)
    try:
        reading = traced(reading, candidates(model))
    except TraceError as error:
        found.cause = told(error)
        return
    found.traced = True
    found.notes = list(reading.notes)
    found.unseen = [
        parameter.name for parameter in reading.parameters if parameter.usage is None or not parameter.usage.calls
    ]


def _plan(model: nn.Module, found: Result) -> None:
    started = time.perf_counter()
    try:
        plan = iw.plan(model, "auto", include_frozen=True)
    except PlanError as error:
        found.cause = f"refused: {len(error.problems)} problems, the first: {error.problems[0]}"[:300]
        return
    finally:
        found.seconds = time.perf_counter() - started
    found.planned = len(plan)
    found.guesses = [row.name for row in plan if row.role is None and not row.kept]


def told(error: BaseException) -> str:
    """Return the error in one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip() if lines else ''}"[:300]


def cause(text: str) -> str:
    """Return the cause without what differs from model to model: numbers, names in quotes."""
    return re.sub(r"\d+(\.\d+)*", "N", re.sub(r"in '[^']*'", "in ...", text))[:140]
