"""The laws that are given as they are: uniform, normal, truncated normal, a constant."""

import torch
from torch import Tensor
from torch.nn.init import constant_ as torch_constant_
from torch.nn.init import normal_ as torch_normal_
from torch.nn.init import trunc_normal_ as torch_trunc_normal_
from torch.nn.init import uniform_ as torch_uniform_
from torch.overrides import handle_torch_function, has_torch_function_variadic

from initwise.errors import ArgumentError
from initwise.init._fill import fill_normal, fill_truncated, fill_uniform
from initwise.init._operators import operator
from initwise.init._route import are_numbers
from initwise.writing import rounded_once

_HALF = frozenset({torch.bfloat16, torch.float16})


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with uniform numbers: w ~ U(a, b).

    Args:
        tensor: any shape; float32, bfloat16, float16, float64 or complex (both halves on [a, b], as in torch).
        a: the lower bound.
        b: the upper bound.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        RuntimeError: what torch raises: a > b, bounds outside the dtype, an integer dtype.

    Where it differs from torch: rounding may reach b itself; bfloat16 and float16 hold the rounded float32 numbers.

    >>> w = uniform_(torch.empty(3, 5), -1.0, 1.0)
    >>> bool(w.abs().max() <= 1.0)
    True
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(uniform_, (tensor,), tensor=tensor, a=a, b=b, generator=generator)
    if fill_uniform(tensor, a, b, generator, UNIFORM):
        return tensor
    return torch_uniform_(tensor, a, b, generator)


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal numbers: w ~ N(mean, std²).

    Args:
        tensor: any shape; float32, bfloat16, float16, float64 or complex (E|w - mean - i mean|² = std², as in torch).
        mean: the mean, of both halves of a complex number.
        std: the standard deviation.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        RuntimeError: what torch raises: std < 0, an integer dtype.

    Where it differs from torch: the numbers do not depend on memory format, dtype (but for rounding) or threads.

    >>> normal_(torch.empty(3, 5), std=0.02).shape
    torch.Size([3, 5])
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(normal_, (tensor,), tensor=tensor, mean=mean, std=std, generator=generator)
    if fill_normal(tensor, mean, std, generator, NORMAL):
        return tensor
    return torch_normal_(tensor, mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with truncated normal numbers: w ~ N(mean, std²), given that a <= w <= b.

    The bounds are absolute, not in units of std: with std=0.02 the default bounds cut nothing. For bounds in units of
    std, and a std that holds after the cut, see `initwise.TruncatedNormal`.

    Args:
        tensor: any shape; float32, bfloat16, float16 or float64.
        mean: the mean of the normal law before the cut.
        std: the standard deviation of the normal law before the cut.
        a: the lower bound.
        b: the upper bound.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        RuntimeError: what torch raises: a > b, an integer or complex dtype.
        ZeroDivisionError: std is 0.

    Where it differs from torch: one pass without rejection, so it compiles, traces and maps; the closed support holds
    exactly in every dtype. Bounds that leave less than 2**-12 of the normal law go to torch's own sampler.

    >>> w = trunc_normal_(torch.empty(1000), std=0.02, a=-0.04, b=0.04)
    >>> bool(w.abs().max() <= 0.04)
    True
    """
    if fill_truncated(tensor, mean, std, a, b, generator, _TRUNC_NORMAL):
        return tensor
    return torch_trunc_normal_(tensor, mean, std, a, b, generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value: w = val.

    Args:
        tensor: any shape and dtype.
        val: the value.

    Returns:
        The tensor.

    Raises:
        RuntimeError: what torch raises: the value does not fit the dtype.

    Where it differs from torch: bfloat16 and float16 hold the value rounded once; torch rounds to float32 on the way.

    >>> constant_(torch.empty(2), 0.3)
    tensor([0.3000, 0.3000])
    """
    return torch_constant_(tensor, _rounded(tensor, val))


def _rounded(tensor: Tensor, val: float) -> float:
    if getattr(tensor, "dtype", None) not in _HALF or not are_numbers(val):
        return val
    try:
        return rounded_once(float(val), tensor.dtype)
    except (ArgumentError, OverflowError):
        return val  # torch says that it does not fit


UNIFORM = operator("uniform", "float a, float b", uniform_, torch_uniform_)
NORMAL = operator("normal", "float mean, float std", normal_, torch_normal_)
_TRUNC_NORMAL = operator("trunc_normal", "float mean, float std, float a, float b", trunc_normal_)
