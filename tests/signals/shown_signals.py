"""Signals built by hand, for the tests of what is shown of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from initwise.signals import Culprit, ParameterSignal, SignalRow, Signals, Step, Unknown, Verdict


def row(index: int, module: str, operation: str, *parameters: str, **values: Any) -> SignalRow:
    """A row of four units, after the one before it."""
    shape = values.pop("shape", (2, 4))
    return SignalRow(index, module, operation, 0, "net.py:3", parameters, (index - 1,), shape, **values)


def parameter(name: str, law: str = "N(0, 0.5²)", second_moment: float | None = 0.25) -> ParameterSignal:
    """A parameter with a law."""
    return ParameterSignal(name, law, second_moment, 0.125)


def small(**changes: Any) -> Signals:
    """Three layers: one known, one whose weight is another module's, one unknown; and an activation."""
    rows = (
        row(0, "up", "linear", "up.bias", "up.weight", second_moment=1.0, grad_second_moment=1e-4,
            sample_correlation=-0.001),
        row(1, "act", "relu", second_moment=0.5, grad_second_moment=2e-4, sample_correlation=0.5, dead=0.25),
        row(2, "down", "linear", "up.weight", second_moment=0.01, grad_second_moment=0.0, sample_correlation=0.75),
        row(3, "", "eigh", "scale", why="no rule"),
    )  # fmt: skip
    named = {each.name: each for each in (parameter("up.weight"), parameter("up.bias", "0", 0.0), parameter("scale"))}
    found = Signals(
        "predicted",
        "Net",
        "2x4 float32",
        rows,
        named,
        2.5,
        "cross entropy of 10 classes with random labels",
        unknown=(Unknown("eigh", "torch.linalg.eigh", "", "net.py:9", 2, "no rule; add one with @iw.signals.rule"),),
        notes=("means over 8 samples",),
    )
    return replace(found, **changes)


def verdict(direction: Any = "forward", *, ok: bool = True, growths: tuple[float | None, ...] = ()) -> Verdict:
    """A verdict on the path from up to down; where it is not ok, up is to blame."""
    steps = tuple(Step(f"h.{index}", (index, index), growth) for index, growth in enumerate(growths))
    culprit = Culprit(0, "up.weight", "N(0, 0.5²)", 0.5, 0.1, "it is too large", "std 0.1 instead of 0.5")
    blamed = None if ok else culprit
    return Verdict("up -> down", direction, (0, 2), steps, 1.5, (0.5, 2.0), ok, blamed, "the signal grows 1.5-fold")


def deep(blocks: int = 15, *, odd: int | None = None) -> Signals:
    """Blocks of a norm, a wide and a narrow layer; `odd` is one whose wide layer has a law of its own."""
    rows: list[SignalRow] = []
    named = {}
    for block in range(blocks):
        wide = ("N(0, 1²)", 1.0) if block == odd else ("N(0, 0.5²)", 0.25)
        for part, (law, size), width in (("norm", ("1", 1.0), 4), ("up", wide, 8), ("down", ("0", 0.0), 4)):
            name = f"net.h.{block}.{part}"
            level = 2.0 ** (block + 1) if part == "down" else 1.0
            rows.append(
                row(len(rows), name, "linear", f"{name}.weight", shape=(2, width), second_moment=level,
                    grad_second_moment=1e-3)
            )  # fmt: skip
            named[f"{name}.weight"] = parameter(f"{name}.weight", law, size)
    return Signals("predicted", "Deep", "2x4 float32", tuple(rows), named)
