"""What a calibration is about: a model that has memory and is whole, a plan, and processes that agree on both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from initwise._arguments import show
from initwise.calibration._together import Together
from initwise.digests import digest
from initwise.errors import ArgumentError, ArgumentTypeError, NotSupportedError
from initwise.model import Reading, read
from initwise.planning import Plan, refuse_other_than_plan
from initwise.signals._probe import _runnable
from initwise.signals._shards import is_sharded


def checked(operation: str, model: Any, plan: Any) -> tuple[Reading, nn.Module]:
    """Return the reading of a model, and what of it runs.

    Raises:
        ArgumentError: the model has no memory, or holds shards.
        ArgumentTypeError: it is no module, or the plan no plan.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"{operation}: model is {show(model)} of type {type(model).__name__}; give an nn.Module"
        )
    refuse_other_than_plan(operation, plan)
    reading = read(model)
    _refuse_shards(operation, reading)
    empty = next((each.name for each in reading.parameters if each.tensor.is_meta), None)
    if empty is not None:
        raise ArgumentError(
            f"{operation}: {empty!r} is on the meta device; give it memory with iw.materialize(model, plan, device=...)"
        )
    return reading, _runnable(model)


def agreed(peers: Together, model: nn.Module, plan: Plan, asked: Mapping[str, Any]) -> None:
    """Check that all processes have one plan, one call, and, under that plan, one model."""
    if not peers.alone:
        peers.agree({"operation": peers.operation, "plan": plan.digest(), "seed": plan.seed, **asked})
        peers.agree({"what the plan keeps of the model": _held(model)})


def _held(model: nn.Module) -> str:
    try:
        return digest(model, group=False)
    except NotSupportedError:  # tensors without bits of their own to read
        return ""


def _refuse_shards(operation: str, reading: Reading) -> None:
    """A pass that ends early, or runs with other weights, would leave gathered shards behind, or wait for ever."""
    placed = [each for each in reading.parameters for tensor in each.tensors if hasattr(tensor, "placements")]
    if not placed and not is_sharded(reading):
        return
    name = next((each.name for each in placed or reading.parameters), "")
    kind = f"a DTensor, {placed[0].tensor.placements}" if placed else "a shard of FSDP"  # type: ignore[attr-defined]
    raise ArgumentError(
        f"{operation}: {name!r} is {kind}, and a calibration runs whole weights; calibrate before the model is sharded "
        "(fully_shard, FSDP, parallelize_module), in all processes, then shard it and initwise.apply(model, plan)"
    )
