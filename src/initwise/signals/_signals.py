"""`Signals`: what a forward and backward pass does to the signal, predicted or measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from initwise._arguments import show
from initwise.errors import ArgumentTypeError
from initwise.reporting import plain
from initwise.signals import shown
from initwise.signals._jacobian import Jacobian
from initwise.signals._row import ParameterSignal, SignalRow
from initwise.signals._verdict import Verdict


@dataclass(frozen=True, slots=True)
class Unknown:
    """An operation that has no rule, or that could not be predicted; what it feeds is unknown too.

    Attributes:
        operation: the function's name; `function` where it can be imported, as "torch.linalg.eigh".
        module, line: where it was first called.
        count: how often.
        reason: why, and what to do about it.
    """

    operation: str
    function: str
    module: str
    line: str
    count: int
    reason: str


@dataclass(frozen=True, eq=False)
class Signals:
    """The signals of one model at initialization; `predict` and `measure` return the same shape.

    Attributes:
        kind: "predicted" or "measured".
        model: the model's class.
        inputs: what the model was called with, in words.
        rows: one for each operation on the signal, in the order of execution.
        parameters: by canonical name.
        loss: the loss; None where the pass went backward from a projection of the outputs.
        loss_in_words: what the backward pass starts from.
        outputs: the rows that made the model's outputs.
        chains: the depth maps of the plain chains of layers in the model.
        verdicts: whether the signal keeps its size along each path, forward and backward.
        unknown: the operations that could not be predicted.
        notes: how it was done, and what else is worth knowing.
        seeds: how many passes.
        learning_rate: at which update ratios were computed.
        jacobians: by module, the singular values of its Jacobian, where `measure` was asked for them.
    """

    kind: Literal["predicted", "measured"]
    model: str
    inputs: str
    rows: tuple[SignalRow, ...] = field(repr=False)
    parameters: Mapping[str, ParameterSignal] = field(repr=False)
    loss: float | None = None
    loss_in_words: str = ""
    outputs: tuple[int, ...] = field(default=(), repr=False)
    chains: tuple[Any, ...] = field(default=(), repr=False)
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    unknown: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)
    seeds: int = 1
    learning_rate: float | None = None
    jacobians: Mapping[str, Jacobian] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SignalRow]:
        return iter(self.rows)

    @cached_property
    def numbered(self) -> Mapping[tuple[str, str, int, int], SignalRow]:
        """Each row by (module, operation, call, n): n counts like operations within one call of a module."""
        counts: dict[tuple[str, str, int], int] = {}
        found = {}
        for row in self.rows:
            place = counts[row.key] = counts.get(row.key, -1) + 1
            found[*row.key, place] = row
        return found

    def find(self, module: str, operation: str | None = None, call: int = 0) -> SignalRow:
        """Return the row of a module's call: that of `operation`, or the last one that ran directly in it.

        Raises:
            KeyError: there is none; the message names what there is.
        """
        found = [row for row in self.rows if row.module == module and row.call == call]
        found = [row for row in found if operation in (None, row.operation)]
        if not found:
            names = list(dict.fromkeys(row.module for row in self.rows))
            raise KeyError(f"no operation {operation or ''!r} of call {call} of {module!r}; modules: {names[:8]}")
        return found[-1]

    def text(
        self,
        *,
        terminal: bool | None = None,
        width: int | None = None,
        rows: shown.Rows = "folded",
        plain: bool | None = None,
    ) -> str:
        """The signals as text, which `print` shows: levels with bars, loss, verdicts, chains, what is unknown, notes.

        Args:
            terminal: True styles for a terminal; False gives aligned text that is never cut; None asks standard output.
            width: of the terminal, in columns.
            rows: "layers" shows each operation that takes a parameter, "folded" the same, with repeated blocks on one
                line where there are more than 40; "all" shows every operation.
            plain: bars in ASCII; None asks whether standard output can show block characters.

        Raises:
            ArgumentError: `rows` is something else.
        """
        return shown.text(self, terminal=terminal, width=width, rows=rows, plain=plain)

    def beside(
        self,
        other: Signals,
        *,
        terminal: bool | None = None,
        width: int | None = None,
        rows: shown.Rows = "folded",
        plain: bool | None = None,
    ) -> str:
        """These signals and others of the same model as text side by side, with the ratios other / these.

        Args:
            other: what was measured, where these are predicted; or the same model under another plan.
            terminal, width, rows, plain: as for `text`.

        Raises:
            ArgumentError: `rows` is something else.
            ArgumentTypeError: `other` is no Signals.
        """
        if not isinstance(other, Signals):
            raise ArgumentTypeError(
                f"Signals.beside: {show(other)} is of type {type(other).__name__}; give what iw.predict or iw.measure"
                " returns"
            )
        return shown.compared(self, other, terminal=terminal, width=width, rows=rows, plain=plain)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return shown.html(self)

    def to_dict(self) -> dict[str, Any]:
        """The signals as plain data, ready for `json.dumps`."""
        return {
            "kind": self.kind,
            "model": self.model,
            "inputs": self.inputs,
            "loss": self.loss,
            "loss_in_words": self.loss_in_words,
            "seeds": self.seeds,
            "learning_rate": self.learning_rate,
            "rows": [row.to_dict() for row in self.rows],
            "parameters": {name: each.to_dict() for name, each in self.parameters.items()},
            "outputs": list(self.outputs),
            "chains": plain(self.chains),
            "verdicts": plain(self.verdicts),
            "jacobians": plain(self.jacobians),
            "unknown": plain(self.unknown),
            "notes": list(self.notes),
        }
