"""The cross-entropy that a classifier with Gaussian logits starts from."""

from __future__ import annotations

import math

import numpy as np

from initwise._arguments import Arguments

_ORDER, _STEP = 200, 0.05


def expected_loss(classes: int, logit_variance: float) -> float:
    """Return E[ln sum exp x] for `classes` independent logits x ~ N(0, s^2), which no label knows.

    It is the integral over u of exp(-e^u) - L(e^u)^classes, with L(t) = E exp(-t e^x), for any classes and s^2.
    For small s it is ln C + s^2 / 2 - (exp(s^2) - 1) / (2 C).

    Raises:
        ArgumentError: no classes, a negative variance or one above 100.

    >>> round(expected_loss(50257, 768 * 0.02**2), 4)  # GPT-2 of 124M parameters
    10.9785
    """
    check = Arguments("expected_loss")
    count = check.integer("classes", classes, least=1)
    variance = check.number("logit_variance", logit_variance)
    if not 0 <= variance <= 100:
        check.refuse(f"logit_variance is {logit_variance}, and must be from 0 to 100")
    check.done()
    s = math.sqrt(variance)
    z = np.arange(-_ORDER, _ORDER + 1) * _STEP  # the trapezoidal rule, exact to rounding for what is analytic
    weights = np.exp(-z * z / 2)
    weights /= weights.sum()
    # ln sum is near ln C + s^2 / 2 or, for one logit above all others, near s sqrt(2 ln C).
    reach = math.log(count) + variance / 2 + 14 * s + 40
    u = np.arange(-reach, 8.0, _STEP)
    lost = np.expm1(-np.exp(np.minimum(u[:, None] + s * z, 700.0))) @ weights
    with np.errstate(divide="ignore"):
        survive = np.exp(count * np.log1p(np.maximum(lost, -1.0)))
    return float(((np.exp(-np.exp(u)) - survive) * _STEP).sum())
