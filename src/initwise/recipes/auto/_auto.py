"""`auto`: from usage, and the second moments along the graph, to a decision and its reason."""

from __future__ import annotations

import math
from collections.abc import Callable

from initwise.gains import gain
from initwise.initializers import (
    Constant,
    Keep,
    Normal,
    Ones,
    Orthogonal,
    PerBlock,
    VarianceScaling,
    Zeros,
)
from initwise.model import Parameter, Reading, Usage
from initwise.recipes._by_type import expert_kernel
from initwise.recipes._rates import rate, time_step
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes._residual import Writers
from initwise.recipes.auto._walk import Walk, walked
from initwise.recipes.auto._weight import LOGITS, POSITION, SMALL, TIED, Weight, is_query

SLOPE = 0.25
WRITTEN_OUT = ("gelu", "gelu_tanh", "quick_gelu", "silu", "mish", "relu_squared", "hardswish", "softplus")
SCALES = {"logit_scale": math.log(10)}


def _decide(reading: Reading) -> Callable[[Parameter], Decision]:
    walk = walked(reading) if reading.roles is not None else None
    writers = Writers(reading) if walk is None else None

    def decide(parameter: Parameter) -> Decision:
        usage = parameter.usage
        if usage is None or usage.role == "unused":
            return None
        if usage.role in ("weight", "recurrent"):
            return _matrix(parameter, usage, reading, walk, writers)
        return _other(parameter, usage, walk)

    return decide


def _matrix(
    parameter: Parameter, usage: Usage, reading: Reading, walk: Walk | None, writers: Writers | None
) -> Decision:
    if usage.role == "recurrent":
        each = " per gate" if usage.blocks else ""
        return Orthogonal(), f"{_subject(parameter)}, recurrent: orthogonal{each} (Saxe et al. 2013)"
    decided = _weight_of(parameter, reading, walk)
    kernel = expert_kernel(parameter) if parameter.axes is None else None
    if kernel is not None:
        std = math.sqrt((decided.scale if decided is not None else 1.0) / math.prod(kernel[1:]))
        why = f"{_subject(parameter)}: each row a kernel of fan_in {math.prod(kernel[1:])}"
        return Normal(std=std), f"{why}; {_words(decided, usage)}" if decided is not None else why
    if parameter.axes is None and parameter.ndim < 2:
        return Keep(), f"{_subject(parameter)}: kept as its module sets it, a number without fans"
    if decided is not None:
        return VarianceScaling(decided.scale), f"{_subject(parameter)} {_words(decided, usage)}"
    writer = writers.of(parameter) if writers is not None else None
    if writer is not None:
        count = 2 * writer.layers
        why = f"{_subject(parameter)}, by its name 1 of {count} writers into the stream: / {math.sqrt(count):.4g}"
        return VarianceScaling(1 / count), why
    return VarianceScaling(1.0), f"{_subject(parameter)}, by its module's type: what comes in is taken as rms 1"


def _weight_of(parameter: Parameter, reading: Reading, walk: Walk | None) -> Weight | None:
    """Return the decision about a weight; one that the pass did not reach is treated as a sibling that it did."""
    if walk is None:
        return None
    found = walk.weights.get(parameter.name)
    if found is None and parameter.usage is not None and parameter.usage.source == "trace":
        line = parameter.usage.line
        found = next(
            (
                weight
                for name, weight in walk.weights.items()
                if reading[name].usage is not None
                and reading[name].usage.line == line  # type: ignore[union-attr]
                and reading[name].shape == parameter.shape
                and reading[name].attribute == parameter.attribute
            ),
            None,
        )
    return found


def _words(weight: Weight, usage: Usage) -> str:
    known = weight.square is not None
    factor = 1 / math.sqrt(weight.square) if weight.square is not None else 1.0
    behind = f"follows {_named(usage.follows, weight.square)}" if usage.follows else "what comes in"
    words = [f"{behind}: gain {factor:.5g}" if known else f"{behind}, of unknown size taken as rms 1"]
    if weight.covered < 1:
        words.append(f"{weight.covered:.0%} of its window lies on the image")
    if weight.writer is not None:
        words.append(_written(weight))
    elif weight.target != 1.0:
        words.append(f"makes the model's output: std {math.sqrt(weight.target):.3g} there")
    return "; ".join(words)


def _named(follows: str, square: float | None) -> str:
    """Return the name of an activation that a model writes out, found by its second moment."""
    if square is None or follows not in ("product", "a function"):
        return follows
    return next((name for name in WRITTEN_OUT if abs(gain(name) ** -2 - square) < 1e-6), follows)


def _written(weight: Weight) -> str:
    assert weight.writer is not None  # noqa: S101 - the caller has looked
    count = weight.writers * weight.share
    said = f"1 of {count} writers into the stream"
    if weight.closed:
        return f"{said}, scaled by the norm that closes the branch"
    level = "" if abs(weight.level - 1) < 0.005 else f", which starts at rms {math.sqrt(weight.level):.4g}"
    return f"{said}: / {math.sqrt(count):.2f}{level}"


