"""`gain`: closed forms where there are some, quadrature for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from initwise._arguments import Arguments, nearest, show
from initwise._typing import Convention
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.gains._functions import ALIASES, FUNCTIONS, LINEAR, MODULES, NAMED, SLOPED, TORCH_GAINS
from initwise.gains._probe import derivative, elementwise
from initwise.gains._quadrature import normal_expectation

Direction = Literal["forward", "backward"]
_DIGITS = 10  # so that a last bit of the quadrature never reaches a weight


def gain(
    nonlinearity: str | Callable[..., Any],
    param: float | None = None,
    *,
    direction: Direction = "forward",
    convention: Convention = "exact",
) -> float:
    """Return the gain of a nonlinearity f: 1 / sqrt(E f(z)^2) for z ~ N(0, 1), or 1 / sqrt(E f'(z)^2) backward.

    A layer with weights of variance gain^2 / fan_in gives f's output the second moment that f's input had; with the
    backward gain over fan_out, gradients keep theirs.

    Args:
        nonlinearity: a name, a function of a tensor, or a module. It must act element by element.
        param: the parameter of a named nonlinearity: the slope of leaky_relu and prelu, alpha of elu and celu, ...
        direction: "forward" for the values, "backward" for the gradients.
        convention: "torch" gives the constants of `torch.nn.init.calculate_gain`, which differ from the second moment
            for tanh (5/3), selu (3/4) and sigmoid (1), and exist for few names.

    Returns:
        The gain; found by quadrature, it is rounded to 10 significant digits.

    Raises:
        ArgumentError: an unknown name, a function that is not element-wise, has a state or gives NaN, or one without a
            finite, positive second moment.

    >>> import initwise as iw
    >>> iw.gain("relu") == 2**0.5, iw.gain("gelu"), iw.gain("tanh", direction="backward")
    (True, 1.533530441, 1.467413592)
    """
    check = Arguments("gain")
    check.choice("direction", direction, get_args(Direction))
    check.choice("convention", convention, get_args(Convention))
    if param is not None:
        param = check.number("param", param)
    check.done()
    name, param = _recognized(nonlinearity, param)
    if convention == "torch":
        return _torch_gain(name, param, direction)
    if name is not None:
        return _named_gain(name, param, direction)
    assert callable(nonlinearity)  # noqa: S101 - `_recognized` refused everything else
    if param is not None:
        raise ArgumentError(f"gain: param is {param}, but only named nonlinearities take one; bind it in the function")
    return _measured(nonlinearity, direction)


def _recognized(nonlinearity: object, param: float | None) -> tuple[str | None, float | None]:
    """Return the name and parameter of a nonlinearity, or None for one that has no name."""
    if isinstance(nonlinearity, str):
        return _known_name(nonlinearity), param
    if isinstance(nonlinearity, type) or not callable(nonlinearity):
        raise ArgumentTypeError(f"gain: {show(nonlinearity)} is not a name, a function or a module (an instance)")
    if not isinstance(nonlinearity, nn.Module):
        return next((name for function, name in FUNCTIONS.items() if function is nonlinearity), None), param
    if type(nonlinearity) not in MODULES:
        return None, param
    name, attribute = MODULES[type(nonlinearity)]
    return name, float(getattr(nonlinearity, attribute)) if attribute else param


def _known_name(name: str) -> str:
    found = ALIASES.get(name, name)
    if found not in NAMED:
        hint = nearest(name, (*NAMED, *ALIASES))
        known = ", ".join(sorted(NAMED))
        raise ArgumentError(f"gain: unknown nonlinearity {name!r}{hint}; known are {known}, and any function fits too")
    return found


def _torch_gain(name: str | None, param: float | None, direction: Direction) -> float:
    if direction == "backward":
        raise ArgumentError('gain: torch has no backward gains; use convention="exact"')
    if name == "leaky_relu":
        return math.sqrt(2.0 / (1 + (SLOPED[name] if param is None else param) ** 2))
    if name not in TORCH_GAINS:
        known = ", ".join(sorted([*TORCH_GAINS, "leaky_relu"]))
        raise ArgumentError(
            f'gain: torch has no constant for {name or "a function"!r}, only for {known}; use convention="exact"'
        )
    return TORCH_GAINS[name]


@lru_cache(maxsize=512)
def _named_gain(name: str, param: float | None, direction: Direction) -> float:
    if param is not None and NAMED[name].default is None and name != "relu":
        raise ArgumentError(f"gain: param is {param}, but {name!r} takes none")
    if name in LINEAR or name == "abs":
        return 1.0
    if name in SLOPED:
        return math.sqrt(2.0 / (1 + (SLOPED[name] if param is None else param) ** 2))
    return _measured(NAMED[name].make(NAMED[name].default if param is None else param), direction, repr(name))


def _measured(function: Callable[..., Any], direction: Direction, name: str = "") -> float:
    name = name or getattr(function, "__name__", None) or show(function)
    with torch.device("cpu"):
        pure = elementwise(function, name)
        acting = derivative(pure) if direction == "backward" else pure
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            moment = normal_expectation(lambda z: _finite(acting(z), z, name) ** 2)
    if not 0 < moment < math.inf:
        what = "derivative" if direction == "backward" else "output"
        raise ArgumentError(f"gain: the {what} of {name} has the second moment {moment}; allowed is a positive number")
    return float(f"{moment**-0.5:.{_DIGITS - 1}e}")


def _finite(found: Tensor, z: Tensor, name: str) -> Tensor:
    bad = ~torch.isfinite(found)
    if bool(bad.any()):
        where, what = float(z[bad][0]), float(found[bad][0])
        raise ArgumentError(f"gain: {name} gives {what} at {where:.4g}; it must be finite from -14 to 14")
    return found
