"""From a model as it is given to a reading that lints can look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Reading, elsewhere, survey
from initwise.planning import with_usage


def read_model(model: Any, inputs: Any) -> Reading:
    """Return the reading of a model, below `torch.compile`, with usage from a forward pass on the meta device.

    Raises:
        ArgumentError: it is no module, has lazy parameters, or something on meta, or the inputs do not fit.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"check: the model is {show(model)} of type {type(model).__name__}; give a torch.nn.Module"
        )
    inner = getattr(model, "_orig_mod", model)
    reading, problems = survey(inner)
    _refuse([*problems, *elsewhere(reading)])
    _refuse_meta(reading)
    reading, problems = with_usage(reading, inputs, needed=True)
    _refuse(problems)
    return replace(reading, notes=(*_compiled(model, reading), *reading.notes))


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise ArgumentError(f"check: {'; '.join(problems)}")


def _refuse_meta(reading: Reading) -> None:
    parameters = [each.name for each in reading.parameters if any(tensor.is_meta for tensor in each.tensors)]
    buffers = [name for name, buffer in reading.model.named_buffers() if buffer.is_meta]
    for kind, absent, all_of in (
        ("parameters", parameters, len(reading.parameters)),
        ("buffers", buffers, len(list(reading.model.buffers()))),
    ):
        if absent:
            shown = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
            raise ArgumentError(
                f"check: {len(absent)} of {all_of} {kind} are on the meta device and hold no values: {shown};"
                " give them memory and values with iw.materialize(model, plan, device=...), or load a checkpoint with"
                " load_state_dict(..., assign=True)"
            )


def _compiled(model: nn.Module, reading: Reading) -> list[str]:
    inside = [name for name, module in reading.modules.items() if module._compiled_call_impl is not None]  # noqa: SLF001 - torch has no public question
    if model is not reading.model or inside:
        return ["the model is compiled by torch.compile; its original was checked"]
    return []
