"""Inputs for a model that came without any, so that its signals can be predicted and measured with the same ones."""

from __future__ import annotations

import contextlib

from torch import nn

from initwise.model import Example, TraceError, candidates, graph_of, read


def built_inputs(built: nn.Module) -> Example | None:
    """Return inputs that are built for a model, to be measured with: the first that its traced pass takes.

    Where none does, meta may be to blame: the likeliest ones; None where there is no idea of what the model takes.
    """
    reading, likeliest = read(built), None
    for example in candidates(built):
        likeliest = likeliest or example
        with contextlib.suppress(TraceError):
            graph_of(reading, example)
            return example
    return likeliest
