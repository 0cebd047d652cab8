"""Sizes in words, as Hugging Face's libraries write them: "5GB" is 5,000,000,000 bytes."""

from __future__ import annotations

import re
from numbers import Integral

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def size_in_bytes(size: object, name: str = "max_shard_size") -> int:
    """Return a number of bytes from an integer or from words such as "5GB", "500 MB", "1.5GiB".

    Raises:
        ArgumentError: it is no size, or less than a byte.

    >>> size_in_bytes("5GB"), size_in_bytes("1GiB")
    (5000000000, 1073741824)
    """
    if isinstance(size, bool) or not isinstance(size, (str, Integral)):
        raise ArgumentTypeError(f'{name} is {show(size)}; give words such as "5GB", or a number of bytes')
    if isinstance(size, str):
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", size)
        unit = None if found is None else (_UNITS | _BINARY).get(found[2].upper())
        if found is None or unit is None:
            raise ArgumentError(f"{name} is {show(size)}; give a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB")
        count = int(float(found[1]) * unit)
    else:
        count = int(size)
    if count < 1:
        raise ArgumentError(f"{name} is {show(size)}; a part must have room for at least one byte")
    return count


def words(count: int) -> str:
    """Return a number of bytes in words.

    >>> words(141_107_412_992), words(512)
    ('141.1 GB', '512 bytes')
    """
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"
