"""The Jacobians of modules, by products through autograd: no matrix is formed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from initwise.errors import ArgumentError
from initwise.model import Example
from initwise.model.graph._state import _eager
from initwise.model.graph._structures import mapped, tensors
from initwise.signals._call import is_measurable
from initwise.signals._errors import ProbeError
from initwise.signals._example import fitted
from initwise.signals._jacobian import Jacobian
from initwise.signals._moments import real
from initwise.signals._pass import SEED, seeded
from initwise.signals.measured._krylov import BLOCK, Product, spectrum

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LARGEST = 5  # that are told, where all were computed


class _Ends:
    """The input and the output of a module's first call, cut out of the graph of a pass."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self.start: Tensor | None = None
        self.end: Tensor | None = None
        self._handles = [
            module.register_forward_pre_hook(self._begin, with_kwargs=True),
            module.register_forward_hook(self._finish),
        ]

    def found(self) -> tuple[Tensor | None, Tensor | None]:
        """Return both; None where the module was not called."""
        return self.start, self.end

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _begin(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        first = next((each for each in tensors((args, kwargs)) if _is_real(each)), None)
        if self.start is not None:
            return None
        if first is None:
            raise ArgumentError(f"measure: jacobian names {self.name!r}, which takes no floating tensor")
        self.start = start = first.detach().clone().requires_grad_()

        def swapped(tensor: Tensor) -> Tensor:
            return start.clone() if tensor is first else tensor  # a copy: the module may write into it

        return mapped(args, swapped), mapped(kwargs, swapped)

    def _finish(self, _: nn.Module, __: Any, output: Any) -> None:
        if self.end is None:
            found = next((each for each in tensors(output) if _is_real(each)), None)
            if found is None:
                raise ArgumentError(f"measure: jacobian names {self.name!r}, which returns no floating tensor")
            self.end = found.clone()


def jacobian(model: nn.Module, example: Example, name: str, module: nn.Module) -> Jacobian:
    """Return the singular values of a module's Jacobian at what it is called with in one more forward pass.

    Raises:
        ArgumentError: it is not called, takes or returns no floating tensor.
        ProbeError: it cannot be differentiated twice.
    """
    with _differentiable(module):
        start, end = _ends(model, example, name, module)
        forward, backward = _products(name, start, end)
        found = spectrum(forward, backward, start.numel(), end.numel())
    count = _LARGEST if found.exact else BLOCK
    return Jacobian(
        name,
        start.numel(),
        end.numel(),
        tuple(found.values[:count].tolist()),
        {share: found.quantile(share) for share in _QUANTILES},
        found.mean_square,
        found.exact,
        found.products,
    )


@contextmanager
def _differentiable(module: nn.Module) -> Iterator[None]:
    """Choose kernels that have a second derivative."""
    recurrent = any(isinstance(each, nn.RNNBase) for each in module.modules())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=not recurrent):
            yield


def _ends(model: nn.Module, example: Example, name: str, module: nn.Module) -> tuple[Tensor, Tensor]:
    args, kwargs = fitted(example, model)
    ends = _Ends(name, module)
    try:
        with seeded(SEED), warnings.catch_warnings(), _eager():
            warnings.simplefilter("ignore")
            model(*args, **kwargs)
    finally:
        ends.remove()
    start, end = ends.found()
    if start is None or end is None:
        raise ArgumentError(f"measure: jacobian names {name!r}, which the model does not call")
    return start, end


def _products(name: str, start: Tensor, end: Tensor) -> tuple[Product, Product]:
    """Return v -> J v and u -> J^T u; the first is the derivative of the second, which is linear in u."""
    weights = torch.zeros_like(end).requires_grad_()
    pulled = _pulled(name, start, end, weights)
    if pulled is None:
        return lambda _: _zeros(end), lambda _: _zeros(start)

    def forward(vector: Tensor) -> Tensor:
        return _derived(name, pulled, weights, vector)

    def backward(vector: Tensor) -> Tensor:
        return _derived(name, end, start, vector)

    return forward, backward


def _pulled(name: str, start: Tensor, end: Tensor, weights: Tensor) -> Tensor | None:
    """Return J^T w as a function of w; None where the output does not depend on the input."""
    if not end.requires_grad:
        return None
    try:
        found: Tensor | None = torch.autograd.grad(end, start, weights, create_graph=True, allow_unused=True)[0]
    except RuntimeError as error:
        raise _refused(name, error) from error
    return found if found is not None and found.requires_grad else None


def _derived(name: str, end: Tensor, start: Tensor, vector: Tensor) -> Tensor:
    along = vector.reshape(end.shape).to(device=end.device, dtype=end.dtype)
    try:
        found: Tensor | None = torch.autograd.grad(end, start, along, retain_graph=True, allow_unused=True)[0]
    except RuntimeError as error:
        raise _refused(name, error) from error
    return _zeros(start) if found is None else real(found).reshape(-1).double().cpu()


def _zeros(tensor: Tensor) -> Tensor:
    return torch.zeros(tensor.numel(), dtype=torch.float64, device="cpu")


def _is_real(tensor: Tensor) -> bool:
    return is_measurable(tensor) and not tensor.is_complex()


def _refused(name: str, error: Exception) -> ProbeError:
    return ProbeError(
        f"measure: the Jacobian of {name!r} takes two derivatives, and this module does not allow them: {error}; name a"
        " module within it, or leave it out of jacobian="
    )
