"""What the faults are made with: a function that builds a model with or without the fault becomes a case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.faults.case import Case, Tool

SEED = 11
Build = Callable[[bool], nn.Module]  # True: without the fault
ANY = iw.Where(lambda parameter: True)


def fault(
    family: str,
    source: str,
    labels: tuple[str, ...],
    codes: tuple[str, ...],
    *,
    inputs: Callable[[], Any] | None = None,
    loss: Callable[[Any], Any] | None = None,
    tool: Tool = "check",
    plan: Callable[[nn.Module], Any] | None = None,
) -> Callable[[Build], Case]:
    """Make a case of a function: its name is the case's, its docstring the fault, its argument asks for the twin."""

    def case(build: Build) -> Case:
        name = build.__name__.replace("_", "-")
        about = " ".join((build.__doc__ or "").split())
        make = partial(_seeded, build)
        twin = partial(make, True)
        faulty = partial(make, False)
        return Case(name, family, source, about, faulty, twin, labels, codes, inputs, loss, tool, plan)

    return case


def _seeded(build: Build, mended: bool) -> nn.Module:
    torch.manual_seed(SEED)
    return build(mended)


def claims(*rules: iw.Rule) -> Callable[[nn.Module], Any]:
    """The plan that a model's code claims to follow: these rules; what they do not speak of is left alone."""
    return lambda model: iw.plan(model, [*rules, iw.rule(ANY, iw.Keep())], seed=0)


@torch.no_grad()
def put(parameter: Tensor, values: Tensor) -> None:
    """Write these values, as a loader or an allocator would leave them there."""
    parameter.copy_(values)


@torch.no_grad()
def scale(parameter: Tensor, factor: float) -> None:
    """Multiply in place."""
    parameter.mul_(factor)


def normal(root: nn.Module, std: float, *kinds: type[nn.Module]) -> None:
    """Weights of these kinds (all linear layers and embeddings if none is named) from N(0, std ** 2), biases zero."""
    for module in root.modules():
        if isinstance(module, kinds or (nn.Linear, nn.Embedding)):
            for name, parameter in module.named_parameters(recurse=False):
                nn.init.zeros_(parameter) if name == "bias" else nn.init.normal_(parameter, std=std)


def calm(layer: nn.Module) -> None:
    """A last layer whose logits are small: the loss starts near ln C."""
    weight = layer.get_parameter("weight")
    nn.init.normal_(weight, std=0.1 * weight.shape[1] ** -0.5)
    nn.init.zeros_(layer.get_parameter("bias"))


def he(root: nn.Module) -> None:
    """Weights of linear layers and convolutions by He's rule for ReLU, biases zero."""
    for module in root.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
