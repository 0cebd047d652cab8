"""A calibration in progress: a model that holds a plan, batches that go through it, factors that are found."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from initwise.calibration._batches import Batches, as_batches
from initwise.calibration._rows import is_weight, why_not
from initwise.calibration._subject import agreed, checked
from initwise.calibration._sums import Sums, over_processes
from initwise.calibration._together import Together
from initwise.calibration._watch import Enough, Watch
from initwise.errors import ArgumentError, InitwiseError
from initwise.model import Example, Parameter, Reading
from initwise.model.graph._state import _eager
from initwise.planning import Plan, Row
from initwise.signals._example import fitted
from initwise.signals._modes import set_modes
from initwise.signals._pass import SEED, _canonical, _stored, seeded
from initwise.signals._places import followed
from initwise.signals._restored import restored
from initwise.writing import apply, drawn, drawn_through, write_values
from initwise.writing._through import write_solution


@dataclass(eq=False)
class Session:
    """One calibration of one model: the plan so far, and what there is to say about it."""

    operation: str
    model: nn.Module
    reading: Reading
    plan: Plan
    batches: Batches
    peers: Together
    changed: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def row(self, name: str) -> Row:
        """Return what is decided about a parameter by now."""
        return self.changed.get(name, self.plan[name])

    def write(self, row: Row) -> None:
        """Take a decision, and let the model hold it."""
        self.changed[row.name] = row
        parameter = self.reading[row.name]
        if parameter.sources:
            write_solution(parameter, drawn_through(parameter, row, self.plan.seed))
        else:
            write_values(parameter.tensor, drawn(parameter, row, self.plan.seed))

    def outputs(self, until: str = "") -> dict[str, Sums]:
        """Return the sums of what each weight makes, over all batches and processes, in the order of execution."""
        found: dict[str, Sums] = {}
        for example in self.batches.examples:
            for name, each in self._watched(example, until).seen.items():
                found[name] = found[name] + each if name in found else each
        return over_processes(self.peers, f"a pass{f' as far as {until!r}' if until else ''}", found)

    def calibrated(self, seen: Iterable[str]) -> list[str]:
        """Return those weights, in the order of execution, that can be scaled; say of the others why they are not."""
        order = list(seen)
        for row in self.plan:
            why = _why_not_here(row, order)
            self.notes += [f"{self.operation}: {row.name!r} is not scaled: {why}"] if why else []
        return [name for name in order if is_weight(self.plan[name]) and not why_not(self.plan[name])]

    def bias(self, weight: str) -> Parameter | None:
        """Return the bias beside a weight."""
        found = self.reading[weight]
        attribute = found.attribute.replace("weight", "bias")
        path = f"{found.module_name}.{attribute}" if found.module_name else attribute
        there = attribute != found.attribute and path in self.reading
        return self.reading[path] if there else None

    def finished(self) -> Plan:
        """Return the plan with everything that was found."""
        rows = tuple(self.changed.get(row.name, row) for row in self.plan)
        return replace(self.plan, rows=rows, notes=tuple(dict.fromkeys((*self.plan.notes, *self.notes))))

    def refuse(self, problem: str) -> ArgumentError:
        """Return an error that names the operation."""
        return ArgumentError(f"{self.operation}: {problem}")

    def _watched(self, example: Example, until: str) -> Watch:
        stored = _stored(self.reading)
        names = {id(each): name for name, same in stored.items() for each in same}
        args, kwargs = fitted(example, self.model)
        with seeded(SEED), followed(self.model) as places, _eager(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            watch = Watch(names, _canonical(self.reading), places, until)
            watch.takes((args, kwargs))
            try:
                with watch:
                    self.model(*args, **kwargs)
            except Enough:
                pass
            except InitwiseError:
                raise
            except Exception as error:
                module = places.now[0]
                raise self.refuse(
                    f"{watch.running or 'forward'}{f' in {module!r}' if module else ''} raised {type(error).__name__} "
                    f"with {example.description}: {error}. Give batches that the model takes"
                ) from error
        return watch


def _why_not_here(row: Row, order: list[str]) -> str:
    """Return why a weight that is planned is not scaled; "" where it is, and where there is nothing to scale."""
    if row.kept:
        return ""
    if row.role == "embedding" and row.name in order:
        return "it is an embedding first; the product that takes it too makes what it makes of those rows"
    if not is_weight(row):
        return ""
    return why_not(row) or ("" if row.name in order else "no product or convolution of the passes takes it")


@contextmanager
def session(
    peers: Together, model: Any, batches: Any, plan: Any, *, limit: int, asked: Mapping[str, Any]
) -> Iterator[Session]:
    """Let a model hold a plan; afterwards it is as it was before, but for what `settled` writes.

    Args:
        peers: the processes that do this together.
        asked: the arguments of the call, in which they must agree.

    Raises:
        ApplyError: the plan does not fit the model.
        ArgumentError: batches that are none or do not fit, a model without memory or in shards, processes that differ.
    """
    reading, runnable = checked(peers.operation, model, plan)
    made = Session(peers.operation, runnable, reading, plan, as_batches(peers, batches, runnable, limit), peers)
    with restored(model), torch.inference_mode(mode=False):
        apply(model, plan, agree=False)
        agreed(peers, model, plan, asked)
        set_modes(runnable)
        yield made
        peers.ended(made.finished().digest())


def settled(model: nn.Module, found: Session) -> Plan:
    """Return the plan that was found; the model holds it."""
    plan = found.finished()
    apply(model, plan, agree=False)
    return plan
