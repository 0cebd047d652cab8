"""The laws whose scale comes from the fans, by torch's convention on a bare tensor: Xavier and Kaiming."""

import math
import warnings
from typing import Literal

import torch
from torch import Tensor
from torch.nn.init import _calculate_correct_fan, _calculate_fan_in_and_fan_out, calculate_gain
from torch.nn.init import kaiming_normal_ as torch_kaiming_normal_
from torch.nn.init import kaiming_uniform_ as torch_kaiming_uniform_
from torch.nn.init import xavier_normal_ as torch_xavier_normal_
from torch.nn.init import xavier_uniform_ as torch_xavier_uniform_
from torch.overrides import handle_torch_function, has_torch_function_variadic

from initwise.init._basic import NORMAL, UNIFORM
from initwise.init._fill import fill_normal, fill_uniform

FanMode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]

_EMPTY = "Initializing zero-element tensors is a no-op"  # torch's own words


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by Glorot's scheme: w ~ U(-b, b), b = gain * sqrt(6 / (fan_in + fan_out)).

    fan_in = shape[1] * kernel and fan_out = shape[0] * kernel, whatever the layer: torch's convention, which is wrong
    for transposed and grouped convolutions, packed weights and `x @ W`. A plan (`initwise.plan`) takes the true fans.

    Args:
        tensor: two dimensions or more: (out, in, *kernel).
        gain: a factor for the standard deviation.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        ValueError: fewer than two dimensions.
        RuntimeError: what torch raises: gain < 0, an integer dtype.

    Where it differs from torch: E|w|² of a complex tensor is the variance of the law; torch draws twice that.

    Source: Glorot and Bengio (2010).

    >>> bool(xavier_uniform_(torch.empty(3, 3)).abs().max() <= 1.0)
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    if fill_uniform(tensor, -_half(tensor, bound), _half(tensor, bound), generator, UNIFORM):
        return tensor
    return torch_xavier_uniform_(tensor, gain, generator)


def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by Glorot's scheme: w ~ N(0, std²), std = gain * sqrt(2 / (fan_in + fan_out)).

    fan_in = shape[1] * kernel and fan_out = shape[0] * kernel, whatever the layer: torch's convention, which is wrong
    for transposed and grouped convolutions, packed weights and `x @ W`. A plan (`initwise.plan`) takes the true fans.

    Args:
        tensor: two dimensions or more: (out, in, *kernel).
        gain: a factor for the standard deviation.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        ValueError: fewer than two dimensions.
        RuntimeError: what torch raises: gain < 0, an integer dtype.

    Where it differs from torch: the numbers do not depend on memory format, dtype (but for rounding) or threads.

    Source: Glorot and Bengio (2010).

    >>> xavier_normal_(torch.empty(3, 5)).shape
    torch.Size([3, 5])
    """
    if fill_normal(tensor, 0.0, _xavier_std(tensor, gain), generator, NORMAL):
        return tensor
    return torch_xavier_normal_(tensor, gain, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by He's scheme: w ~ U(-b, b), b = gain * sqrt(3 / fan).

    fan_in = shape[1] * kernel and fan_out = shape[0] * kernel, whatever the layer: torch's convention, which is wrong
    for transposed and grouped convolutions, packed weights and `x @ W`. A plan (`initwise.plan`) takes the true fans.

    Args:
        tensor: two dimensions or more: (out, in, *kernel).
        a: the negative slope of the leaky ReLU that follows; other nonlinearities ignore it.
        mode: "fan_in" keeps the variance of the signal, "fan_out" that of the gradient.
        nonlinearity: what follows the layer; its gain is `calculate_gain(nonlinearity, a)`.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor. An empty one gives a warning and stays as it is.

    Raises:
        ValueError: fewer than two dimensions, an unknown mode or nonlinearity.
        RuntimeError: what torch raises: an integer dtype.

    Where it differs from torch: E|w|² of a complex tensor is the variance of the law; torch draws twice that.

    Source: He et al. (2015).

    >>> bool(kaiming_uniform_(torch.empty(3, 6)).abs().max() <= 1.0)
    True
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(
            kaiming_uniform_,
            (tensor,),
            tensor=tensor,
            a=a,
            mode=mode,
            nonlinearity=nonlinearity,
            generator=generator,
        )
    if 0 in tensor.shape:
        warnings.warn(_EMPTY, stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    if fill_uniform(tensor, -_half(tensor, bound), _half(tensor, bound), generator, UNIFORM):
        return tensor
    return torch_kaiming_uniform_(tensor, a, mode, nonlinearity, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by He's scheme: w ~ N(0, std²), std = gain / sqrt(fan).

    fan_in = shape[1] * kernel and fan_out = shape[0] * kernel, whatever the layer: torch's convention, which is wrong
    for transposed and grouped convolutions, packed weights and `x @ W`. A plan (`initwise.plan`) takes the true fans.

    Args:
        tensor: two dimensions or more: (out, in, *kernel).
        a: the negative slope of the leaky ReLU that follows; other nonlinearities ignore it.
        mode: "fan_in" keeps the variance of the signal, "fan_out" that of the gradient.
        nonlinearity: what follows the layer; its gain is `calculate_gain(nonlinearity, a)`.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor. An empty one gives a warning and stays as it is.

    Raises:
        ValueError: fewer than two dimensions, an unknown mode or nonlinearity.
        RuntimeError: what torch raises: an integer dtype.

    Where it differs from torch: the numbers do not depend on memory format, dtype (but for rounding) or threads.

    Source: He et al. (2015).

    >>> kaiming_normal_(torch.empty(8, 3, 3, 3), mode="fan_out", nonlinearity="relu").shape
    torch.Size([8, 3, 3, 3])
    """
    if 0 in tensor.shape:
        warnings.warn(_EMPTY, stacklevel=2)
        return tensor
    if fill_normal(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator, NORMAL):
        return tensor
    return torch_kaiming_normal_(tensor, a, mode, nonlinearity, generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def _kaiming_std(tensor: Tensor, a: float, mode: FanMode, nonlinearity: Nonlinearity) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _half(tensor: Tensor, bound: float) -> float:
    """The bound for each half of a complex number, so that both together have the variance of the law."""
    return bound * math.sqrt(0.5) if tensor.is_complex() else bound
