"""`unet-zero`: diffusion U-Nets whose residual branches start at zero."""

from __future__ import annotations

import re

from torch import nn
from torch.nn.modules.conv import _ConvNd

from initwise.initializers import Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    Decide,
    layer_default,
    role_of,
    subject,
    supporting,
)
from initwise.recipes.vision._output import output_layer
from initwise.recipes.vision._residual import branches, doubts

_ATTENTION = re.compile(r"attention|attn", re.IGNORECASE)
_PROJECTIONS = ("proj_out", "to_out", "to_out.0", "out_proj", "proj", "proj_attn")


def _unet(reading: Reading) -> Decide:
    default = layer_default(reading)
    zero = dict.fromkeys((branch.writer.rpartition(".")[0] for branch in branches(reading)), "convolution")
    zero |= dict.fromkeys(_projections(reading), "attention output")
    zero[output_layer(reading, (_ConvNd,))] = "final convolution"

    def decide(parameter: Parameter) -> Decision:
        role = role_of(parameter)
        if role in ("weight", "bias"):
            if parameter.module_name in zero:
                return Zeros(), f"{subject(parameter)}, {_WHAT[zero[parameter.module_name]]}: zero"
            return default(parameter) or supporting(parameter)
        return supporting(parameter)

    return decide


_WHAT = {
    "convolution": "last convolution of a residual branch",
    "attention output": "output projection of attention",
    "final convolution": "final convolution",
}


def _projections(reading: Reading) -> list[str]:
    """Return the layers that write an attention's output into the stream."""
    layers = (nn.Linear, _ConvNd)
    return [
        f"{name}.{inner}" if name else inner
        for name, module in reading.modules.items()
        if _ATTENTION.search(type(module).__name__)
        for inner in _PROJECTIONS
        if isinstance(reading.modules.get(f"{name}.{inner}" if name else inner), layers)
    ]


def _warnings(reading: Reading) -> tuple[str, ...]:
    attention = [name for name, module in reading.modules.items() if _ATTENTION.search(type(module).__name__)]
    silent = [name for name in attention if not any(found.startswith(f"{name}.") for found in _projections(reading))]
    outer = [name for name in silent if not any(other.startswith(f"{name}.") for other in attention if other != name)]
    said = (f"no output projection is found in {', '.join(outer)}; add rules that set it to zero",) if outer else ()
    return (*said, *doubts(reading))


UNET_ZERO = Recipe(
    name="unet-zero",
    summary="diffusion U-Net: last convolution of each residual block, attention outputs and final convolution zero",
    source="Ho, Jain, Abbeel 2020 (arXiv:2006.11239); Dhariwal, Nichol 2021 (arXiv:2105.05233), zero_module",
    laws=(
        ("last convolution of each residual branch", "weight and bias 0"),
        ("output projections of attention", "weight and bias 0"),
        ("final convolution", "weight and bias 0"),
        ("other convolutions and linear layers", "weight and bias as torch.nn draws them: U(±1/sqrt(fan_in))"),
        ("embeddings", "N(0, 1)"),
        *NORM_LAWS,
    ),
    decide=_unet,
    warnings=_warnings,
)
