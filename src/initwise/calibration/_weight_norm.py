"""`weight_norm_init`: each channel of each layer with mean zero and unit variance, by its scale and its bias."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.calibration._rows import by_channel, given, out_axis, values_of
from initwise.calibration._session import Session, session, settled
from initwise.calibration._together import together
from initwise.planning import Plan


def weight_norm_init(model: nn.Module, batches: Any, plan: Plan, *, limit: int = 4) -> Plan:
    """Scale and shift each channel of each layer, in the order of execution, to mean 0 and variance 1.

    g = 1 / std[t] and b = -mean[t] / std[t] for t = v x / |v|, channel by channel over the batches. Salimans, Kingma,
    Weight normalization, 2016 (arXiv:1602.07868), section 3. A layer under weight norm
    (`torch.nn.utils.parametrizations.weight_norm`) gets g through its parametrization; any other one gets the same
    function by a factor for each channel of its weight. A layer without a bias is only scaled. What else holds for
    `lsuv` (dropout, batch norms, recurrent layers, processes) holds here.

    Args:
        model: any `nn.Module` with memory; afterwards it holds the new plan, and all else is what it was.
        batches, limit: as for `lsuv`.
        plan: what the weights, and so the directions v, are drawn from.

    Returns:
        The plan with a factor for each channel (`Scaled`), and biases as numbers (`Given`).

    Raises:
        ArgumentError: a channel has std 0 or is not finite (it is named), batches that are none or do not fit.
        ApplyError: the plan is for another model.

    >>> import torch, initwise as iw
    >>> model = torch.nn.utils.parametrizations.weight_norm(nn.Linear(8, 4))
    >>> data = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    >>> plan = iw.weight_norm_init(model, data, iw.plan(model, [iw.rule("*", iw.Normal(std=0.05))]))
    >>> bool(torch.allclose(model(data).std(0, correction=0), torch.ones(4)))
    True
    """
    with together("weight_norm_init") as peers:
        check = Arguments("weight_norm_init")
        check.integer("limit", limit, least=1)
        check.done()
        with session(peers, model, batches, plan, limit=limit, asked={}) as found:
            normalize_channels(found)
    return settled(model, found)


def normalize_channels(found: Session, centre: float = 0.0) -> list[str]:
    """Give each channel unit variance and the mean `centre`, layer after layer; return the weights."""
    outputs = found.outputs()
    order = [name for name in found.calibrated(outputs) if _has_channels(found, name, outputs[name].total)]
    for name, following in zip(order, [*order[1:], ""], strict=True):
        mean, std = outputs[name].mean, outputs[name].std
        _check(found, name, mean, std)
        row, axis = found.row(name), out_axis(found.row(name))
        why = f"each channel / its std by {found.operation}, over {found.batches.words}"
        found.write(by_channel(row, (1 / std).tolist(), axis or 0, why))
        bias = found.bias(name)
        if bias is not None:
            old = torch.tensor(values_of(bias), dtype=torch.float64, device=mean.device)
            numbers = (centre - (mean - old) / std).tolist()
            found.write(given(found.row(bias.name), numbers, f"the means of the channels, by {found.operation}"))
        if following:
            outputs = found.outputs(following)
    return order


def _has_channels(found: Session, name: str, total: Tensor) -> bool:
    row = found.row(name)
    axis = out_axis(row)
    if axis is not None and row.shape[axis] == total.numel():
        return True
    found.notes.append(f"{found.operation}: {name!r} is left as it is: none of its axes are its output's channels")
    return False


def _check(found: Session, name: str, mean: Tensor, std: Tensor) -> None:
    bad = ~(torch.isfinite(mean) & torch.isfinite(std) & (std > 0))
    if bool(bad.any()):
        channel = int(bad.nonzero()[0])
        raise found.refuse(
            f"channel {channel} of the output of {name!r} has std {float(std[channel]):.4g} and mean "
            f"{float(mean[channel]):.4g} over {found.batches.words} ({int(bad.sum())} of {bad.numel()} channels are "
            "so); give more samples, or look at what comes before with iw.measure"
        )
