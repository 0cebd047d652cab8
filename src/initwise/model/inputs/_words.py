"""Inputs in words: "2x3x224x224", "input_ids: 2x16 int64 <50257; attention_mask: 2x16 int64 <2"."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from initwise._arguments import nearest, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model.inputs._example import Example
from initwise.model.inputs._tensors import floats, integers

DTYPES = {
    "float": torch.float32, "float32": torch.float32, "float64": torch.float64, "float16": torch.float16,
    "bfloat16": torch.bfloat16, "int": torch.int64, "int64": torch.int64, "long": torch.int64, "int32": torch.int32,
    "bool": torch.bool,
}  # fmt: skip
FORM = "a shape such as 2x3x224x224, then a dtype and a limit where it has one (int64 <50257)"
_PART = re.compile(
    r"""\s* (?:(?P<name>[A-Za-z_]\w*)\s*[:=]\s*)?
    (?P<shape>scalar | \d+ (?:\s*[x×]\s*\d+)*)
    (?:\s+(?P<dtype>[A-Za-z]\w*))?
    (?:\s*<\s*(?P<high>\d+))? \s*""",
    re.VERBOSE,
)


def parse_inputs(words: str) -> Example:
    """Return the example that `words` describe.

    One tensor after the other, separated by semicolons, each `[name:] shape [dtype] [<limit]`. The shape is the whole
    shape, the batch included. Without a dtype a tensor is float32 and holds standard normal numbers; with a limit and
    no dtype it is int64. Integers lie in [0, limit), by default below 2. Tensors with a name become keyword arguments.

    Raises:
        ArgumentError: the words do not follow this form.

    >>> parse_inputs("2x3x8x8").description
    '2x3x8x8 float32'
    >>> parse_inputs("input_ids: 2x16 int64 <50257; attention_mask: 2x16 int <2").description
    'input_ids: 2x16 int64; attention_mask: 2x16 int64'
    """
    if not isinstance(words, str):
        raise ArgumentTypeError(f"inputs in words are {show(words)} of type {type(words).__name__}, not a string")
    args: list[Tensor] = []
    kwargs: dict[str, Tensor] = {}
    for part in filter(str.strip, words.split(";")):
        name, tensor = _parsed(part, words)
        if name in kwargs:
            raise ArgumentError(f"inputs {words!r}: {name!r} is given twice")
        if name:
            kwargs[name] = tensor
        elif kwargs:
            raise ArgumentError(f"inputs {words!r}: {part.strip()!r} has no name and follows one that has; name it too")
        else:
            args.append(tensor)
    if not args and not kwargs:
        raise ArgumentError(f"inputs {words!r} describe no tensor; write {FORM}")
    return Example(tuple(args), dict(kwargs))


def _parsed(part: str, words: str) -> tuple[str, Tensor]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ArgumentError(f"inputs {words!r}: {part.strip()!r} is not understood; write {FORM}, or name: and these")
    written = match["dtype"] or ("int64" if match["high"] else "float32")
    dtype = DTYPES.get(written)
    if dtype is None:
        raise ArgumentError(
            f"inputs {words!r}: {written!r} is no dtype; allowed are {', '.join(DTYPES)}{nearest(written, DTYPES)}"
        )
    if dtype.is_floating_point and match["high"]:
        raise ArgumentError(f"inputs {words!r}: a limit (<{match['high']}) is for integers, and this is {written}")
    if match["high"] == "0":
        raise ArgumentError(f"inputs {words!r}: nothing lies below <0; the limit is the first number that is too large")
    shape = () if match["shape"] == "scalar" else tuple(map(int, re.split(r"\s*[x×]\s*", match["shape"])))
    if dtype.is_floating_point:
        return match["name"] or "", floats(*shape, dtype=dtype)
    return match["name"] or "", integers(*shape, high=int(match["high"] or 2), dtype=dtype)
