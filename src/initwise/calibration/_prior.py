"""`output_prior`: the bias of the head is what the targets say without looking at an input."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

from torch import Tensor, nn

from initwise._arguments import Arguments, nearest, show
from initwise.calibration._rows import given, is_weight
from initwise.calibration._targets import IGNORED, counted
from initwise.calibration._together import together
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Zeros
from initwise.model import Parameter, Reading, candidates, read, traced
from initwise.planning import Plan, Row, refuse_other_than_plan
from initwise.writing import apply

Kind = Literal["softmax", "sigmoid", "mean"]
_OUTPUT = "makes the model's output"
_UNKNOWN = "no forward pass shows which layer makes the model's output"


def output_prior(
    model: nn.Module,
    plan: Plan,
    targets: Any,
    kind: Kind = "softmax",
    *,
    head: str | None = None,
    zero_weight: bool = False,
    smoothing: float = 0.5,
    ignore_index: int = IGNORED,
) -> Plan:
    """Set the bias of the head to what the targets say on average, so that training need not learn it first.

    b = ln p for classes ("softmax"), b = ln(p / (1 - p)) for outputs that are zero or one each ("sigmoid", Lin et al.
    2017, arXiv:1708.02002, section 3.3), b = mean(y) for regression ("mean"). With a head whose weight is zero the loss
    at step 0 is exactly the entropy H(p), or the variance of the targets.

    Where torch.distributed runs, all processes call this together, each with its own targets: all of them count.

    Args:
        model: afterwards it holds the new plan.
        plan: what else the weights are.
        targets: a tensor of them (class indices, or probabilities of classes (.., outputs); or (.., outputs) zeros and
            ones, or numbers), or a loader whose batches end with them or have them under "labels", "label", "targets",
            "target" or "y".
        kind: what the head's outputs are.
        head: the name of the head's module, or of its bias; by default the layer that makes the model's output, as a
            forward pass shows: the one that the plan was made with, or one on meta with inputs built for the model.
        zero_weight: also plan the head's weight as zeros.
        smoothing: a class that occurs less often counts so much, so that its logit is finite.
        ignore_index: class indices that do not count, as in torch's cross entropy.

    Raises:
        ArgumentError: targets out of range, or none; a head that is not there, is not known, or has no bias.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = nn.Linear(2, 3)
    >>> plan = iw.output_prior(model, iw.plan(model, "xavier"), torch.tensor([0, 0, 1, 2]))
    >>> [round(each, 3) for each in model.bias.tolist()]
    [-0.693, -1.386, -1.386]
    """
    with together("output_prior") as peers:
        _check(kind, zero_weight, smoothing, ignore_index)
        if not isinstance(model, nn.Module):
            raise ArgumentTypeError(
                f"output_prior: model is {show(model)} of type {type(model).__name__}; give a module"
            )
        refuse_other_than_plan("output_prior", plan)
        bias, weight = _head(read(model), plan, head)
        asked = {"plan": plan.digest(), "kind": kind, "head": bias.name, "zero_weight": zero_weight}
        peers.agree({**asked, "smoothing": smoothing, "ignore_index": ignore_index})
        outputs = plan[bias.name].numel
        (counts,) = peers.summed("the targets", [counted(targets, outputs, kind, ignore_index)])
        changed = [_biased(plan[bias.name], counts, kind, float(smoothing), ignore_index)]
        if zero_weight:
            changed.append(_zero(bias.name, weight))
        rows = {row.name: row for row in changed}
        found = replace(plan, rows=tuple(rows.get(row.name, row) for row in plan))
        peers.ended(found.digest())
    apply(model, found, agree=False)
    return found


def _biased(row: Row, counts: Tensor, kind: str, smoothing: float, ignored: int) -> Row:
    """Return the row of the bias, from the number of targets and the sum for each output."""
    count, total = float(counts[0]), counts[1:]
    if not count:
        raise ArgumentError(f"output_prior: every target is {ignored}, which is left out; give targets that count")
    if kind == "softmax":
        p = total.clamp(min=smoothing)
        return given(row, (p / p.sum()).log().tolist(), f"output prior of {row.numel} classes: ln p")
    if kind == "mean":
        return given(row, (total / count).tolist(), f"output prior of {row.numel} outputs: the mean of the targets")
    least = min(smoothing, count / 2)
    positive = total.clamp(min=least, max=count - least)
    logits = (positive / (count - positive)).log()
    return given(row, logits.tolist(), f"output prior of {row.numel} outputs: ln(p / (1 - p))")


def _zero(bias: str, weight: Row | None) -> Row:
    if weight is None:
        raise ArgumentError(f"output_prior: {bias!r} has no weight beside it that could be zero")
    why = "zero, so that the loss at step 0 is that of the output prior"
    return replace(weight, initializer=Zeros()).because(why)


def _head(reading: Reading, plan: Plan, head: str | None) -> tuple[Parameter, Row | None]:
    """Return the bias of the head, and the row of its weight."""
    if head is None:
        name = _found(reading, plan)
    elif head in reading:
        name = reading[head].name.rpartition(".")[0]
    elif head in reading.modules:
        name = head
    else:
        known = [each for each in reading.modules if each]
        raise ArgumentError(f"output_prior: there is no module {head!r}{nearest(head, known)}; give the head's name")
    prefix = f"{name}." if name else ""
    if f"{prefix}bias" not in reading:
        tied = next((each.name for each in reading.parameters if len(each.owners) > 1 and _owns(each, name)), None)
        held = f" (and its weight is tied: {tied!r})" if tied is not None else ""
        raise ArgumentError(
            f"output_prior: the head {name!r} has no bias{held}; build it with one, or give another head="
        )
    bias, weight = reading[f"{prefix}bias"], f"{prefix}weight"
    if bias.name not in plan:
        raise ArgumentError(f"output_prior: the plan has no {bias.name!r}: it is for another model. Plan this one")
    return bias, next((row for row in plan if weight in (row.name, row.path, *row.aliases)), None)


def _found(reading: Reading, plan: Plan) -> str:
    """Return the module that makes the output, as a forward pass shows: the plan's, or one of its own."""
    shown = [row.name for row in plan if _OUTPUT in row.context and (is_weight(row) or row.role == "embedding")]
    modules = list(dict.fromkeys(_owner(reading, reading[name]) for name in shown or _traced(reading)))
    if len(modules) != 1:
        found = f"{len(modules)} layers make outputs: {', '.join(modules)}" if modules else _UNKNOWN
        raise ArgumentError(f"output_prior: {found}; say which is meant, head='name'")
    return modules[0]


