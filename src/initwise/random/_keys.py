"""Keys: which stream of random words belongs to a (seed, parameter name, label)."""

from __future__ import annotations

import hashlib
import operator
import struct
from dataclasses import dataclass
from typing import Any

from initwise.errors import ArgumentError, ArgumentTypeError

STREAM_VERSION = 1

_PERSON = b"initwise/v1"


@dataclass(frozen=True, slots=True)
class Key:
    """The words that select a stream: the Philox key (k0, k1) and the upper half of its counter (c2, c3)."""

    k0: int
    k1: int
    c2: int
    c3: int


def key(seed: int, name: str, label: str = "") -> Key:
    """The key of the stream of one draw.

    The BLAKE2b digest of the seed and the length-prefixed name and label: different triples do not share a stream.

    Args:
        seed: an integer, 0 <= seed < 2**64.
        name: the parameter's canonical name.
        label: tells several draws for one parameter apart; parts are joined with `/`.

    Raises:
        ArgumentError: the seed is out of range, or a text cannot be encoded.
        ArgumentTypeError: the seed is not an integer, or a text is not a string.

    >>> key(0, "layer.weight") == key(0, "layer.weight", "")
    True
    >>> key(0, "layer.weight") == key(1, "layer.weight")
    False
    """
    name_bytes, label_bytes = _encoded("name", name), _encoded("label", label)
    message = struct.pack("<QI", checked_seed(seed), len(name_bytes)) + name_bytes
    message += struct.pack("<I", len(label_bytes)) + label_bytes
    digest = hashlib.blake2b(message, digest_size=16, person=_PERSON).digest()
    return Key(*struct.unpack("<4I", digest))


def checked_seed(seed: Any) -> int:
    """The seed as an int; an error if it is not an integer in [0, 2**64)."""
    value = integer("random stream", "seed", seed)
    if not 0 <= value < 2**64:
        raise ArgumentError(f"random stream: seed is {value}, allowed is 0 <= seed < 2**64; pass a seed in that range")
    return value


def integer(operation: str, argument: str, value: Any) -> int:
    """The value as an int; an error if it is a bool or not an integer."""
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise ArgumentTypeError(
        f"{operation}: {argument} is {value!r} ({type(value).__name__}), allowed is an integer (no bool); pass an int"
    )


def _encoded(argument: str, text: Any) -> bytes:
    if not isinstance(text, str):
        raise ArgumentTypeError(
            f"random stream: {argument} is {text!r} ({type(text).__name__}), allowed is a string; pass a str"
        )
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"random stream: {argument} {text!r} has no UTF-8 form; pass text without lone surrogates"
        ) from error
