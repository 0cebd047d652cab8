"""One forward and backward pass."""

from __future__ import annotations

import contextlib
import random
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from initwise.errors import InitwiseError
from initwise.model import Example, Reading, canonical_name, is_parallel, walk
from initwise.model.graph._state import _eager
from initwise.model.graph._structures import tensors
from initwise.signals._entropy import CrossEntropy
from initwise.signals._errors import ProbeError
from initwise.signals._event import Event
from initwise.signals._example import fitted
from initwise.signals._instrument import Instrument
from initwise.signals._objective import Start, objective
from initwise.signals._places import followed
from initwise.signals._recorder import Recorder
from initwise.signals._shards import is_sharded, let_go

Loss = Callable[[Any], Any]
Begin = Callable[[Any], Start]
SEED = 20  # of what a model draws during the pass, so that two passes agree


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass gave."""

    gradients: dict[str, Tensor | None] = field(repr=False)
    events: tuple[Event, ...] = ()
    outputs: tuple[int, ...] = ()
    touched: frozenset[str] = frozenset()
    loss: float | None = None
    entropies: tuple[CrossEntropy, ...] = ()
    loss_in_words: str = ""


def run(
    model: nn.Module,
    reading: Reading,
    example: Example,
    loss: Loss | None,
    *,
    record: bool,
    begin: Begin | None = None,
    instrument: Instrument | None = None,
    seed: int = SEED,
) -> Pass:
    """Run a model forward and backward.

    Args:
        model: what runs.
        reading: names its parameters.
        example: its inputs.
        loss: takes its output; see `objective`.
        record: measure every operation.
        begin: takes the output and returns where the backward pass starts, in place of `loss`.
        instrument: measures the operations.
        seed: of what the model draws during the pass.
    """
    stored = _stored(reading)
    names = {id(each): name for name, same in stored.items() for each in same}
    args, kwargs = fitted(example, model)
    with (
        seeded(seed),
        warnings.catch_warnings(),
        _eager(),
        followed(model) as places,
        contextlib.ExitStack() as gone,
    ):
        gone.callback(let_go, reading.model)
        warnings.simplefilter("ignore")
        recorder = Recorder(names, _canonical(reading), places, instrument)
        recorder.knowledge.input((args, kwargs))
        with recorder if record else contextlib.nullcontext():
            output = _forward(model, args, kwargs, recorder, example)
            recorder.in_loss = True
            start = begin(output) if begin is not None else Start(*objective(output, loss), "")
        outputs = tuple(dict.fromkeys(recorder.event_of(each) for each in tensors(output)))
        recorder.knowledge.release()
        del output
        gradients = _backward(start.scalar, stored, sharded=is_sharded(reading))
        if any(each is not None for each in gradients.values()):
            gone.pop_all()  # shards were let go of on the way back
    return Pass(
        gradients,
        recorder.events(),
        outputs,
        frozenset(recorder.knowledge.touched),
        _loss(start),
        tuple(recorder.entropies),
        start.words,
    )


def _loss(start: Start) -> float | None:
    """Return the loss; where its labels are random, its mean over all labels."""
    value = start.loss if start.expected is None else start.expected
    return None if value is None else float(value.detach())


def _forward(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], recorder: Recorder, example: Example
) -> Any:
    try:
        return model(*args, **kwargs)
    except InitwiseError:
        raise
    except Exception as error:
        module = recorder.places.now[0]
        raise ProbeError(
            f"probe: {recorder.running or 'forward'}{f' in {module!r}' if module else ''} raised"
            f" {type(error).__name__} with {example.description}: {error}"
        ) from error


def _canonical(reading: Reading) -> dict[str | None, str]:
    return {name: each.name for each in reading.parameters for name in each.names}


def _backward(
    start: Tensor | None, stored: dict[str, list[Tensor]], *, sharded: bool = False
) -> dict[str, Tensor | None]:
    """Return the gradient of each parameter, and leave their `.grad` alone."""
    leaves = {id(each): each for same in stored.values() for each in same if each.requires_grad and each.is_leaf}
    found: dict[int, Tensor | None] = {}
    if start is not None and start.requires_grad and leaves:
        ask = _accumulated if sharded else _gradients
        found = dict(zip(leaves, ask(start, list(leaves.values())), strict=True))
    return {name: _sum([found.get(id(each)) for each in same]) for name, same in stored.items()}


def _gradients(start: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
    try:
        return list(torch.autograd.grad(start, leaves, allow_unused=True, retain_graph=True))
    except Exception as error:
        if not isinstance(error, RuntimeError) or "checkpoint" not in str(error):
            raise ProbeError(f"probe: the backward pass raised {type(error).__name__}: {error}") from error
    return _accumulated(start, leaves)


def _accumulated(start: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
    """Return gradients by way of `.grad`, the only one past reentrant checkpoints and shards; `restored` mends it."""
    for leaf in leaves:
        leaf.grad = None
    with _without_steps(leaves):
        start.backward()
    return [leaf.grad for leaf in leaves]


@contextlib.contextmanager
def _without_steps(leaves: list[Tensor]) -> Iterator[None]:
    """Keep optimizers from stepping that were hooked to the end of a gradient's accumulation."""
    hooks = [(held, dict(held)) for leaf in leaves if (held := getattr(leaf, "_post_accumulate_grad_hooks", None))]
    for held, _ in hooks:
        held.clear()
    try:
        yield
    finally:
        for held, content in hooks:
            held.update(content)


def _sum(gradients: list[Tensor | None]) -> Tensor | None:
    """Return the first gradient, those of ties (which have its shape) added to it."""
    there = [each for each in gradients if each is not None]
    same = [each for each in there if each.shape == there[0].shape] if gradients[:1] != [None] else there[:1]
    return sum(same[1:], same[0]) if same else None


def _stored(reading: Reading) -> dict[str, list[Tensor]]:
    """Return by canonical name the tensors of each parameter, the one that stands for it first."""
    found: defaultdict[str, dict[int, Tensor]] = defaultdict(dict)
    for parameter in reading.parameters:
        found[parameter.name][id(parameter.tensor)] = parameter.tensor
    parallel = is_parallel(reading.model)
    for prefix, module in walk(reading.model):
        for attribute, tensor in vars(module).get("_parameters", {}).items():
            path = f"{prefix}.{attribute}" if prefix else attribute
            name = next((each for each in (path, canonical_name(path, parallel=parallel)) if each in reading), None)
            if name is not None and tensor is not None:
                found[reading[name].name][id(tensor)] = tensor
    return {name: list(same.values()) for name, same in found.items()}


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Start every random generator at one place; `restored` puts them back."""
    random.seed(seed)
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(seed)
    torch.manual_seed(seed)
    yield
