"""`diff`: two plans, a plan and a model, or two models."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from initwise._arguments import show
from initwise.differences._holds import plan_and_model
from initwise.differences._models import models
from initwise.differences._plans import plans
from initwise.differences._samples import has_values
from initwise.differences._value import Difference
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Reading, read
from initwise.planning import Plan


def diff(a: Plan | nn.Module, b: Plan | nn.Module) -> Difference:
    """Compare two plans, a plan and a model (in either order), or two models, parameter by parameter.

    Parameters meet under their canonical names (wrappers do not count), then under those of their ties and under the
    names that their numbers are drawn under; plans and models may be of different architectures.

    - Two plans: the laws, blocks, padding and kept rows, dtypes and ties. Laws are compared as laws, whoever wrote
      them: reasons and recipes do not count, and another seed is noted as other numbers.
    - A plan and a model: the law against the values. Support and invariants are exact; mean and std differ where they
      lie outside the interval for so many values (the chance that any of a rightly drawn model does is below 1e-4) and
      are off by more than 2 % of the std. `ratio` says by how much.
    - Two models, buffers included: the same bits; the same law, which is the same mean, std and shape within the error
      of the samples or 2 %; or different. Each with both stds and the largest |a - b|.

    Values are measured where they are, without a copy of a whole tensor; of shards those of this rank.

    Args:
        a, b: plans or models. A plan as data becomes one by `iw.Plan.from_dict`.

    Returns:
        A `Difference`: `.same`, `.rows` and `.notes`; printing it shows what differs, `.text(all=True)` everything.

    Raises:
        ArgumentTypeError: a side is neither a plan nor a model.
        ArgumentError: a model is on the meta device and holds no values.

    >>> import initwise as iw
    >>> model = nn.Linear(64, 32)
    >>> found = diff(iw.plan(model, "xavier"), iw.plan(model, "torch-default"))
    >>> found["weight"].status, round(found["weight"].ratio, 3)
    ('law differs', 0.5)
    """
    _check(a=a, b=b)
    if isinstance(a, Plan) and isinstance(b, Plan):
        return plans(a, b)
    readings = {side: read(each) for side, each in (("a", a), ("b", b)) if isinstance(each, nn.Module)}
    _check_values(readings)
    if isinstance(a, Plan):
        return plan_and_model(a, readings["b"])
    if isinstance(b, Plan):
        return plan_and_model(b, readings["a"]).turned()
    return models(readings["a"], readings["b"])


def _check(**sides: object) -> None:
    wrong = [
        f"{side} is {show(value)} of type {type(value).__name__}; {_hint(value)}"
        for side, value in sides.items()
        if not isinstance(value, (Plan, nn.Module))
    ]
    if wrong:
        raise ArgumentTypeError(f"diff: {'; '.join(wrong)}")


def _hint(value: object) -> str:
    if isinstance(value, type) and issubclass(value, nn.Module):
        return f"give an instance such as {value.__name__}(...)"
    if isinstance(value, Mapping):
        return "give a plan (iw.Plan.from_dict(...) makes one of data), or a model that has loaded these weights"
    return "give a plan (iw.plan(model, rules)) or an nn.Module"


def _check_values(readings: Mapping[str, Reading]) -> None:
    empty = [
        f"{side} is on the meta device ({reading.parameters[0].name!r} and all others) and holds no values; "
        "give it memory with iw.materialize(model, plan, device=...), or compare plans: iw.plan(model, rules)"
        for side, reading in readings.items()
        if reading.parameters and not any(has_values(each) for each in reading.parameters)
    ]
    if empty:
        raise ArgumentError(f"diff: {'; '.join(empty)}")
