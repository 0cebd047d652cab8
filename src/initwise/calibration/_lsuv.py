"""`lsuv`: each weight scaled until its output has unit variance, layer after layer."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from initwise._arguments import Arguments
from initwise.calibration._rows import given, times, values_of
from initwise.calibration._session import Session, session, settled
from initwise.calibration._sums import Sums
from initwise.calibration._together import together
from initwise.planning import Plan


def lsuv(
    model: nn.Module,
    batches: Any,
    plan: Plan,
    *,
    tolerance: float = 0.1,
    iterations: int = 10,
    mean: bool = False,
    limit: int = 4,
) -> Plan:
    """Scale each weight until the standard deviation of its output is one, in the order of execution (LSUV).

    W <- W / std(out), until |std(out) - 1| < tolerance. Mishkin, Matas, All you need is a good init, 2015
    (arXiv:1511.06422), who start from orthogonal weights: plan these, as `iw.rule(nn.Linear, weight=iw.Orthogonal())`.
    The output is what the convolution, linear layer or product makes, its bias included, over all samples and channels
    of all batches; a weight that is used several times counts by its first use. Dropout is off, batch norms use the
    batch. Weights of recurrent layers, zeros and what is kept stay as they are, and the plan's notes say so.

    Where torch.distributed runs, all processes call this together, each with its own batches: sums are taken over all.

    Args:
        model: any `nn.Module` with memory; afterwards it holds the new plan, and all else is what it was.
        batches: one batch as for `iw.plan(inputs=)`, or a list or loader of them. What the model does not take (labels)
            is left out.
        plan: what the weights are before they are scaled.
        tolerance: how far a std may be from 1.
        iterations: how often one weight is scaled at most; a std that is still off is told in the plan's notes.
        mean: also subtract the mean of the output from the bias, where there is one.
        limit: how many batches of a loader are used.

    Returns:
        The plan with `Scaled` initializers: it is explained, stored, compared and verified like any other.

    Raises:
        ArgumentError: a layer's output has std 0 or is not finite (it is named), batches that are none or do not fit.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    >>> data = torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    >>> plan = iw.lsuv(model, data, iw.plan(model, "xavier"))
    >>> abs(model(data).std().item() - 1) < 0.1, iw.verify(model, plan).ok
    (True, True)
    """
    asked = {"tolerance": tolerance, "iterations": iterations, "mean": mean}
    with together("lsuv") as peers:
        _check(tolerance, iterations, mean, limit)
        with session(peers, model, batches, plan, limit=limit, asked=asked) as found:
            _calibrate(found, float(tolerance), iterations, shifted=mean)
    return settled(model, found)


def _calibrate(found: Session, tolerance: float, iterations: int, *, shifted: bool) -> None:
    outputs = found.outputs()
    order = found.calibrated(outputs)
    for name, following in zip(order, [*order[1:], ""], strict=True):
        outputs = _layer(found, (name, following), outputs, tolerance, iterations, shifted)


def _layer(
    found: Session, names: tuple[str, str], outputs: dict[str, Sums], tolerance: float, iterations: int, shifted: bool
) -> dict[str, Sums]:
    """Scale one weight until its output has unit variance; return the outputs as far as the weight that follows."""
    name, following = names
    factor, first, base = 1.0, _std(found, name, outputs), found.row(name)
    bias = found.bias(name) if shifted else None
    for _ in range(iterations):
        std, centre = _std(found, name, outputs), float(outputs[name].whole.mean)
        off = bias is not None and abs(centre) >= tolerance
        if abs(std - 1) < tolerance and not off:
            break
        if abs(std - 1) >= tolerance:
            factor /= std
            why = f"× {factor:.6g} by lsuv: the std of its output was {first:.4g} over {found.batches.words}"
            found.write(times(base, factor, why))
        elif bias is not None:
            numbers = [each - centre for each in values_of(bias)]
            found.write(given(found.row(bias.name), numbers, f"less the mean of the output, {centre:.4g}, by lsuv"))
        outputs = found.outputs(following or name)
    std = _std(found, name, outputs)
    if abs(std - 1) >= tolerance:
        found.notes.append(f"lsuv: the std of the output of {name!r} is {std:.4g} after {iterations} iterations")
    seen = not following or following in outputs  # passes end early; this one may have been for another weight
    return outputs if seen else found.outputs(following)


def _std(found: Session, name: str, outputs: dict[str, Sums]) -> float:
    std = float(outputs[name].whole.std)
    if not math.isfinite(std) or std == 0:
        said = "is 0: it does not depend on the samples" if std == 0 else f"is {std}: it is not finite"
        raise found.refuse(
            f"the std of the output of {name!r} {said}, over {found.batches.words}; look at its law "
            f"({found.row(name).initializer!r}), and at what comes before with iw.measure(model, batch, plan=plan)"
        )
    return std


def _check(tolerance: Any, iterations: Any, mean: Any, limit: Any) -> None:
    check = Arguments("lsuv")
    if not 0 < check.number("tolerance", tolerance) < 1:
        check.refuse(f"tolerance is {tolerance}, and must be between 0 and 1")
    check.integer("iterations", iterations, least=1)
    check.integer("limit", limit, least=1)
    check.flag("mean", mean)
    check.done()
