"""The random stream: a weight is a pure function of (seed, parameter name, element index).

`words`, `uniform`, `normal` and `truncated_normal` show the stream as NumPy arrays. The rest is for the other rooms:
a key, a draw, and `fill`, which writes a draw into a tensor. docs/stream.md is the contract.
"""

from __future__ import annotations

from initwise.random._arrays import normal, truncated_normal, uniform, words
from initwise.random._batch import Batch, Filler
from initwise.random._draws import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw
from initwise.random._fill import check_draw, fill
from initwise.random._keys import STREAM_VERSION, Key, key
from initwise.random._normal import normal_from_words

__all__ = [
    "STREAM_VERSION",
    "Batch",
    "Draw",
    "Filler",
    "Key",
    "NormalDraw",
    "TruncatedNormalDraw",
    "UniformDraw",
    "check_draw",
    "fill",
    "key",
    "normal",
    "normal_from_words",
    "truncated_normal",
    "uniform",
    "words",
]
