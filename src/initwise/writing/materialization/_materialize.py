"""`materialize`: memory for what is on the meta device, and what a plan and the constructors say in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from initwise._arguments import show
from initwise.errors import ApplyError, ArgumentTypeError
from initwise.model import Reading, survey
from initwise.planning import Names, Plan, refuse_other_than_plan
from initwise.shards import Shard, held
from initwise.writing._agreement import compare_ranks, refuse_other_than_group
from initwise.writing._apply import apply
from initwise.writing._checks import problems
from initwise.writing._places import find_places
from initwise.writing._poison import poisoned
from initwise.writing._write import write_values
from initwise.writing.materialization._ladder import Ladder
from initwise.writing.materialization._memory import Memory, settle
from initwise.writing.materialization._rebuilt import Unknown
from initwise.writing.materialization._refusals import checked_device, misplaced, unready
from initwise.writing.materialization._wanted import Wanted, find_wanted

_OPERATION = "materialize"


def materialize(
    model: nn.Module,
    plan: Plan,
    *,
    device: str | torch.device = "cpu",
    build: Callable[[], nn.Module] | None = None,
    shards: Mapping[str, Shard] | None = None,
    names: Names | None = None,
    agree: Any = True,
) -> None:
    """Give a model on the meta device memory, and in it what constructing it for real and `apply` would give.

        materialize(model on meta, plan) == apply(the model constructed on the CPU, plan), bit for bit, buffers included

    Only what is on meta gets memory, on `device`; other tensors stay where they are. Every parameter and buffer stays
    the object that it is: ties, `requires_grad`, strides, attributes, hooks, and optimizers that know it stay. Works
    before `fully_shard` (which then shards what is there) and after (each rank gives its shards memory, and no more).

    Values that no plan decides (buffers, persistent or not; tensors in plain attributes; parameters under `Keep()`) are
    computed on the CPU as constructors compute them: a model of transformers is constructed again from its
    configuration, without memory for its parameters; modules of torch, timm and torchvision have methods for it; any
    other module, or the nearest one around it, is constructed again if it keeps every argument in an attribute of its
    name. What is constructed must agree with what is here, what was written in place since is not overlooked, and
    nothing is guessed: what cannot be known is named, all of it, before anything is allocated. What a function put in
    the place of a buffer after the constructor cannot be seen; there `build` is needed.

    New memory holds NaNs of a special payload first, and at the end none is left. If anything fails the model is on
    meta again, as it was.

    Args:
        model: a model of which something is on the meta device.
        plan: what `initwise.plan` returned for it, or for the same model elsewhere.
        device: where new memory is; of DTensors the type of their mesh's device, or "cpu" for offloading.
        build: a function without arguments that constructs the model. It is called on the CPU, its parameters lose
            their memory one by one as they are registered, and all values that no plan decides are taken from it;
            random ones are drawn from generators seeded with the plan's seed. Torch's random state is put back.
        shards, names, agree: as for `apply`.

    Raises:
        ApplyError: plan and model do not fit, ranks differ, or values cannot be computed; the message lists all.
        ArgumentError: there is no such device, or `build` is no function.

    >>> import initwise as iw
    >>> with torch.device("meta"):
    ...     model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
    >>> iw.materialize(model, iw.plan(model, "kaiming", seed=1))
    >>> model[1].running_var
    tensor([1., 1., 1., 1.])
    """
    refuse_other_than_plan(_OPERATION, plan)
    refuse_other_than_group(agree)
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"{_OPERATION}: the model is {show(model)}; give a torch.nn.Module")
    with torch.inference_mode(mode=False):  # parameters that are trained cannot be made in it
        _materialize(model, plan, device, build, shards, names, agree)


def _materialize(model: nn.Module, plan: Plan, device: Any, build: Any, shards: Any, names: Any, agree: Any) -> None:
    reading, unread = survey(model)
    try:
        target = checked_device(_OPERATION, device, build)
        plan = plan if names is None else plan.part(model, names)
        ready = _worked_out(reading, plan, shards, target, build, unread)
    except Exception:
        compare_ranks(reading, plan, agree, ["an error"])  # no other rank shall wait for this one
        raise
    found = compare_ranks(reading, plan, agree, ready.problems)
    if found:
        raise ApplyError(_OPERATION, found)
    _fill(model, plan, shards, target, ready)


class _Ready(NamedTuple):
    """What is known before anything is allocated: what needs memory, the values that no plan decides, and problems."""

    tensors: Sequence[Tensor]
    values: Sequence[tuple[Wanted, Tensor]]
    problems: list[str]


def _worked_out(
    reading: Reading,
    plan: Plan,
    shards: Mapping[str, Shard] | None,
    device: torch.device,
    build: Callable[[], nn.Module] | None,
    unread: Sequence[str],
) -> _Ready:
    model = reading.model
    found = [*unread, *unready(model)]
    places, contradictions = find_places(reading, shards)
    parameters = {parameter.name: parameter for parameter in reading.parameters}
    found += problems(plan, parameters, places, contradictions, meta=True) if not found else []
    empty = _on_meta(reading)
    wanted = find_wanted(model, reading, plan) if not found else []
    others = [each.tensor for each in wanted if each.sites[0].kind != "parameter"]
    found += misplaced(reading, plan, empty, others, device)
    values = _values(model, wanted, found, build=build, seed=plan.seed, shapes=not shards) if not found else []
    return _Ready([*empty, *others, *_solved(model, empty, others)], values, found)


def _on_meta(reading: Reading) -> list[Tensor]:
    """Return every parameter on meta, each object once, ties by memory included."""
    found: dict[int, Tensor] = {}
    for module in reading.model.modules():
        found |= {id(each): each for each in module._parameters.values() if each is not None and each.is_meta}
    return list(found.values())


def _solved(model: nn.Module, empty: Sequence[Tensor], others: Sequence[Tensor]) -> list[Tensor]:
    """Return the buffers on meta that `apply` writes: the singular vectors of parametrizations."""
    known = {id(each) for each in (*empty, *others)}
    return [each for each in model.buffers() if each.is_meta and id(each) not in known]


def _values(
    model: nn.Module, wanted: Sequence[Wanted], found: list[str], **options: Any
) -> list[tuple[Wanted, Tensor]]:
    """Compute all values, and note in `found` those that nobody knows."""
    ladder = Ladder(model, wanted, **options)
    known = []
    for each in wanted:
        try:
            known.append((each, ladder.values(each)))
        except Unknown as reason:
            found.append(str(reason))
    return known


def _fill(
    model: nn.Module, plan: Plan, shards: Mapping[str, Shard] | None, device: torch.device, ready: _Ready
) -> None:
    """Allocate, write and prove; on any failure all is on meta again."""
    memory = Memory(ready.tensors, device)
    try:
        memory.move_in()
        for wanted, value in ready.values:
            for piece in held(wanted.tensor).pieces:
                _write(piece.view, piece.of(value))
        apply(model, plan, shards=shards, agree=False)
        _prove(model, ready.tensors)
        settle(model)
    except ApplyError as error:
        memory.move_out()
        raise ApplyError(_OPERATION, error.problems) from None
    except BaseException:
        memory.move_out()
        raise


def _write(view: Tensor, value: Tensor) -> None:
    """Write into a buffer, once where it repeats one memory along an axis, as an expanded one does."""
    for axis, stride in enumerate(view.stride()):
        if stride == 0 and view.shape[axis] > 1:
            view, value = view.narrow(axis, 0, 1), value.narrow(axis, 0, 1)
    write_values(view, value)


def _prove(model: nn.Module, tensors: Sequence[Tensor]) -> None:
    """Refuse to end while anything is on meta, or holds what new memory was filled with."""
    named = {id(tensor): name for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    found = []
    for tensor in tensors:
        local = held(tensor).local
        if not (local.is_floating_point() or local.is_complex()) or not local.numel():
            continue
        left = poisoned(local, exact=True)
        if left:
            found.append(f"{named.get(id(tensor))!r}: {left} of {local.numel()} elements were never written")
    found += [
        f"{name!r} is still on the meta device"
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]
        if tensor.is_meta
    ]
    if found:
        raise ApplyError(_OPERATION, found)
