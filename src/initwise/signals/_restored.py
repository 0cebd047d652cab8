"""`restored`: a model and all random states are afterwards what they were, however the block ends."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from initwise.digests import digest
from initwise.errors import NotSupportedError
from initwise.signals._errors import ProbeError
from initwise.signals._moments import real
from initwise.writing import write_values


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Put back what the block changes: weights, buffers, gradients, flags, hooks, attributes of modules, random states.

    Raises:
        ProbeError: the digest of weights and buffers is another one afterwards; this would be a fault of ours.
    """
    before = _proof(model)
    put_back = [_attributes(model), _flags(model), _values(model), _random_states(model)]
    try:
        yield
    finally:
        for restore in put_back:
            restore()
        if before != _proof(model):
            raise ProbeError("probe: weights or buffers were not restored, by a fault of initwise; please report it")


def _proof(model: nn.Module) -> str:
    try:
        return digest(model, buffers=True, group=False)
    except NotSupportedError:  # some tensors have no bits of their own to read, as those on meta
        return digest(_readable(model), buffers=True)


def _readable(model: nn.Module) -> nn.Module:
    """Return a module that holds what can be read of another one: plain tensors, and the local parts of shards."""
    holder = nn.Module()
    for place, tensor in enumerate((*model.parameters(), *model.buffers())):
        local = real(tensor)
        if type(local) is Tensor and not local.is_meta and local.layout == torch.strided and not local.is_quantized:
            holder.register_buffer(str(place), local)
    return holder


def _attributes(model: nn.Module) -> Callable[[], None]:
    """Keep which objects each module holds: tensors, submodules, hooks, flags, and whatever else was set on it."""
    kept = [(module, {name: _shallow(value) for name, value in vars(module).items()}) for module in _modules(model)]

    def restore() -> None:
        for module, attributes in kept:
            held = vars(module)
            for name in [name for name in held if name not in attributes]:
                del held[name]
            for name, (value, content) in attributes.items():
                held[name] = value
                if content is not None and _differ(value, content):
                    value.clear()
                    (value.update if isinstance(value, dict) else value.extend)(content)

    return restore


def _shallow(value: Any) -> tuple[Any, dict[Any, Any] | list[Any] | None]:
    """Return an object, and what it holds where it is a dictionary or a list."""
    return value, dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else None


def _differ(value: Any, content: Any) -> bool:
    if len(value) != len(content):
        return True
    if isinstance(value, dict):
        return _differ(list(value.values()), list(content.values())) or list(value) != list(content)
    return any(one is not other for one, other in zip(value, content, strict=True))


def _modules(model: nn.Module) -> list[nn.Module]:
    return list(model.modules())


def _flags(model: nn.Module) -> Callable[[], None]:
    """Keep the modes of modules, whether each parameter is trained, and its gradient: the object and its values."""
    modes = [(each, each.training) for each in model.modules()]  # those of scripted modules are no attributes
    kept = [(each, each.requires_grad, each.grad, _copy(each.grad)) for each in model.parameters()]

    def restore() -> None:
        for module, training in modes:
            if module.training != training:
                module.training = training
        for parameter, trained, gradient, values in kept:
            parameter.requires_grad = trained
            parameter.grad = gradient
            if gradient is not None and values is not None and not _equal(gradient, values):
                write_values(gradient, values)

    return restore


def _values(model: nn.Module) -> Callable[[], None]:
    """Keep the values of all parameters and buffers."""
    kept = [(tensor, _copy(tensor)) for tensor in (*model.parameters(), *model.buffers())]

    def restore() -> None:
        for tensor, values in kept:
            if values is not None and not _equal(tensor, values):
                write_values(tensor, values)

    return restore


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None or tensor.is_meta else tensor.detach().clone()


def _equal(tensor: Tensor, values: Tensor) -> bool:
    return tensor.shape == values.shape and torch.equal(tensor.detach(), values)


def _random_states(*models: nn.Module) -> Callable[[], None]:
    """Keep the states of all generators: Python's, NumPy's, torch's, and those that modules hold."""
    modules = [module for model in models for module in model.modules()]
    held = [each for module in modules for each in vars(module).values() if isinstance(each, torch.Generator)]
    own = [(each, each.get_state()) for each in held]
    python, numpy = random.getstate(), sys.modules.get("numpy.random")
    numbers = numpy.get_state() if numpy is not None else None
    generator = torch.default_generator.get_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore() -> None:
        random.setstate(python)
        if numpy is not None and numbers is not None:
            numpy.set_state(numbers)
        torch.default_generator.set_state(generator)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
        for each, state in own:
            each.set_state(state)

    return restore
