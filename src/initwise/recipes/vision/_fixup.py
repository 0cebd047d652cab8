"""`fixup`: residual networks without norms."""

from __future__ import annotations

import math

from initwise.initializers import KaimingNormal, Ones, VarianceScaling, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import Decide, is_convolution, role_of, subject, supporting
from initwise.recipes.vision._residual import branches, doubts

_SCALES = ("scale", "mult", "gain", "alpha")


def _decide(reading: Reading) -> Decide:
    found = branches(reading)
    depth = len(found)
    last = {branch.writer: branch.block for branch in found}
    layers = {name: len(branch.weights) for branch in found for name in branch.weights}
    classifier = _classifier(reading)

    def decide(parameter: Parameter) -> Decision:
        name = parameter.name
        if name in last:
            return Zeros(), f"{subject(parameter)}, last layer of the residual branch of {last[name]}: zero"
        if parameter is classifier or parameter.module_name == getattr(classifier, "module_name", None):
            return Zeros(), f"{subject(parameter)} of the classifier: zero"
        if role_of(parameter) == "weight" and name in layers:
            return _within(parameter, depth, layers[name])
        if role_of(parameter) == "weight":
            return KaimingNormal(mode="fan_out"), f"{subject(parameter)}: N(0, 2 / fan_out)"
        return _scalar(parameter) or supporting(parameter)

    return decide


def _within(parameter: Parameter, depth: int, layers: int) -> Decision:
    """He's law, with the std times depth^(-1 / (2 * layers - 2))."""
    scale = 2.0 * depth ** (-1 / (layers - 1))
    factor = math.sqrt(scale / 2)
    why = (
        f"{subject(parameter)}: sqrt(2 / fan_out) * {depth} branches^(-1 / (2 * {layers} layers - 2)) = * {factor:.4g}"
    )
    return VarianceScaling(scale, "fan_out", "normal"), why


def _scalar(parameter: Parameter) -> Decision:
    """The scalar biases and multipliers that Fixup puts where norms were."""
    if parameter.numel() != 1 or parameter.role is not None:
        return None
    name = ".".join(parameter.name.split(".")[-2:])  # the attribute, or its place in a list
    if "bias" in name:
        return Zeros(), f"{subject(parameter)}, a scalar bias: zero"
    if any(word in name for word in _SCALES):
        return Ones(), f"{subject(parameter)}, a scalar multiplier: one"
    return None


def _classifier(reading: Reading) -> Parameter | None:
    """Return the weight that makes the output: as a trace saw it, else the last linear layer."""
    weights = [parameter for parameter in reading.parameters if role_of(parameter) == "weight"]
    traced = [parameter for parameter in weights if parameter.usage is not None and parameter.usage.output]
    linear = [parameter for parameter in weights if not is_convolution(parameter)]
    found = traced or linear
    return found[-1] if found else None


def _warnings(reading: Reading) -> tuple[str, ...]:
    found = [
        "Fixup needs a scalar multiplier (one) at the end of each residual branch and a scalar bias (zero) before each "
        "convolution, linear layer and activation; an initialization cannot add them"
    ]
    norms = sum(parameter.role == "norm_weight" for parameter in reading.parameters)
    if norms:
        found.append(f"the model has {norms} norms, which Fixup replaces; its scaling is meant for a network without")
    if _classifier(reading) is None:
        found.append("no linear layer is found that classifies; Fixup sets the classifier to zero")
    return (*found, *doubts(reading))


FIXUP = Recipe(
    name="fixup",
    summary="residual networks without norms: He normal shrunk with depth inside branches, zero at their ends",
    source="Zhang, Dauphin, Ma 2019 (arXiv:1901.09321) and the authors' code, which takes fan_out",
    laws=(
        ("last layer of each residual branch, classifier", "0"),
        ("other layers of a branch", "N(0, 2 / fan_out), std * L^(-1 / (2m - 2)): L branches, m layers in this one"),
        ("other weights", "N(0, 2 / fan_out)"),
        ("scalar multipliers", "1"),
        ("biases", "0"),
    ),
    decide=_decide,
    warnings=_warnings,
)
