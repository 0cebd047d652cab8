"""Norm weights and biases that were drawn, where a norm starts as one that changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from initwise.findings import Finding, found
from initwise.lints._gather import together
from initwise.lints._subject import Subject
from initwise.model import Parameter
from initwise.statistics import Sample

_FEWEST = 8
_APART = 3  # so many findings are told one by one
_CERTAIN = 5.0  # standard errors
_NEAR = 3.5  # N(0.1, 0.1), which RepVGG draws, is another law than one around zero
_SPREAD = 0.15  # a weight drawn around its neutral value as narrowly as this does no harm: DCGAN has N(1, 0.02)


def drawn_norms(subject: Subject) -> Iterator[Finding]:
    """INI110: a norm's weight or bias is a sample of some law, and the norm is not a trained one.

    Most often one loop drew all norms of a model, so that many are told together.
    """
    weights: list[Finding] = []
    biases: list[Finding] = []
    for weight, bias in _pairs(subject):
        told = _weight(subject, weight, bias) if weight is not None else None
        if weight is not None and told is not None:
            weights.append(_finding(subject, weight, told, _neutral(weight)))
        if bias is not None and _is_drawn_bias(subject, weight, bias, weight_drawn=told is not None):
            biases.append(_finding(subject, bias, "it was drawn, and the norm's weight was not trained", 0.0))
    for found_ in (weights, biases):
        yield from found_ if len(found_) <= _APART else [together(found_)]


def _pairs(subject: Subject) -> Iterator[tuple[Parameter | None, Parameter | None]]:
    """Yield weight and bias of each norm."""
    norms: dict[int, dict[str, Parameter]] = {}
    for parameter in subject.parameters:
        if parameter.role in {"norm_weight", "norm_bias"} and subject.sample(parameter).finite:
            norms.setdefault(id(parameter.module), {})[parameter.role] = parameter
    for found_ in norms.values():
        yield found_.get("norm_weight"), found_.get("norm_bias")


def _weight(subject: Subject, weight: Parameter, bias: Parameter | None) -> str | None:
    """Return why a norm's weight was drawn, or None."""
    sample, neutral = subject.sample(weight), _neutral(weight)
    if sample.constant or sample.count < _FEWEST:
        return None
    error = sample.std / math.sqrt(sample.count)
    if neutral != 0.0 and abs(sample.mean) <= _NEAR * error and _has_both_signs(sample):
        return f"it was drawn around 0, and a norm that changes nothing has {neutral:g}"
    if sample.count >= 4 * _FEWEST and neutral == 1.0 and _is_uniform_from_zero(sample):
        return "it was drawn uniformly between 0 and 1"
    untrained = bias is not None and bias.requires_grad and subject.sample(bias).zero
    near = abs(sample.mean - neutral) <= _CERTAIN * error and sample.std <= _SPREAD
    if untrained and not near:
        return "it was drawn, and the norm's bias was not trained"
    return None


def _is_drawn_bias(subject: Subject, weight: Parameter | None, bias: Parameter, *, weight_drawn: bool) -> bool:
    sample = subject.sample(bias)
    if sample.constant or sample.count < _FEWEST or weight is None:
        return False
    of_weight = subject.sample(weight)
    if of_weight.constant and weight.requires_grad:  # training moves both
        return True
    return weight_drawn and math.isclose(of_weight.std, sample.std, rel_tol=0.25)


def _has_both_signs(sample: Sample) -> bool:
    negative = float((sample.some < 0).double().mean())
    return 0.3 <= negative <= 0.7


def _is_uniform_from_zero(sample: Sample) -> bool:
    low, high, count = sample.moments.low, sample.moments.high, sample.count
    edge = 10.0 / count  # the extremes of so many uniform numbers lie as near to the ends but for 1 in 20,000
    uniform = abs(sample.std - 1 / math.sqrt(12)) <= _CERTAIN * 0.45 / math.sqrt(12 * count)
    return uniform and 0.0 <= low <= edge and 1.0 - edge <= high <= 1.0


def _neutral(weight: Parameter) -> float:
    return 1.0 if weight.usage is None or weight.usage.neutral is None else weight.usage.neutral


def _finding(subject: Subject, parameter: Parameter, said: str, neutral: float) -> Finding:
    sample = subject.sample(parameter)
    return found(
        "INI110",
        parameter.name,
        f"{'weight' if parameter.role == 'norm_weight' else 'bias'} of a {parameter.kind}: {said}",
        f"mean {sample.mean:.3g}, std {sample.std:.3g}",
        f"{neutral:g} everywhere",
    )
