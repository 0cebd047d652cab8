"""Signals at initialization, from the first training step that is taken anyway: no further pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from initwise.comparison._cells import finite

MOST = 200  # rows that are kept: of a deeper model, evenly spaced ones

Row = dict[str, Any]


@contextmanager
def outputs_watched(model: nn.Module) -> Iterator[list[Row]]:
    """Collect the standard deviation and the share of zeros of what every leaf module returns, in order of
    execution.
    """
    rows: list[Row] = []
    names = {module: name for name, module in model.named_modules() if not any(True for _ in module.children())}
    handles = [module.register_forward_hook(_noting(rows, name)) for module, name in names.items()]
    try:
        yield rows
    finally:
        for handle in handles:
            handle.remove()


def _noting(rows: list[Row], name: str) -> Any:
    def note(module: nn.Module, given: Any, output: Any) -> None:
        if torch.is_tensor(output) and output.is_floating_point() and output.numel() > 1:
            values = output.detach().float()
            rows.append(
                {"module": name, "std": finite(values.std().item()), "zeros": (values == 0).float().mean().item()}
            )

    return note


def first_signals(model: nn.Module, rows: list[Row]) -> dict[str, Any]:
    """Return the signals of a model that has gradients.

    `gradient_norm` over all parameters; `gradient_ratio`, the root mean square of the gradient of the first weight
    matrix over that of the last; `still`, the share of parameters whose gradient is zero; `outputs`, a row for each
    leaf module.
    """
    squares = [(name, *_mean_square(each.grad)) for name, each in model.named_parameters() if each.grad is not None]
    total = sum(mean * count for _, mean, count, _ in squares)
    matrices = [mean for _, mean, _, axes in squares if axes > 1]
    ratio = math.sqrt(matrices[0] / matrices[-1]) if matrices and matrices[-1] > 0 and matrices[0] >= 0 else math.nan
    still = sum(mean == 0 for _, mean, _, _ in squares) / len(squares) if squares else 0.0
    return {
        "gradient_norm": finite(math.sqrt(total)) if total >= 0 else None,
        "gradient_ratio": finite(ratio),
        "still": still,
        "outputs": _spaced(rows),
    }


def _mean_square(gradient: Tensor) -> tuple[float, int, int]:
    values = gradient.detach().to_dense() if gradient.is_sparse else gradient.detach()
    return values.double().square().mean().item(), values.numel(), values.dim()


def _spaced(rows: list[Row]) -> list[Row]:
    if len(rows) <= MOST:
        return rows
    return [rows[round(place * (len(rows) - 1) / (MOST - 1))] for place in range(MOST)]
