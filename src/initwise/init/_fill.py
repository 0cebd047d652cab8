"""Element-wise draws into a bare tensor: each function says whether it drew, or leaves the call to torch."""

import math
import warnings
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from initwise.errors import ArgumentError
from initwise.init._route import are_numbers, route
from initwise.init._seed import LABEL, NAME, next_seed
from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw
from initwise.writing import write_draw

Operator = Callable[..., None]

# A float64 element is a float32 value, widened. Where its law needs a finer grid than that, torch's sampler draws.
_FINEST = 2.0**10
_REACH = 6.4  # no normal number of the stream is larger
_FAR = (  # torch's own words
    "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect."
)
_DOUBLE = frozenset({torch.float64, torch.complex128})


def fill_uniform(tensor: Tensor, low: float, high: float, generator: Generator | None, operator: Operator) -> bool:
    """Draw from U(low, high); a complex tensor draws both halves so."""

    def draw() -> Draw:
        if not max(abs(low), abs(high), high - low) <= torch.finfo(tensor.dtype).max:
            raise ArgumentError("torch refuses a range wider than the dtype")
        return _on_grid(UniformDraw(low, high), tensor.dtype)

    return _fill(tensor, generator, operator, (low, high), draw)


def fill_normal(tensor: Tensor, mean: float, std: float, generator: Generator | None, operator: Operator) -> bool:
    """Draw from N(mean, std²); each half of a complex tensor has half the variance and all of the mean, as in torch."""

    def draw() -> Draw:
        return _on_grid(NormalDraw(mean, std * math.sqrt(0.5) if tensor.is_complex() else std), tensor.dtype)

    return _fill(tensor, generator, operator, (mean, std), draw)


def fill_truncated(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None, operator: Operator
) -> bool:
    """Draw from N(mean, std²) cut to [a, b]."""

    def draw() -> Draw:
        if tensor.is_complex() or not (0.0 < std < math.inf and a < b and math.isfinite(mean)):
            raise ArgumentError("torch has its own way with these")
        made = _on_grid(TruncatedNormalDraw(mean, std, *_inner_bounds(mean, std, a, b)), tensor.dtype)
        if mean < a - 2 * std or mean > b + 2 * std:
            warnings.warn(_FAR, stacklevel=5)  # where the user called trunc_normal_
        return made

    return _fill(tensor, generator, operator, (mean, std, a, b), draw)


def _fill(
    tensor: Tensor,
    generator: Generator | None,
    operator: Operator,
    parameters: tuple[float, ...],
    make_draw: Callable[[], Draw],
) -> bool:
    way = route(tensor, generator)
    if way == "torch" or not are_numbers(*parameters):
        return False
    if way == "operator":
        operator(tensor, *map(float, parameters), generator)
        return True
    try:
        write_draw(tensor, make_draw(), seed=next_seed(generator), name=NAME, label=LABEL)
    except ArgumentError:  # raised before anything is written: outside what the stream draws, torch has the word
        return False
    return True


def _inner_bounds(mean: float, std: float, a: float, b: float) -> tuple[float, float]:
    """The bounds in units of std, moved inwards by the few last bits that rounding could have moved them outwards."""
    return _at_least(a, mean, std), -_at_least(-b, -mean, std)


def _at_least(bound: float, mean: float, std: float) -> float:
    steps = (bound - mean) / std
    while mean + steps * std < bound:
        steps += max(math.ulp(steps), math.ulp(bound) / std)
    return steps


def _on_grid(draw: Draw, dtype: torch.dtype) -> Draw:
    """The draw, unless float32's grid is too coarse for its law in a wider dtype."""
    if dtype in _DOUBLE:
        low, high = _bulk(draw)
        if not max(abs(low), abs(high)) <= _FINEST * (high - low):
            raise ArgumentError("float32 is too coarse for this law in float64")
    return draw


def _bulk(draw: Draw) -> tuple[float, float]:
    """An interval that is not wider than where most of the numbers lie."""
    low, high = draw.support
    if isinstance(draw, NormalDraw):
        return draw.mean - draw.std, draw.mean + draw.std
    if isinstance(draw, TruncatedNormalDraw):
        return max(low, draw.mean - _REACH * draw.sigma), min(high, draw.mean + _REACH * draw.sigma)
    return low, high
