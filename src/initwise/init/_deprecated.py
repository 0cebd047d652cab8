"""The names without an underscore, which torch keeps with a warning."""

import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch.nn.init

P = ParamSpec("P")
R = TypeVar("R")


def deprecated(current: Callable[P, R]) -> Callable[P, R]:
    """Return the function under its old name: it warns as torch does and calls the current one."""
    new_name = current.__name__
    old_name = new_name[:-1]

    def alias(*args: P.args, **kwargs: P.kwargs) -> R:
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.", FutureWarning, stacklevel=2
        )
        return current(*args, **kwargs)

    alias.__name__ = alias.__qualname__ = old_name
    alias.__doc__ = f"Deprecated: use `{new_name}`, which this calls after a FutureWarning."
    # Type variables are equal only to themselves: with torch's own, the signatures compare equal.
    alias.__annotations__ = dict(getattr(torch.nn.init, old_name).__annotations__)
    return alias
