"""`verify`: hold the weights of a model against the laws of a plan."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from initwise.errors import InitwiseError
from initwise.findings import Column, Finding, Table
from initwise.initializers import Keep, NewRows
from initwise.model import Parameter, read
from initwise.planning import Part, Plan, Row, refuse_other_than_plan
from initwise.reporting import Report
from initwise.verification._checks import CheckedRow, Measured, check_part, finding
from initwise.verification._through import settled
from initwise.writing import mean_rows, part_of, tolerance

_COLUMNS = (
    Column("parameter"),
    Column("elements", "right"),
    Column("law"),
    Column("std asked", "right"),
    Column("std found", "right"),
    Column("allowed"),
    Column("verdict"),
)
_FALSE_ALARM = 1e-4  # at most: the chance that any parameter of a rightly drawn model is reported


def verify(model: nn.Module, plan: Plan) -> Report:
    """Check every parameter of `model` against the law that `plan` gives it.

    In this order: presence, shape and dtype; finite values; exact support (bounds, constants, invariants such as
    orthonormal rows, padding rows); mean and standard deviation against the interval that holds them for the number of
    elements. The chance of a false alarm is below 1e-4 for the whole model.

    Of a weight that was written through a parametrization the weight that the module computes is checked; of one whose
    original was written (spectral norm, a pruning mask, no right inverse) the original.

    Args:
        model: any model with the planned parameters. It is only read, buffers of parametrizations included.
        plan: what its weights should be.

    Returns:
        A report: `.ok`, `.findings`, and `.rows` with one `CheckedRow` for each parameter; printing it shows a table.
    """
    refuse_other_than_plan("verify", plan)
    parameters = {parameter.name: parameter for parameter in read(model).parameters}
    findings = list(_strangers(plan, parameters))
    alpha = _FALSE_ALARM / max(1, 2 * sum(len(row.parts) for row in plan))
    rows = []
    for row in plan:
        checked, found = _check_row(row, parameters.get(row.name), alpha, plan.seed)
        rows.append(checked)
        findings += found
    return Report("verify", _table(plan, rows), tuple(findings), tuple(rows))


def _strangers(plan: Plan, parameters: dict[str, Parameter]) -> Iterator[Finding]:
    for name in parameters:
        if name not in plan:
            fix = "make a new plan for this model"
            yield finding("INI106", name, "the plan does not know this parameter", "present", "absent", fix)


def _check_row(row: Row, parameter: Parameter | None, alpha: float, seed: int) -> tuple[CheckedRow, list[Finding]]:
    problem = _mismatch(row, parameter)
    if problem or parameter is None:
        return CheckedRow.unmeasured(row, "failed: INI106"), [problem] if problem else []
    if isinstance(row.initializer, Keep):
        return CheckedRow.unmeasured(row, "kept"), []
    try:
        tensor = parameter.values()
    except Exception as error:  # noqa: BLE001 - a parametrization is any code
        said = "the parametrization does not compute the weight"
        broken = finding("INI106", row.name, said, f"{type(error).__name__}: {error}", "a weight", "mend it")
        return CheckedRow.unmeasured(row, "failed: INI106"), [broken]
    through = parameter.way is not None and parameter.way.inverse
    measured: list[Measured] = []
    findings: list[Finding] = []
    for part in row.parts:
        if isinstance(row.initializer, NewRows) and isinstance(part.initializer, Keep):
            measured.append(Measured(None, None))
            continue
        pieces = list(_pieces(tensor, part, row.padding))
        if through and part.law is not None:
            pieces = [settled(piece, part.law) if piece.numel() else piece for piece in pieces]
        result, found = check_part(row.name, part, pieces, alpha)
        measured.append(result)
        findings += found
        findings += _mean_rows(parameter, row, part, pieces, seed)
    findings += _padding(row, tensor)
    return CheckedRow.of(row, measured, findings), findings


def _mismatch(row: Row, parameter: Parameter | None) -> Finding | None:
    if parameter is None:
        fix = "make a new plan, or map renamed parameters with names={here: planned}"
        return finding("INI106", row.name, "the model has no such parameter", "absent", "present", fix)
    found, asked = (tuple(parameter.shape), parameter.dtype), (tuple(row.shape), row.dtype)
    if found != asked:
        said = "the parameter is not the one that was planned"
        return finding("INI106", row.name, said, f"{found[0]} {found[1]}", f"{asked[0]} {asked[1]}", "plan again")
    if parameter.tensor.is_meta:
        said, fix = "the parameter is on the meta device", "materialize the model, then apply the plan"
        return finding("INI106", row.name, said, "no memory", "values", fix)
    return None


def _pieces(tensor: Tensor, part: Part, padding: int | None) -> Iterator[Tensor]:
    """Yield the part without the padding row, whose zeros are not drawn."""
    whole = tensor.shape[0] if tensor.dim() else 1
    yield from _without(part_of(tensor, part), part, None if padding is None else padding % whole)


def _without(view: Tensor, part: Part, padding: int | None) -> Iterator[Tensor]:
    inside = None if padding is None else padding - (part.start if part.axis == 0 else 0)
    if inside is None or not 0 <= inside < view.shape[0]:
        yield view
    else:
        yield from (view[:inside], view[inside + 1 :])


def _padding(row: Row, tensor: Tensor) -> Iterator[Finding]:
    if row.padding is None or not row.is_written(row.padding):
        return
    if bool(torch.count_nonzero(tensor[row.padding])):
        largest = float(tensor[row.padding].abs().max())
        said = f"the padding row {row.padding} is not zero"
        yield finding("INI107", row.name, said, f"largest |w| {largest:.6g}", "0", "apply the plan again")


def _mean_rows(parameter: Parameter, row: Row, part: Part, pieces: list[Tensor], seed: int) -> Iterator[Finding]:
    """Draw new rows from the old ones once more: what they follow is known only with these."""
    try:
        expected = mean_rows(parameter, row, part, seed)
    except InitwiseError as error:
        yield finding("INI105", row.name, "the new rows follow the old ones", str(error), "finite old rows")
        return
    if expected is None:
        return
    drawn = torch.cat(list(_without(expected, part, None if row.padding is None else row.padding % row.shape[0])))
    found = torch.cat([piece.cpu() for piece in pieces])
    off = float((found - drawn).abs().max())
    if not off <= tolerance(row.dtype) * float(drawn.abs().max()):
        said = "the new rows are not what the old ones give; one of them was changed"
        yield finding("INI105", row.name, said, f"off by {off:.3g}", f"{part.initializer!r} of the old rows")


def _table(plan: Plan, rows: list[CheckedRow]) -> Table:
    cells = tuple(row.cells() for row in rows)
    held = sum(row.verdict.startswith("ok") for row in rows)
    note = f"{held} of {len(rows)} parameters hold their law; plan {plan.digest()[:16]}"
    return Table("verify", _COLUMNS, cells, (note,))