def _other(parameter: Parameter, usage: Usage, walk: Walk | None) -> Decision:
    subject = _subject(parameter)
    role = usage.role
    if role == "embedding":
        return _embedding(parameter, usage, walk)
    if role == "bias":
        return _bias(parameter, usage)
    if role == "norm_bias":
        return Zeros(), f"{subject}: zero"
    if role == "norm_weight":
        return _norm(parameter, usage, walk)
    if role == "slope":
        return Constant(SLOPE), f"{subject}: {SLOPE} (He et al. 2015)"
    if role == "scale":
        return (rate(parameter) if parameter.attribute == "D" else None) or (
            Ones(),
            f"{subject}: one, so that it changes nothing",
        )
    if role == "position":
        std = walk.deviations.get(parameter.name) if walk is not None else None
        what = "of what it is added to" if std is not None else "of a signal of rms 1"
        return Normal(std=std or POSITION), f"{subject}: half the rms {what}, as positions and tokens of GPT-2"
    if role == "token" and usage.source == "trace" and is_query(parameter):
        return Normal(), f"{subject}: N(0, 1), a learned query, as in DETR"
    if role == "token":
        return Normal(std=SMALL), f"{subject}: N(0, {SMALL}²), a token of its own, as in ViT and BERT"
    if role == "table":
        return Normal(std=SMALL), f"{subject}: N(0, {SMALL}²), added to attention scores, as in Swin"
    return _rate(parameter)


def _rate(parameter: Parameter) -> Decision:
    known = rate(parameter)
    if known is not None:
        return known
    subject = _subject(parameter)
    if parameter.attribute in SCALES:
        return Constant(SCALES[parameter.attribute]), f"{subject}: ln 10, a temperature of 0.1"
    return (
        Keep(),
        f"{subject} enters through {parameter.operation or 'a curve'}: kept as its module's constructor sets it",
    )


def _embedding(parameter: Parameter, usage: Usage, walk: Walk | None) -> Decision:
    subject = _subject(parameter)
    std = walk.deviations.get(parameter.name) if walk is not None else None
    if usage.output:
        if std is None:
            return Normal(std=SMALL), f"{subject}: N(0, {SMALL}²), tied to the output layer"
        width = parameter.shape[-1]
        said = f"also the output layer: logits of std {min(TIED, std * math.sqrt(width)):.3g}"
        return Normal(std=std), f"{subject}, {said}"
    if std is None or std == 1.0:
        return Normal(), f"{subject}: N(0, 1), rows of rms 1"
    return Normal(std=std), f"{subject}: rows of rms {std:.4g}, half of what they are added to, as positions of GPT-2"


def _bias(parameter: Parameter, usage: Usage) -> Decision:
    subject = _subject(parameter)
    if usage.activation == "softplus" and parameter.module_name.endswith("dt_proj"):
        return time_step(parameter)
    if usage.blocks is not None and "f" in usage.blocks.names:
        if parameter.attribute.startswith("bias_ih"):
            return PerBlock(f=Ones(), rest=Zeros()), f"{subject}: the forget gate starts open (Jozefowicz et al. 2015)"
        return Zeros(), f"{subject}: zero, the other bias holds the forget gate's one"
    return Zeros(), f"{subject}: zero"


def _norm(parameter: Parameter, usage: Usage, walk: Walk | None) -> Decision:
    subject = _subject(parameter)
    level = walk.norms.get(parameter.name, 1.0) if walk is not None else 1.0
    neutral = usage.neutral if usage.neutral is not None else 1.0
    added = ", since the norm adds one to it" if neutral == 0.0 else ""
    value = level - (1.0 - neutral)
    if level == 1.0:
        return (Zeros() if neutral == 0.0 else Ones()), f"{subject}: {'zero' if neutral == 0.0 else 'one'}{added}"
    return Constant(
        value
    ), f"{subject} closes a residual branch: scale {level:.4g}, 1 / sqrt(writers) of the stream{added}"


def _subject(parameter: Parameter) -> str:
    return f"{parameter.kind} {parameter.attribute}"


AUTO = Recipe(
    name="auto",
    summary="by usage: each weight keeps the second moment at one, given what precedes it; the default",
    source="He et al. 2015 (arXiv:1502.01852) for any operation; Radford et al. 2019 for residual streams",
    laws=(
        ("weights", "N(0, 1 / (fan_in * E x²)), x what comes in: 1 after a norm, gain² of the activation before it"),
        ("writers into a residual stream", "the same / sqrt(writers), from the stream's own level"),
        ("norms that close a residual branch", "1 / sqrt(writers), in place of the weight before them"),
        ("output layers", f"outputs of std {LOGITS:g}: a loss of ln C + 0.005"),
        (
            "embeddings",
            f"N(0, 1); tied to the output layer: what makes logits of std {TIED:g}, or less where rows are wide",
        ),
        ("positions", "half the rms of what they are added to (GPT-2's release: 0.01 beside 0.02)"),
        ("tokens, tables of relative positions", f"N(0, {SMALL}²)"),
        ("recurrent weights", "orthogonal per gate; the forget gate's biases sum to 1"),
        ("norms and scales", "neutral: 1, or 0 where the forward adds 1; biases 0"),
        ("state-space decays and time steps", "as in Mamba"),
    ),
    decide=_decide,
    needs_trace=True,
)
