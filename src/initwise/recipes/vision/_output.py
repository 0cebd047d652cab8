"""The layer that makes a generator's output."""

from __future__ import annotations

import re

from torch import nn

from initwise.errors import ArgumentError
from initwise.model import Reading

_FINAL = re.compile(r"(^|\.)(final_layer|final|out|outc|proj_out(_2)?|conv_out|final_conv|out_conv|head)(\.|$)")
_ASIDE = re.compile(r"ada_?ln|modulation", re.IGNORECASE)  # what a final layer is conditioned with


def output_layer(reading: Reading, kinds: tuple[type[nn.Module], ...]) -> str:
    """Return the name of the layer of one of `kinds` that makes the output: as traced, else the last one named so.

    Raises:
        ArgumentError: neither says it.
    """
    traced = [
        parameter.module_name
        for parameter in reading.parameters
        if parameter.role == "weight" and parameter.usage is not None and parameter.usage.output
    ]
    named = [
        name
        for name, module in reading.modules.items()
        if isinstance(module, kinds) and _FINAL.search(name) and not _ASIDE.search(name) and _top(name)
    ]
    if not traced and not named:
        raise ArgumentError(
            "the layer that makes the output is not found (final_layer, out, conv_out, ...); "
            "give inputs=, or add a rule for it"
        )
    return (traced or named)[-1]


def _top(name: str) -> bool:
    """Whether a layer stands outside the numbered blocks: `out.2` does, `blocks.3.out` does not."""
    return not any(segment.isdigit() for segment in name.split(".")[:-1])
