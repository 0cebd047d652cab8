"""Parameters that the modules of transformers own directly: what each is in the forward pass of its module.

Nothing is imported: a class is recognised by its module (of `transformers.models`) and its name, and a parameter by its
attribute. Read from the sources of transformers 5.23: every class that a row names or matches uses the parameter as the
row says. A class that derives from a known layer is read like that layer too.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache

from torch import nn

from initwise.model._transformers_rows import ROWS, Known
from initwise.model._usage import Usage

Reader = Callable[[nn.Module], dict[str, Usage]]


def reader(kind: type) -> Reader | None:
    """Return what says how the parameters of a class of transformers are used; None for other classes.

    >>> reader(dict) is None
    True
    """
    known = kind.__module__.startswith("transformers.models.") or kind.__module__ == "transformers.activations"
    return _reader(kind.__name__) if known else None


@cache
def _reader(name: str) -> Reader | None:
    known = known_of(name)
    if not known:
        return None

    def read(module: nn.Module) -> dict[str, Usage]:
        present = ((attribute, each) for attribute, each in known.items() if _has(module, attribute))
        found = ((attribute, each if isinstance(each, Usage) else each(module)) for attribute, each in present)
        return {attribute: usage for attribute, usage in found if usage is not None}

    return read


def _has(module: nn.Module, attribute: str) -> bool:
    return module._parameters.get(attribute) is not None or attribute in getattr(module, "parametrizations", ())


def known_of(name: str) -> dict[str, Known]:
    """Return for a class of this name what is known of its parameters, by attribute.

    >>> sorted(known_of("MixtralExperts"))
    ['down_proj', 'gate_up_proj']
    """
    found: dict[str, Known] = {}
    for attributes, known, classes in ROWS:
        if any(fnmatchcase(name, pattern) for pattern in classes.split()):
            found = dict.fromkeys(attributes.split(), known) | found  # the first row that fits wins
    return found
