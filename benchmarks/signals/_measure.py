"""Reality: sixteen seeds of real weights, a real forward and backward pass of each, and what a float64 pass says.

The passes are those of `initwise.signals.probe`: batch norms with the batch's statistics, dropout off, everything else
in evaluation mode; the loss is `classified`'s. `tests/test_signal_accuracy.py` measures with plain hooks of torch and
finds the same numbers.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor, nn

import initwise as iw
from benchmarks.signals._case import Case
from initwise.model import Example, Reading, as_example, read
from initwise.model.graph._structures import tensors
from initwise.signals import Event
from initwise.signals._modes import set_modes
from initwise.signals._objective import OWN, Start, classified
from initwise.signals._pass import Pass, run
from initwise.signals._row import WEIGHTED

SEEDS = 16
FOLDER = Path(__file__).with_name("measured")
_VANISHES = 1e-4  # in float64, by this factor of what float32 shows: rounding and nothing else
_LABELS = 2**22  # logits of all draws of labels together
Key = tuple[str, str, int, int]
"""(module, operation, call, n) as in `Signals.numbered`."""


@dataclass(frozen=True)
class Quantity:
    """A second moment over seeds.

    Attributes:
        value: the geometric mean; 0 where it is zero in all seeds.
        spread: the standard deviation of its logarithm; infinite where it is zero in some seeds only, or not finite.
        rounding: in exact arithmetic it is zero; what is measured are errors of float32.
        other: what one more seed shows, as a prediction that knows everything but the seed.
    """

    value: float
    spread: float = 0.0
    rounding: bool = False
    other: float | None = None


@dataclass(frozen=True)
class Measured:
    """What the seeds show of one model.

    Attributes:
        name, recipe: of the case.
        forward, backward: the weight operations' outputs, and the gradients of them.
        weights: the gradients of parameters.
        loss: the mean of the loss, with its spread; None where the model has none. A cross entropy with random labels
            is a mean over many draws of labels: with those of two images only, 16 seeds tell it to 0.2 nats and not to
            0.05, and its expectation is the same.
    """

    name: str
    recipe: str
    loss: Quantity | None = None
    forward: dict[Key, Quantity] = field(default_factory=dict)
    backward: dict[Key, Quantity] = field(default_factory=dict)
    weights: dict[str, Quantity] = field(default_factory=dict)


Numbers = dict[Any, float]


@dataclass(frozen=True)
class Seed:
    """What one pass shows; what gets no gradient is missing."""

    forward: Numbers
    backward: Numbers
    weights: Numbers
    loss: float | None


def build(case: Case) -> nn.Module:
    """Build a model; what no plan draws is the same each time."""
    torch.manual_seed(0)
    return case.build()


def measure(case: Case, seeds: int = SEEDS) -> Measured:
    """Measure a model with seeds 1 to `seeds`, seed 0 as one more, and the last once more in float64."""
    model, inputs = build(case), case.inputs()
    set_modes(model)
    example = as_example(inputs, model)
    found = []
    for seed in range(seeds + 1):
        iw.apply(model, iw.plan(model, case.recipe, seed=seed, inputs=inputs))
        found.append(one(model, example))
    return gathered(case, found[1:], found[0], _exact(model, example))


def one(model: nn.Module, example: Example) -> Seed:
    """Return what one pass of a model with its weights shows."""
    reading = read(model)
    losses: list[float | None] = []
    tokens = any(not each.is_floating_point() for each in tensors((example.args, example.kwargs)))

    def loss(output: Any) -> Tensor:
        start = classified(output, None, tokens=tokens)
        if start.scalar is None:
            raise RuntimeError(f"nothing of {type(model).__name__}'s output is trained")
        losses.append(_loss(output, start, tokens=tokens))
        return start.scalar

    return _seed(run(model, reading, example, loss, record=True), reading, losses[-1])


@torch.no_grad()
def _loss(output: Any, start: Start, *, tokens: bool) -> float | None:
    """Return the loss; a cross entropy as the mean over draws of random labels."""
    if start.loss is None or start.words == OWN:
        return None if start.loss is None else float(start.loss)
    largest = max(each.numel() for each in tensors(output))
    draws = max(8, min(256, _LABELS // largest))
    found = [classified(output, None, tokens=tokens, seed=1000 + draw).loss for draw in range(draws)]
    return fmean(float(each) for each in found if each is not None)


def _seed(passed: Pass, reading: Reading, loss: float | None) -> Seed:
    layers = dict(_layers(passed.events))
    arrived = {key: each.grad_second_moment for key, each in layers.items() if each.grad_second_moment is not None}
    gradients = {name: each for name, each in passed.gradients.items() if each is not None}
    return Seed(
        {key: each.second_moment for key, each in layers.items()},
        arrived,
        {each.name: _square(gradients[each.name]) for each in reading.parameters if each.name in gradients},
        loss,
    )


def _layers(events: Iterable[Event]) -> Iterable[tuple[Key, Event]]:
    """Number the operations, and return those that multiply the signal with a weight."""
    counts: Counter[tuple[str, str, int]] = Counter()
    for event in events:
        key = (event.module, event.operation, event.call)
        if event.parameters and event.operation in WEIGHTED:
            yield (*key, counts[key]), event
        counts[key] += 1


def _square(gradient: Tensor) -> float:
    return float(gradient.detach().double().square().mean())


def _exact(model: nn.Module, example: Example) -> Seed | None:
    """Repeat a pass in float64; None for models that insist on float32."""
    try:
        return one(model.double(), example)
    except (RuntimeError, iw.InitwiseError):
        return None


def gathered(case: Case, seeds: Sequence[Seed], other: Seed, exact: Seed | None) -> Measured:
    """Return geometric means and spreads over seeds."""
    losses = [each.loss for each in seeds if each.loss is not None]
    loss = Quantity(fmean(losses), _spread(losses), other=other.loss) if losses else None

    def all_of(kind: str) -> dict[Any, Quantity]:
        last, more = getattr(seeds[-1], kind), getattr(other, kind)
        doubles = last if exact is None else getattr(exact, kind)
        keys = dict.fromkeys(key for seed in seeds for key in getattr(seed, kind))
        return {
            key: quantity(
                [getattr(seed, kind).get(key, 0.0) for seed in seeds],
                rounding=doubles.get(key, 0.0) < _VANISHES * last.get(key, 0.0),
                other=more.get(key),
            )
            for key in keys
        }

    return Measured(case.name, case.recipe, loss, all_of("forward"), all_of("backward"), all_of("weights"))


def quantity(values: Sequence[float], *, rounding: bool = False, other: float | None = None) -> Quantity:
    """Return the geometric mean of second moments over seeds, and their spread."""
    if not any(values):
        return Quantity(0.0, other=other)
    if not all(0 < each < math.inf for each in values):
        return Quantity(fmean(values), math.inf, rounding, other)
    return Quantity(math.exp(fmean(map(math.log, values))), _spread(values), rounding, other)


def _spread(values: Sequence[float]) -> float:
    return stdev(map(math.log, values)) if len(values) > 1 else 0.0


def save(measured: Measured, case: Case) -> None:
    """Write a measurement, the same bytes for the same numbers."""
    kinds = {kind: _packed(getattr(measured, kind)) for kind in ("forward", "backward", "weights")}
    loss = None if measured.loss is None else _rounded(measured.loss)
    words = json.dumps({"name": case.name, "recipe": case.recipe, "loss": loss, **kinds}, separators=(",", ":"))
    FOLDER.mkdir(exist_ok=True)
    _path(case).write_bytes(gzip.compress(words.encode(), mtime=0))


def load(case: Case) -> Measured | None:
    """Read a measurement; None where there is none of this model with this recipe."""
    if not _path(case).exists():
        return None
    data = json.loads(gzip.decompress(_path(case).read_bytes()))
    if data["recipe"] != case.recipe:
        return None
    kinds = {kind: _unpacked(data[kind], kind) for kind in ("forward", "backward", "weights")}
    return Measured(data["name"], data["recipe"], data["loss"] and Quantity(*data["loss"]), **kinds)


def _path(case: Case) -> Path:
    return FOLDER / f"{case.slug}.json.gz"


def _packed(quantities: dict[Any, Quantity]) -> list[list[Any]]:
    return [[key if isinstance(key, str) else list(key), *_rounded(each)] for key, each in quantities.items()]


def _unpacked(rows: list[list[Any]], kind: str) -> dict[Any, Quantity]:
    return {key if kind == "weights" else tuple(key): Quantity(*numbers) for key, *numbers in rows}


def _rounded(each: Quantity) -> list[Any]:
    return [
        value if isinstance(value, bool) or value is None else float(f"{value:.5g}") for value in asdict(each).values()
    ]
