"""One module under all keys of a dictionary, as `dict.fromkeys(names, module)` makes it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from initwise.findings import Finding, found
from initwise.lints._subject import Subject
from initwise.lints.shared._declared import is_declared


def keyed(subject: Subject) -> Iterator[Finding]:
    """TIE702: every key of a ModuleDict has the same module."""
    reading = subject.reading
    for name, module in reading.modules.items():
        if not isinstance(module, nn.ModuleDict) or len(module) < 2 or len({id(each) for each in module.values()}) > 1:
            continue
        kind = type(next(iter(module.values()))).__name__
        inside = [each for each in reading.parameters if each.name.startswith(f"{name}." if name else "")]
        if inside and not is_declared(reading, inside[0]):
            yield found(
                "TIE702",
                inside[0].name,
                f"{name or 'the model'} has one {kind} under {len(module)} keys",
                f"{', '.join(list(module)[:4])}{', ...' if len(module) > 4 else ''} are one object",
                f"{len(module)} of them, each with weights of its own",
                f"Make one for each: {{key: {kind}(...) for key in keys}}, not dict.fromkeys(keys, {kind}(...)).",
            )
