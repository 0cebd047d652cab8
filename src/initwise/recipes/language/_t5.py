"""`t5`: each matrix by its fan_in, the query's also by the size of a head, since T5 does not scale its scores.

transformers gives the head of `T5ForTokenClassification`, which Mesh TensorFlow does not have, a std of 1: logits of
std sqrt(d_model). It is not copied; heads other than a language model's are drawn by fan_in.
"""

from __future__ import annotations

from initwise.errors import ArgumentError
from initwise.initializers import Constant, Normal
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.language._common import (
    SUPPORTING_LAWS,
    Decide,
    fan_in,
    is_drawn,
    layer_of,
    setting,
    subject,
    supporting,
    width,
)


def _decide(reading: Reading) -> Decide:
    model_width = width(reading)

    def decide(parameter: Parameter) -> Decision:
        factor = float(setting(reading, parameter, "initializer_factor") or 1.0)
        if not is_drawn(parameter):
            if parameter.role == "norm_weight" and factor != 1.0:
                return Constant(factor), f"{subject(parameter)}: the model's initializer_factor, {factor:g}"
            return supporting(parameter)
        std, words = _std(reading, parameter, model_width)
        words += f", times the model's initializer_factor {factor:g}" if factor != 1.0 else ""
        return Normal(std=factor * std), f"{subject(parameter)}: std = {words}"

    return decide


def _std(reading: Reading, parameter: Parameter, model_width: int | None) -> tuple[float, str]:
    if parameter.role == "table" or "relative_attention_bias" in parameter.module_name:
        if model_width is None:
            raise ArgumentError(f"{parameter.name!r} needs the model's width; it has no embedding")
        return model_width**-0.5, f"1 / sqrt({model_width} model)"
    inputs = fan_in(parameter)
    if parameter.role != "weight" or layer_of(parameter) == "lm_head" or inputs is None:
        return 1.0, "1"
    if layer_of(parameter) != "q":
        return inputs**-0.5, f"1 / sqrt({inputs} inputs)"
    head = _head(reading, parameter)
    return (inputs * head) ** -0.5, f"1 / sqrt({inputs} inputs * {head} a head), since scores are not scaled"


def _head(reading: Reading, parameter: Parameter) -> int:
    parent = reading.modules.get(parameter.module_name.rpartition(".")[0])
    size = getattr(parent, "key_value_proj_dim", None) or setting(reading, parameter, "d_kv")
    if not isinstance(size, int):
        raise ArgumentError(
            f"the size of a head is needed for {parameter.name!r} and not found "
            "(key_value_proj_dim of its attention, or d_kv of the configuration). "
            f"Add a rule: iw.rule({parameter.name!r}, iw.Normal(std=(d_model * d_kv) ** -0.5))"
        )
    return size


T5 = Recipe(
    name="t5",
    summary="N(0, 1 / fan_in), queries also divided by the head's size, embeddings N(0, 1)",
    source="Raffel et al. 2019 (arXiv:1910.10683), Mesh TensorFlow; transformers 5.23, models/t5",
    laws=(
        ("query", "N(0, 1 / (d_model * d_kv)): the scores are not divided by sqrt(d_kv)"),
        ("other weights", "N(0, 1 / fan_in)"),
        ("embeddings, and a head that is tied to them or not", "N(0, 1)"),
        ("relative position bias", "N(0, 1 / d_model)"),
        *SUPPORTING_LAWS,
    ),
    decide=_decide,
)
