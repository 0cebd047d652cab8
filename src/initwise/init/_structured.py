"""The laws that are not element by element: orthogonal and sparse matrices."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.init import orthogonal_ as torch_orthogonal_
from torch.nn.init import sparse_ as torch_sparse_

from initwise.axes import Axes
from initwise.errors import ArgumentError
from initwise.init._operators import operator
from initwise.init._route import are_numbers, route
from initwise.init._seed import LABEL, NAME, next_seed
from initwise.initializers import Orthogonal, Sparse, Stream, Target
from initwise.writing import write, write_values

_COLUMNS = Axes(fan_in=(0,), fan_out=(1,))  # torch counts the zeros of each column


def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with a (semi) orthogonal matrix: W Wᵀ = gain² I or Wᵀ W = gain² I, uniform over all of them (Haar).

    Args:
        tensor: two dimensions or more, seen as (shape[0], all others); any floating or complex dtype, any strides.
        gain: the length of each row (of a wide matrix) or column (of a tall one).
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        ValueError: fewer than two dimensions.
        NotImplementedError: what torch raises: an integer dtype.

    Where it differs from torch: takes bfloat16, float16, complex and channels-last tensors; never zeroes a column where
    a diagonal element of the QR factor is zero; half the work.

    Source: Saxe et al. (2013); Stewart (1980) for the method.

    >>> w = orthogonal_(torch.empty(3, 5))
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-5)
    True
    """
    if _fill_orthogonal(tensor, gain, generator):
        return tensor
    return torch_orthogonal_(tensor, gain, generator)


def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a matrix with N(0, std²), then zero ceil(sparsity * rows) random elements of each column.

    A column of (out, in) is what one input feeds. Martens (2010) means what one unit receives: `initwise.Sparse`.

    Args:
        tensor: two dimensions: (rows, columns).
        sparsity: the fraction of zeros in each column.
        std: the standard deviation of the other elements.
        generator: where the seed is read from; by default torch's CPU generator, whatever the tensor's device.

    Returns:
        The tensor.

    Raises:
        ValueError: other than two dimensions.
        RuntimeError: what torch raises: std < 0, an integer dtype.

    Where it differs from torch: the generator decides the zeros too; torch takes them from its global generator.

    Source: Martens (2010).

    >>> int((sparse_(torch.empty(10, 3), sparsity=0.25) == 0).sum())
    9
    """
    if _fill_sparse(tensor, sparsity, std, generator):
        return tensor
    return torch_sparse_(tensor, sparsity, std, generator)


def _fill_orthogonal(tensor: Tensor, gain: float, generator: Generator | None) -> bool:
    way = route(tensor, generator)
    if way == "torch" or tensor.dim() < 2 or not (are_numbers(gain) and math.isfinite(gain)):
        return False
    if way == "operator":
        ORTHOGONAL(tensor, float(gain), generator)
        return True
    target = Target(tuple(tensor.shape), tensor.dtype)
    try:
        values = Orthogonal().values(target, Stream(next_seed(generator), NAME, LABEL))
    except ArgumentError:  # a dtype that only torch knows
        return False
    write_values(tensor, values if gain == 1 else values * gain)
    return True


def _fill_sparse(tensor: Tensor, sparsity: float, std: float, generator: Generator | None) -> bool:
    way = route(tensor, generator)
    if way == "torch" or tensor.dim() != 2 or not are_numbers(sparsity, std):
        return False
    if way == "operator":
        SPARSE(tensor, float(sparsity), float(std), generator)
        return True
    target = Target(tuple(tensor.shape), tensor.dtype, axes=_COLUMNS)
    try:
        write(tensor, Sparse(sparsity, std), target, seed=next_seed(generator), name=NAME, label=LABEL)
    except ArgumentError:  # raised before anything is written: outside what ours draws, torch has the word
        return False
    return True


ORTHOGONAL = operator("orthogonal", "float gain", orthogonal_)
SPARSE = operator("sparse", "float sparsity, float std", sparse_)
