"""The nonlinearities that have a name, as functions of a float64 tensor, and the torch objects that mean the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Named:
    """A nonlinearity with a name: `make(param)` gives the function; without a default it takes no parameter."""

    make: Callable[[Any], Function]
    default: float | None = None


def _plain(function: Function) -> Named:
    return Named(lambda _: function)


LINEAR = ("linear", "identity", *(f"conv{t}{n}d" for n in (1, 2, 3) for t in ("", "_transpose")))
SLOPED = {"relu": 0.0, "leaky_relu": 0.01, "prelu": 0.25}
_RRELU_SLOPE = (1 / 8 + 1 / 3) / 2

NAMED: dict[str, Named] = {
    **dict.fromkeys(LINEAR, _plain(lambda z: z)),
    "relu": _plain(F.relu),
    "leaky_relu": Named(lambda a: lambda z: F.leaky_relu(z, a), SLOPED["leaky_relu"]),
    "prelu": Named(lambda a: lambda z: F.leaky_relu(z, a), SLOPED["prelu"]),
    "rrelu": Named(lambda a: lambda z: F.leaky_relu(z, a), _RRELU_SLOPE),
    "relu6": _plain(F.relu6),
    "elu": Named(lambda a: lambda z: F.elu(z, a), 1.0),
    "celu": Named(lambda a: lambda z: F.celu(z, a), 1.0),
    "selu": _plain(F.selu),
    "gelu": _plain(F.gelu),
    "gelu_tanh": _plain(lambda z: F.gelu(z, approximate="tanh")),
    "quick_gelu": _plain(lambda z: z * torch.sigmoid(1.702 * z)),
    "silu": _plain(F.silu),
    "mish": _plain(F.mish),
    "tanh": _plain(torch.tanh),
    "hardtanh": _plain(F.hardtanh),
    "tanhshrink": _plain(F.tanhshrink),
    "softshrink": Named(lambda a: lambda z: F.softshrink(z, a), 0.5),
    "hardshrink": Named(lambda a: lambda z: F.hardshrink(z, a), 0.5),
    "sigmoid": _plain(torch.sigmoid),
    # Torch's own hardsigmoid and hardswish carry 1/6 in single precision.
    "hardsigmoid": _plain(lambda z: torch.clamp(z / 6 + 0.5, 0, 1)),
    "logsigmoid": _plain(F.logsigmoid),
    "softplus": Named(lambda a: lambda z: F.softplus(z, a), 1.0),
    "softsign": _plain(F.softsign),
    "hardswish": _plain(lambda z: z * torch.clamp(z / 6 + 0.5, 0, 1)),
    "relu_squared": _plain(lambda z: F.relu(z) ** 2),
    "sin": Named(lambda a: lambda z: torch.sin(a * z), 1.0),
    "snake": Named(lambda a: lambda z: z + torch.sin(a * z) ** 2 / a, 1.0),
    "erf": _plain(torch.erf),
    "exp": _plain(torch.exp),
    "abs": _plain(torch.abs),
}

ALIASES = {
    "swish": "silu",
    "relu2": "relu_squared",
    "squared_relu": "relu_squared",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "log_sigmoid": "logsigmoid",
    "sine": "sin",
    "hard_tanh": "hardtanh",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
}

# Torch's own constants (torch.nn.init.calculate_gain), which are not all those of the second moment.
TORCH_GAINS = {
    **dict.fromkeys((name for name in LINEAR if name != "identity"), 1.0),
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}

# Modules whose function has a name: the name, and the attribute that is its parameter.
MODULES: dict[type[nn.Module], tuple[str, str | None]] = {
    nn.Identity: ("identity", None),
    nn.ReLU: ("relu", None),
    nn.LeakyReLU: ("leaky_relu", "negative_slope"),
    nn.ReLU6: ("relu6", None),
    nn.ELU: ("elu", "alpha"),
    nn.CELU: ("celu", "alpha"),
    nn.SELU: ("selu", None),
    nn.SiLU: ("silu", None),
    nn.Mish: ("mish", None),
    nn.Tanh: ("tanh", None),
    nn.Tanhshrink: ("tanhshrink", None),
    nn.Sigmoid: ("sigmoid", None),
    nn.Hardsigmoid: ("hardsigmoid", None),
    nn.LogSigmoid: ("logsigmoid", None),
    nn.Softsign: ("softsign", None),
    nn.Hardswish: ("hardswish", None),
}

FUNCTIONS: dict[Callable[..., Any], str] = {
    function: name
    for name, functions in {
        "relu": (F.relu, torch.relu),
        "leaky_relu": (F.leaky_relu,),
        "relu6": (F.relu6,),
        "elu": (F.elu,),
        "celu": (F.celu, torch.celu),
        "selu": (F.selu, torch.selu),
        "gelu": (F.gelu,),
        "silu": (F.silu,),
        "mish": (F.mish,),
        "tanh": (F.tanh, torch.tanh),
        "sigmoid": (F.sigmoid, torch.sigmoid),
        "hardtanh": (F.hardtanh,),
        "hardsigmoid": (F.hardsigmoid,),
        "hardswish": (F.hardswish,),
        "softplus": (F.softplus,),
        "logsigmoid": (F.logsigmoid,),
        "softsign": (F.softsign,),
        "tanhshrink": (F.tanhshrink,),
    }.items()
    for function in functions
}
