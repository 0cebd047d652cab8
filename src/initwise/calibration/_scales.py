"""Which tensors of a model a descent differentiates by, and which of them get a scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from initwise.calibration._rows import is_weight
from initwise.errors import ArgumentError
from initwise.initializers import NewRows, Scaled
from initwise.model import Parameter, Reading
from initwise.planning import Plan, Row


def trained(model: nn.Module) -> tuple[dict[int, str], dict[str, str], dict[str, Tensor]]:
    """Return names of the trained tensors: a path by identity, that path by each path, and the values by it."""
    first: dict[int, str] = {}
    paths: dict[str, str] = {}
    base: dict[str, Tensor] = {}
    for path, tensor in model.named_parameters(remove_duplicate=False):
        if tensor.requires_grad:
            paths[path] = first.setdefault(id(tensor), path)
            base.setdefault(paths[path], tensor.detach())
    return first, paths, base


def with_scales(
    operation: str, plan: Plan, reading: Reading, first: Mapping[int, str], admits: Callable[[Row], bool]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the paths of the parameters that have a scale by their names, and notes on the weights that have none.

    Raises:
        ArgumentError: no parameter has one.
    """
    asked = [row for row in plan if admits(row)]
    reasons = {row.name: _why_not(row, reading[row.name]) for row in asked}
    scaled = {name: first[id(reading[name].tensor)] for name, why in reasons.items() if not why}
    if not scaled:
        told = "; ".join(f"{name!r}: {why}" for name, why in list(reasons.items())[:4])
        raise ArgumentError(
            f"{operation}: no layer to scale: {told or 'the plan has no weight of two axes'}. Plan weights that are "
            "trained and drawn, as iw.plan(model, 'kaiming')"
        )
    untouched = [(row.name, reasons[row.name]) for row in asked if is_weight(row) and reasons[row.name]]
    return scaled, tuple(f"{operation}: {name!r} is not scaled: {why}" for name, why in untouched)


def _why_not(row: Row, parameter: Parameter) -> str:
    """Return why a weight has no scale; "" where it has one."""
    if row.kept or isinstance(row.initializer, NewRows):
        return "it is kept as it is" if row.kept else "its old rows are kept"
    if not parameter.requires_grad:
        return "it is frozen"
    if parameter.sources:
        return "a parametrization computes it"
    try:
        Scaled(row.initializer, 1.0)
        law = row.law
    except ArgumentError as error:
        return str(error)
    return "its law is zero, which no factor changes" if law is not None and law.std == 0 and law.mean == 0 else ""