def _traced(reading: Reading) -> list[str]:
    """Return the weights that make the output in a pass on meta, with inputs built for it; [] where none runs."""
    try:
        shown = traced(reading, list(candidates(reading.model)))
    except Exception:  # noqa: BLE001 - of a model that meta cannot run nothing is known, whatever it raises
        return []
    parameters = [each for each in shown.parameters if each.usage is not None and each.usage.output]
    return [each.name for each in parameters if each.role in {"weight", "recurrent", "embedding"}]


def _owner(reading: Reading, parameter: Parameter) -> str:
    """Return the module of a weight: of a tied one that which has a bias, else the last."""
    names = [owner.module_name for owner in parameter.owners]
    return next((name for name in names if (f"{name}.bias" if name else "bias") in reading), names[-1])


def _owns(parameter: Parameter, module: str) -> bool:
    return any(owner.module_name == module for owner in parameter.owners)


def _check(kind: Any, zero_weight: Any, smoothing: Any, ignored: Any) -> None:
    check = Arguments("output_prior")
    check.choice("kind", kind, ("softmax", "sigmoid", "mean"))
    check.flag("zero_weight", zero_weight)
    if isinstance(ignored, bool) or not isinstance(ignored, int):
        check.refuse(f"ignore_index is {show(ignored)}; give an integer")
    number = check.number("smoothing", smoothing)
    if not (number > 0 and math.isfinite(number)):
        check.refuse(f"smoothing is {smoothing}, and must be above 0")
    check.done()
