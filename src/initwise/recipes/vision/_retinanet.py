"""`retinanet`: detection heads that start by calling everything background."""

from __future__ import annotations

import math
import re

from initwise.errors import ArgumentError
from initwise.initializers import Constant, LecunUniform, Normal, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.vision._common import (
    HE_FAN_OUT,
    NORM_LAWS,
    Decide,
    is_convolution,
    role_of,
    subject,
    supporting,
)
from initwise.recipes.vision._resnet import resnet

PRIOR = 0.01
PRIOR_BIAS = -math.log((1 - PRIOR) / PRIOR)
_CLASSIFIER = re.compile(r"(^|\.)(cls_logits|cls_score|class_embed|retina_cls|conv_cls|class_net\.predict)(\.|$)")
_HEAD = re.compile(r"(^|\.)(head|bbox_head|class_net|box_net|classification_head|regression_head)\.")
_PYRAMID = re.compile(r"(^|\.)(fpn|neck|bifpn)\.")


def _decide(reading: Reading) -> Decide:
    backbone = resnet(reading)
    if not any(_CLASSIFIER.search(parameter.module_name) for parameter in reading.parameters):
        raise ArgumentError(
            "no layer that scores classes is found (cls_logits, cls_score, class_embed, ...), "
            f"and the prior would be missing. Add a rule: iw.rule(NAME, bias=iw.Constant({PRIOR_BIAS:.6f}))"
        )

    def decide(parameter: Parameter) -> Decision:
        role, name = role_of(parameter), parameter.module_name
        if role not in ("weight", "bias"):
            return supporting(parameter)
        if role == "bias" and _CLASSIFIER.search(name):
            return Constant(PRIOR_BIAS), f"{subject(parameter)}: -ln((1 - π) / π) with π = {PRIOR}"
        if _HEAD.search(name) or _CLASSIFIER.search(name):
            return (
                (Normal(std=0.01), f"{subject(parameter)} of a head: N(0, 0.01²)")
                if role == "weight"
                else _zero(parameter)
            )
        if _PYRAMID.search(name) and is_convolution(parameter):
            return (
                (LecunUniform(), f"{subject(parameter)} of the pyramid: U(±sqrt(3 / fan_in))")
                if role == "weight"
                else _zero(parameter)
            )
        return backbone(parameter)

    return decide


def _zero(parameter: Parameter) -> Decision:
    return Zeros(), f"{subject(parameter)}: zero"


RETINANET = Recipe(
    name="retinanet",
    summary="detection heads N(0, 0.01), class scores with a prior of 0.01 in the bias; pyramid and backbone as usual",
    source="Lin, Goyal, Girshick, He, Dollár 2017 (arXiv:1708.02002); torchvision 0.28, detection/retinanet.py",
    laws=(
        ("class scores", "weight N(0, 0.01²), bias -ln((1 - π) / π) with π = 0.01: -4.595"),
        ("other convolutions of the heads", "weight N(0, 0.01²), bias 0"),
        ("feature pyramid", "weight U(±sqrt(3 / fan_in)), bias 0"),
        ("convolutions of the backbone", HE_FAN_OUT),
        *NORM_LAWS,
    ),
    decide=_decide,
)
