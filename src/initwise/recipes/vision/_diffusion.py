"""`dit` and `unet-zero`: diffusion models whose residual branches start at zero."""

from __future__ import annotations

import math
import re

from torch import nn
from torch.nn.modules.conv import _ConvNd

from initwise.errors import ArgumentError
from initwise.initializers import Keep, Normal, Uniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    NORM_LAWS,
    Decide,
    is_convolution,
    layer_default,
    role_of,
    subject,
    supporting,
    xavier,
)
from initwise.recipes.vision._residual import branches, doubts

_EMBED = Normal(std=0.02)
_MODULATION = re.compile(r"ada_?(ln|layer_?norm)|modulation", re.IGNORECASE)
_TIME = re.compile(r"(^|\.)(t|time|timestep|time_text)_?(embed|emb|mlp)", re.IGNORECASE)
_FINAL = re.compile(r"(^|\.)(final_layer|final|out|outc|proj_out(_2)?|conv_out|final_conv|out_conv|head)(\.|$)")
_ATTENTION = re.compile(r"attention|attn", re.IGNORECASE)
_PROJECTIONS = ("proj_out", "to_out", "to_out.0", "out_proj", "proj", "proj_attn")


def _dit(reading: Reading) -> Decide:
    modulation = _modulations(reading)
    final = _final(reading, (nn.Linear, _ConvNd))

    def decide(parameter: Parameter) -> Decision:
        role, name = role_of(parameter), subject(parameter)
        if role == "position" or (parameter.role is None and "pos" in parameter.attribute):
            return Keep(), f"{name}: sine and cosine positions, left as the model computes them"
        if parameter.module_name in modulation and role in ("weight", "bias"):
            return Zeros(), f"{name}, last of adaLN: zero, so that the block starts as the identity"
        if parameter.module_name == final and role in ("weight", "bias"):
            return Zeros(), f"{name}, final layer: zero"
        if role == "embedding" or (role == "weight" and _TIME.search(parameter.module_name)):
            return _EMBED, f"{name} of a condition: N(0, 0.02²)"
        if role == "weight":
            return _patches(parameter) if is_convolution(parameter) else xavier(parameter)
        return supporting(parameter)

    return decide


def _modulations(reading: Reading) -> frozenset[str]:
    """Return the linear layers that make the shifts, scales and gates of adaLN: the last one of each modulation.

    Setting an earlier one to zero as well would leave both without a gradient.
    """
    last: dict[str, str] = {}
    for name, module in reading.modules.items():
        if isinstance(module, nn.Linear) and (owner := _modulation_of(name, reading)) is not None:
            last[owner] = name
    found = frozenset(last.values())
    if not found:
        raise ArgumentError(
            "no adaLN modulation is found (a linear layer under a name with adaLN or modulation), "
            "and without it adaLN-Zero has nothing to set to zero. Use 'vit', or write rules"
        )
    return found


def _modulation_of(name: str, reading: Reading) -> str | None:
    """Return the modulation that a layer belongs to: by a name on its path, or by the class that owns it."""
    segments = name.split(".")
    named = next((index for index, segment in enumerate(segments) if _MODULATION.search(segment)), None)
    if named is not None:
        return ".".join(segments[: named + 1])
    owner = ".".join(segments[:-1])
    return name if _MODULATION.search(type(reading.modules.get(owner)).__name__) else None


def _patches(parameter: Parameter) -> Decision:
    """Xavier uniform over the kernel seen as a matrix (out, in * kernel), as a linear layer over patches."""
    fan_out, fan_in = parameter.shape[0], math.prod(parameter.shape[1:])
    bound = math.sqrt(6 / (fan_in + fan_out))
    return Uniform(-bound, bound), f"{subject(parameter)}: Xavier uniform as a linear layer over patches"


def _final(reading: Reading, kinds: tuple[type[nn.Module], ...]) -> str:
    """Return the layer that makes the output: as a trace saw it, else the last one under a name for it."""
    traced = [
        parameter.module_name
        for parameter in reading.parameters
        if parameter.role == "weight" and parameter.usage is not None and parameter.usage.output
    ]
    named = [
        name
        for name, module in reading.modules.items()
        if isinstance(module, kinds) and _FINAL.search(name) and not _MODULATION.search(name) and _top(name)
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


DIT = Recipe(
    name="dit",
    summary="adaLN-Zero: Xavier uniform; modulations and final layer zero, so that each block is the identity",
    source="Peebles, Xie 2022 (arXiv:2212.09748) and the authors' code",
    laws=(
        ("linear layers", "U(±sqrt(6 / (fan_in + fan_out))), for query, key and value each"),
        ("patch kernel", "the same, seen as a linear layer over patches"),
        ("embeddings of labels, MLP of the time step", "N(0, 0.02²)"),
        ("last layer of each adaLN modulation, final layer", "weight and bias 0"),
        ("biases", "0"),
        ("positions", "left as the model computes them"),
        *NORM_LAWS,
    ),
    decide=_dit,
)


def _unet(reading: Reading) -> Decide:
    default = layer_default(reading)
    zero = dict.fromkeys((branch.writer.rpartition(".")[0] for branch in branches(reading)), "convolution")
    zero |= dict.fromkeys(_projections(reading), "attention output")
    zero[_final(reading, (_ConvNd,))] = "final convolution"

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
