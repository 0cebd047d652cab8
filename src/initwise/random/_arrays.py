"""The stream itself, as NumPy arrays: for tests, other frameworks and the curious."""

from __future__ import annotations

import numpy as np

from initwise.errors import ArgumentError
from initwise.random import _cpu
from initwise.random._draws import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw
from initwise.random._fma import Float32s
from initwise.random._keys import Key, integer, key
from initwise.random._layout import layout
from initwise.random._lowering import lower
from initwise.random._philox import LAST_INDEX, Words


def words(seed: int, name: str, start: int, stop: int, label: str = "") -> Words:
    """The 32-bit words of the elements start, ..., stop - 1: Philox4x32-10 under a key made of seed, name and label.

    Args:
        seed: an integer, 0 <= seed < 2**64.
        name: the parameter's canonical name.
        start: the first element's index, 0 <= start <= stop.
        stop: one past the last element's index, at most 2**62.
        label: tells several draws for one parameter apart.

    Returns:
        uint32, (stop - start,).

    Raises:
        ArgumentError: the seed or the range is not allowed.

    >>> words(0, "layer.weight", 0, 3).tolist() == words(0, "layer.weight", 0, 100)[:3].tolist()
    True
    """
    stream, start, stop = _request(seed, name, start, stop, label)
    out = np.empty(stop - start, dtype=np.uint32)
    if out.size:
        _cpu.fill_array(out, layout(out.shape, (1,), start), None, stream)
    return out


def uniform(seed: int, name: str, start: int, stop: int, label: str = "") -> Float32s:
    """Uniform numbers in [0, 1), multiples of 2**-24: (word >> 8) * 2**-24.

    Args and errors are those of `words`.

    Returns:
        float32, (stop - start,).

    >>> float(uniform(0, "layer.weight", 0, 1000).max()) < 1.0
    True
    """
    return _values(UniformDraw(0.0, 1.0), *_request(seed, name, start, stop, label))


def normal(seed: int, name: str, start: int, stop: int, label: str = "") -> Float32s:
    """Standard normal numbers: the inverse distribution function of (word + 1/2) / 2**32.

    The relative error is below 1e-6.

    Args and errors are those of `words`.

    Returns:
        float32, (stop - start,).

    >>> float(abs(normal(0, "layer.weight", 0, 1000)).max()) < 6.34
    True
    """
    return _values(NormalDraw(0.0, 1.0), *_request(seed, name, start, stop, label))


def truncated_normal(
    seed: int, name: str, start: int, stop: int, low: float = -2.0, high: float = 2.0, label: str = ""
) -> Float32s:
    """Standard normal numbers given that they lie in [low, high]: one word each, no rejection.

    Args and errors are those of `words`.

    Returns:
        float32, (stop - start,).

    Raises:
        ArgumentError: also if low >= high, or if fewer than 2**20 words lie between them.

    >>> float(abs(truncated_normal(0, "layer.weight", 0, 1000)).max()) <= 2.0
    True
    """
    return _values(TruncatedNormalDraw(0.0, 1.0, low, high), *_request(seed, name, start, stop, label))


def _values(draw: Draw, stream: Key, start: int, stop: int) -> Float32s:
    out = np.empty(stop - start, dtype=np.float32)
    if out.size:
        _cpu.fill_array(out, layout(out.shape, (1,), start), lower(draw, "float32"), stream)
    return out


def _request(seed: int, name: str, start: int, stop: int, label: str) -> tuple[Key, int, int]:
    stream = key(seed, name, label)
    start, stop = integer("random stream", "start", start), integer("random stream", "stop", stop)
    if not 0 <= start <= stop <= LAST_INDEX:
        raise ArgumentError(
            f"random stream: start is {start}, stop is {stop}, allowed is 0 <= start <= stop <= 2**62; check the range"
        )
    return stream, start, stop


__all__ = ["normal", "truncated_normal", "uniform", "words"]
