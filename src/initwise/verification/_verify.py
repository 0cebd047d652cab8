"""`verify`: hold the weights of a model against the laws of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.findings import Finding, found
from initwise.model import Parameter, Reading, described, places, read
from initwise.planning import Names, Plan, Row, refuse_other_than_plan
from initwise.reporting import Report
from initwise.shards import Held, Shard, held, is_sharded
from initwise.statistics import Moments
from initwise.verification._agreement import is_written_by_plan
from initwise.verification._facts import differs, padding
from initwise.verification._family import decide
from initwise.verification._outcome import Exact, Outcome, judged
from initwise.verification._presence import absent_and_unknown, mismatch, strangers
from initwise.verification._rows import CheckedRow, checked, table, unmeasured
from initwise.verification._scan import Scan, scan
from initwise.verification._units import Unit
from initwise.verification._units import units as units_of

_NOTHING = Scan(Moments(0, math.nan, math.nan, math.nan, math.nan))


def verify(
    model: nn.Module,
    plan: Plan,
    *,
    exact: Exact = True,
    margin: float = 0.02,
    shards: Mapping[str, Shard] | None = None,
    names: Names | None = None,
) -> Report:
    """Check every parameter of `model` against what `plan` asks of it.

    In this order: presence, shape, dtype and ties; the plan's own random numbers, drawn again and compared bit for bit;
    finite values; exact support (bounds, constants, invariants such as orthonormal rows, padding rows); then, for
    weights that were drawn by others, mean and standard deviation, distribution, copies, correlations and spectrum.
    Weights that agree bit for bit need no statistics. Once one drawn parameter does, the plan wrote this model, and
    whatever differs elsewhere is an error (INI109). Where no parameter agrees, others drew the weights, or another seed
    did, and the laws decide.

    A statistical test fails where it is significant, at 1e-3 over all tests of the model together (Holm), and its
    point estimate is beyond the margin. Parameters that are too small to be tested alone are pooled by rule; what is
    still too small is said to be not testable.

    Of a weight that was written through a parametrization the weight that the module computes is checked; of one whose
    original was written (spectral norm, a pruning mask, no right inverse) the original. Of parameters in shards each
    process checks its own part, each value under its place in the whole, and nothing is sent between processes; rows
    say how much that was.

    Args:
        model: any model with the planned parameters. It is only read, buffers of parametrizations included.
        plan: what its weights should be.
        exact: True compares with the plan's own numbers where it can; False only asks for the laws; "required" makes
            an error of everything that is not what the plan writes.
        margin: how far, in standard deviations, a mean or a std may be off without being an error: 2 % of the std.
        shards, names: as for `initwise.apply`: what plain tensors hold, and what parameters are called in the plan.

    Returns:
        A report: `.ok`, `.findings`, and `.rows` with one `CheckedRow` for each parameter; printing it shows a table.

    Raises:
        ArgumentTypeError: `plan` is not a plan.
        ArgumentError: `exact` or `margin` is not one of the above, or `shards` does not fit the model.
        PlanError: `names` does not fit model and plan.

    >>> import torch, initwise as iw
    >>> layer = torch.nn.Linear(8, 4)
    >>> plan = iw.plan(layer, "xavier", seed=1)
    >>> iw.apply(layer, plan)
    >>> [row.proof for row in iw.verify(layer, plan).rows]
    ['bit for bit', 'bit for bit']
    """
    refuse_other_than_plan("verify", plan)
    reading = read(model)
    said = _checked(exact, margin, reading, shards)
    plan = plan if names is None else plan.part(model, names)
    parameters = {parameter.name: parameter for parameter in reading.parameters}
    entries = [_entry(row, parameters, said.get(row.name)) for row in plan]
    units = [unit for entry in entries for unit in entry.units if not unit.kept]
    found = scan(units, plan.seed, exact=bool(exact))
    scans = iter(found)
    for entry in entries:
        entry.outcomes = [
            judged(unit, _NOTHING if unit.kept else next(scans), parameters[entry.row.name], plan.seed, exact)
            for unit in entry.units
        ]
    outcomes = [outcome for entry in entries for outcome in entry.outcomes]
    decide(outcomes, margin)
    if exact is True and _plan_wrote_it(units, found):
        _tell_of_others([outcome for outcome in outcomes if not outcome.unit.kept], found)
    rows = tuple(entry.checked() for entry in entries)
    findings = [*strangers(plan, parameters), *(finding for entry in entries for finding in entry.all_findings())]
    notes = list(absent_and_unknown(plan, parameters))
    return Report("verify", table(plan, rows, notes), tuple(findings), rows, places=places(reading))


@dataclass(eq=False)
class _Entry:
    """One row of the plan on its way to a row of the report."""

    row: Row
    findings: list[Finding]
    units: list[Unit] = field(default_factory=list)
    here: int | None = None
    unseen: str = "kept"
    outcomes: list[Outcome] = field(default_factory=list)

    def all_findings(self) -> list[Finding]:
        """What was found, parts first."""
        return [*(finding for outcome in self.outcomes for finding in outcome.findings), *self.findings]

    def checked(self) -> CheckedRow:
        """The row of the report."""
        if not self.units:
            return unmeasured(self.row, "failed: INI106" if self.findings else self.unseen)
        codes = [finding.code for finding in self.all_findings()]
        p = min((outcome.p for outcome in self.outcomes if outcome.p is not None), default=None)
        return checked(self.row, [outcome.held() for outcome in self.outcomes], codes, p, self.here)


def _entry(row: Row, parameters: Mapping[str, Parameter], shard: Shard | None) -> _Entry:
    parameter = parameters.get(row.name)
    if parameter is not None and parameter.parametrized and any(map(is_sharded, parameter.tensors)):
        return _Entry(row, mismatch(row, parameters, None), unseen="kept" if row.kept else "not testable")
    try:
        place = _place(parameter, row, shard) if parameter is not None else None
    except ArgumentError as error:
        said = "what is here of it contradicts itself"
        return _Entry(row, [found("INI106", row.name, said, str(error), "a shard", "mend it")])
    except Exception as error:  # noqa: BLE001 - a parametrization is any code
        said, what = "the parametrization does not compute the weight", f"{type(error).__name__}: {error}"
        return _Entry(row, [found("INI106", row.name, said, what, "a weight", "mend it")])
    problems = mismatch(row, parameters, place)
    if problems or row.kept or parameter is None or place is None:
        return _Entry(row, problems)
    here = None if place.complete or not row.numel else sum(piece.view.numel() for piece in place.pieces)
    return _Entry(row, list(padding(row, place)), list(units_of(row, parameter, place)), here=here)


def _place(parameter: Parameter, row: Row, shard: Shard | None) -> Held | None:
    """Return what is here of the values that the law is about; None of a computed weight that was kept."""
    if parameter.way is not None and parameter.way.inverse:
        return None if row.kept else held(parameter.values())
    return held(parameter.tensor, shard)


def _tell_of_others(outcomes: Sequence[Outcome], scans: Sequence[Scan]) -> None:
    """Report what holds its law with other numbers than the plan's, beside parameters that hold the plan's own."""
    for outcome, scan_ in zip(outcomes, scans, strict=True):
        if scan_.agreement is not None and not scan_.agreement.full and not outcome.findings:
            outcome.findings.append(differs(outcome.unit, scan_.agreement))


def _plan_wrote_it(units: Sequence[Unit], scans: Sequence[Scan]) -> bool:
    """Tell whether a parameter holds the plan's own numbers: then the others are to hold theirs."""
    return any(is_written_by_plan(unit, each.agreement) for unit, each in zip(units, scans, strict=True))


def _checked(exact: object, margin: object, reading: Reading, shards: Any) -> dict[str, Shard]:
    """Check the arguments, and return what plain tensors hold."""
    check = Arguments("verify")
    if not isinstance(exact, bool) and exact != "required":
        check.refuse(f"exact is {exact!r}; allowed are True, False and 'required'")
    if check.number("margin", margin) < 0:
        check.refuse(f"margin is {margin!r}, and must not be negative")
    problems: list[str] = []
    said = described(reading, shards, problems)
    for problem in problems:
        check.refuse(problem)
    check.done()
    return said
