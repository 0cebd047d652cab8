"""`actnorm_init`: modules of one scale and one shift a channel make their first batch mean 0 and variance 1."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments
from initwise.calibration._rows import given
from initwise.calibration._session import Session, session, settled
from initwise.calibration._sums import Sums, over_processes, sums
from initwise.calibration._together import together
from initwise.errors import ArgumentError
from initwise.model import Parameter
from initwise.model.graph._state import _eager
from initwise.model.graph._structures import tensors
from initwise.planning import Plan
from initwise.selectors import Selector, as_selector
from initwise.signals._example import fitted
from initwise.signals._pass import SEED, seeded
from initwise.writing import write_values

_NEAR = 1e-3  # how far mean and std of the batch may be from 0 and 1


class Form(NamedTuple):
    """How a module makes y of x: the numbers that make y mean 0 and std 1, from mean and std of x."""

    words: str
    scale: Callable[[Tensor, Tensor], Tensor]
    shift: Callable[[Tensor, Tensor], Tensor]


_FORMS = (
    Form("scale * (x + shift)", lambda mean, std: 1 / std, lambda mean, std: -mean),
    Form("scale * x + shift", lambda mean, std: 1 / std, lambda mean, std: -mean / std),
    Form("exp(scale) * (x + shift)", lambda mean, std: -std.log(), lambda mean, std: -mean),
    Form("exp(scale) * x + shift", lambda mean, std: -std.log(), lambda mean, std: -mean / std),
    Form("exp(3 * scale) * (x + shift)", lambda mean, std: -std.log() / 3, lambda mean, std: -mean),
    Form("(x - shift) / scale", lambda mean, std: std, lambda mean, std: mean),
    Form("(x - shift) * exp(-scale)", lambda mean, std: std.log(), lambda mean, std: mean),
)


def actnorm_init(model: nn.Module, batches: Any, plan: Plan, *, modules: Any = None, limit: int = 4) -> Plan:
    """Set the scales and shifts of activation norms so that each channel of their output has mean 0 and variance 1.

    s = 1 / std(x), b = -mean(x) / std(x) over the batches, in the order of execution. Kingma, Dhariwal, Glow, 2018
    (arXiv:1807.03039), section 3.1. How a module computes with its two parameters is found by trying: s (x + b),
    s x + b, and the same with exp(s), exp(3 s) and inverses; the one with which its output is normal is taken.

    Args:
        model: afterwards it holds the new plan, and all else is what it was. A flag of a module, by which it would
            initialize itself at the first batch, is not touched: turn that off, or the module overwrites this.
        batches, limit: as for `lsuv`.
        plan: what all other parameters are.
        modules: which modules these are: a name, glob, type or selector; by default those with "actnorm" in the name of
            their class. Each has exactly two parameters, of one number a channel.

    Returns:
        The plan with scales and shifts as numbers (`Given`).

    Raises:
        ArgumentError: no such module, one that is not called or is no scale and shift; a channel without variance.
        ApplyError: the plan is for another model.
    """
    with together("actnorm_init") as peers:
        check = Arguments("actnorm_init")
        check.integer("limit", limit, least=1)
        check.done()
        with session(peers, model, batches, plan, limit=limit, asked={}) as found:
            selected = _selected(found, modules)
            for name in _order(found, selected):
                _normalize(found, name, selected[name])
    return settled(model, found)


def _selected(found: Session, modules: Any) -> dict[str, nn.Module]:
    selector: Selector | None = None if modules is None else as_selector(modules)

    def is_meant(name: str, module: nn.Module) -> bool:
        if selector is not None:
            return selector.module(name, module) is not None
        return "actnorm" in type(module).__name__.lower()

    picked = {name: each for name, each in found.reading.modules.items() if is_meant(name, each)}
    if not picked:
        asked = 'has "actnorm" in the name of its class' if selector is None else f"is selected by {selector!r}"
        raise found.refuse(f"no module {asked}; say which are meant, modules='*.norm' or modules=ItsClass")
    return picked


def _order(found: Session, selected: dict[str, nn.Module]) -> list[str]:
    """Return the modules in the order of their first calls."""
    order = list(dict.fromkeys(name for name, _, _ in _calls(found, selected)))
    missing = [name for name in selected if name not in order]
    if missing:
        raise found.refuse(f"module {missing[0]!r} is not called in the forward pass; select others, modules=...")
    return order


def _calls(found: Session, selected: dict[str, nn.Module]) -> list[tuple[str, Tensor, tuple[Any, ...]]]:
    """Return name, first input and all arguments of each first call of a module, over all batches."""
    calls: list[tuple[str, Tensor, tuple[Any, ...]]] = []
    for example in found.batches.examples:
        seen: set[str] = set()

        def look(module: nn.Module, args: tuple[Any, ...], name: str, seen: set[str] = seen) -> None:
            tensor = next((each for each in tensors(args) if each.is_floating_point()), None)
            if tensor is not None and name not in seen:
                seen.add(name)
                calls.append((name, tensor.detach().clone(), args))

        handles = [
            each.register_forward_pre_hook(lambda module, args, name=name: look(module, args, name))
            for name, each in selected.items()
        ]
        args, kwargs = fitted(example, found.model)
        try:
            with _quiet():
                found.model(*args, **kwargs)
        except Exception as error:
            raise found.refuse(
                f"the model raised {type(error).__name__} with {example.description}: {error}. Give batches that fit"
            ) from error
        finally:
            for handle in handles:
                handle.remove()
    return calls


@contextmanager
def _quiet() -> Iterator[None]:
    """No gradients, no warnings, one place of the random generators."""
    with seeded(SEED), _eager(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        yield


def _normalize(found: Session, name: str, module: nn.Module) -> None:
    calls = [(tensor, args) for called, tensor, args in _calls(found, {name: module})]
    pair = _parameters(found, name)
    moments = _moments(found, name, [tensor for tensor, _ in calls], pair[0].numel())
    mean, std = moments.mean, moments.std
    bad = ~(torch.isfinite(std) & (std > 0))
    if bool(bad.any()):
        channel = int(bad.nonzero()[0])
        raise found.refuse(
            f"channel {channel} of what {name!r} takes has std {float(std[channel]):.4g}; give more samples"
        )
    for scale, shift in (pair, pair[::-1]):
        for form in _FORMS:
            values = (form.scale(mean, std), form.shift(mean, std))
            if _is_normal(found, module, calls, ((scale, values[0]), (shift, values[1]))):
                why = f"{{}} of {form.words}, by actnorm_init over {found.batches.words}"
                found.write(given(found.row(scale.name), values[0].tolist(), why.format("scale")))
                found.write(given(found.row(shift.name), values[1].tolist(), why.format("shift")))
                return
    tried = ", ".join(form.words for form in _FORMS)
    raise found.refuse(
        f"{name!r} is no scale and shift of its channels; tried were {tried}. Select others, modules=..."
    )


def _parameters(found: Session, name: str) -> tuple[Parameter, Parameter]:
    own = [each for each in found.reading.parameters if any(owner.module_name == name for owner in each.owners)]
    if len(own) != 2 or own[0].numel() != own[1].numel() or any(each.sources for each in own):
        held = ", ".join(f"{each.attribute} {each.shape}" for each in own) or "none"
        raise found.refuse(f"{name!r} must have one scale and one shift a channel; its parameters are: {held}")
    return own[0], own[1]


def _moments(found: Session, name: str, inputs: list[Tensor], channels: int) -> Sums:
    axis = _axis(inputs[0], channels)
    if axis is None:
        raise found.refuse(f"{name!r} takes shape {tuple(inputs[0].shape)}, and has {channels} channels; no axis fits")
    gathered = [sums(each, axis) for each in inputs]
    return _everywhere(found, name, gathered)


def _everywhere(found: Session, name: str, gathered: list[Sums]) -> Sums:
    return over_processes(found.peers, f"the channels of {name!r}", {name: sum(gathered[1:], gathered[0])})[name]


def _axis(tensor: Tensor, channels: int) -> int | None:
    """Return the axis of the channels: the second where it fits, else the last."""
    order = [1, tensor.dim() - 1] if tensor.dim() > 1 else [0]
    return next((axis for axis in order if axis < tensor.dim() and tensor.shape[axis] == channels), None)


def _is_normal(found: Session, module: nn.Module, calls: list[tuple[Tensor, tuple[Any, ...]]], pairs: Any) -> bool:
    """Tell whether the module makes mean 0 and std 1 with these values; the parameters are put back."""
    before = [parameter.tensor.detach().clone() for parameter, _ in pairs]
    for parameter, values in pairs:
        write_values(parameter.tensor, values.reshape(parameter.shape).to(parameter.device))
    try:
        with _quiet():
            outputs = list(_outputs(module, calls))
    except Exception as error:
        raise found.refuse(f"a module raised {type(error).__name__} when called alone: {error}") from error
    finally:
        for (parameter, _), values in zip(pairs, before, strict=True):
            write_values(parameter.tensor, values)
    axis = _axis(outputs[0], pairs[0][1].numel())
    if axis is None:
        return False
    gathered = [sums(each, axis) for each in outputs]
    whole = _everywhere(found, pairs[0][0].name, gathered)
    off = max(float(whole.mean.abs().max()), float((whole.std - 1).abs().max()))
    return math.isfinite(off) and off < _NEAR


def _outputs(module: nn.Module, calls: list[tuple[Tensor, tuple[Any, ...]]]) -> Iterator[Tensor]:
    for tensor, args in calls:
        given_ = tuple(tensor.clone() if index == 0 else each for index, each in enumerate(args))
        found = next((each for each in tensors(module(*given_)) if each.is_floating_point()), None)
        if found is None or found.shape != tensor.shape:
            raise ArgumentError(f"its output has not the shape of its input, {tuple(tensor.shape)}")
        yield found
