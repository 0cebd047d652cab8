"""How a measurement was done, and what else is worth knowing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from initwise.signals._shards import is_sharded
from initwise.signals.measured._asked import Asked, zeros
from initwise.signals.measured._gathered import Seen


def notes(model: nn.Module, wanted: Asked, seen: Sequence[Seen]) -> Iterator[str]:
    """Return notes, the most important ones first."""
    if _is_compiled(model):
        yield "the model is compiled: the original modules were measured, as they run without torch.compile"
    for name in zeros(wanted.example):
        yield f"{name} of the inputs is zero everywhere: only biases make a signal of it; measure with a real batch"
    yield _passes(wanted)
    lengths = {len(each.events) for each in seen}
    if len(lengths) > 1:
        yield f"passes differ in what runs: {min(lengths)} to {max(lengths)} operations; rows are those of the first"
    if not any(weight.has_gradient for each in seen for weight in each.weights.values()):
        yield "no gradient arrives at any parameter: all are frozen, or the outputs do not depend on them"
    if is_sharded(wanted.reading):
        yield "the model is sharded: of parameters, the numbers are those of this process's shards"


def _passes(wanted: Asked) -> str:
    if wanted.plan is None:
        if wanted.seeds == 1:
            return "one pass with the weights as they are"
        return f"means over {wanted.seeds} passes with the weights as they are, each with new labels or projections"
    first = wanted.plan.seed
    if wanted.seeds == 1:
        return f"one pass with weights drawn under seed {first}"
    return f"means over {wanted.seeds} passes with weights drawn under seeds {first} to {first + wanted.seeds - 1}"


def _is_compiled(model: nn.Module) -> bool:
    return any(
        "_orig_mod" in vars(module).get("_modules", {}) or vars(module).get("_compiled_call_impl") is not None
        for module in model.modules()
    )
