"""One model: initialized, run forward and backward once, and what the four goals ask measured on it."""

from __future__ import annotations

import math
import re
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import initwise as iw
from benchmarks.auto.probe import Place, Probe, Seen, places, watched
from initwise.model import Roles, as_example, graph_of, read
from initwise.model.graph import Operation
from initwise.model.graph._structures import mapped
from initwise.model.graph._vocabulary import RECURRENT

LOW, HIGH = 0.5, 2.0  # a weight's operation keeps the second moment if it lies between them
SHARE = 0.9  # of them that do
GROWTH = math.e  # of a stream's second moment, less than
LOSS = 0.15  # from ln C, at most
SPREAD = 10.0  # of gradients among layers of one role, less than
ROLE_WORDS = frozenset("conv fc linear dense proj mlp norm bn w cv branch expand reduce".split())


@dataclass(frozen=True)
class Weight:
    """A weight's operation: its parameter, where it stands, and what was measured.

    Attributes:
        kind: "writer" into a residual stream, "output" of the model, or "" for all others.
        role: what layers of one role in one stage share: name without numbers, shapes of output and kernel, whether it
            writes into a stream.
    """

    name: str
    operation: str
    kind: str
    role: tuple[Any, ...]
    square: float
    gradient: float | None

    @property
    def kept(self) -> bool:
        """Whether the output's second moment is near one."""
        return LOW <= self.square <= HIGH


@dataclass(frozen=True)
class Stream:
    """A residual stream: the second moment at its start and after each addition."""

    name: str
    start: float
    levels: tuple[float, ...]

    @property
    def growth(self) -> float:
        """The highest level over the first."""
        return max(self.levels) / self.start if self.start > 0 else math.inf


@dataclass(frozen=True)
class Spread:
    """Layers of one role in one stage: their gradients, smallest first."""

    role: str
    layers: tuple[tuple[str, float], ...]

    @property
    def ratio(self) -> float:
        """The largest over the smallest."""
        return self.layers[-1][1] / self.layers[0][1] if self.layers[0][1] > 0 else math.inf


@dataclass
class Result:
    """What one model gave.

    Attributes:
        excess: the loss, over all choices of classes, minus ln C; None where the model is no classifier.
        unseen: weights' operations and streams of the trace that the real pass did not show.
        cause: why nothing could be measured.
    """

    weights: list[Weight] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    spreads: list[Spread] = field(default_factory=list)
    excess: float | None = None
    classes: int = 0
    unseen: list[str] = field(default_factory=list)
    cause: str = ""
    seconds: float = 0.0

    @property
    def counted(self) -> list[Weight]:
        """The operations outside of residual streams."""
        return [weight for weight in self.weights if weight.kind != "writer"]

    @property
    def share(self) -> float:
        """The share of these that keep the second moment."""
        return sum(weight.kept for weight in self.counted) / max(1, len(self.counted))

    @property
    def hidden(self) -> float:
        """The share among those of them that do not make the model's output, whose size the loss decides."""
        inner = [weight for weight in self.counted if weight.kind != "output"]
        return sum(weight.kept for weight in inner) / max(1, len(inner))

    @property
    def growth(self) -> float | None:
        """The largest growth of a stream."""
        return max((stream.growth for stream in self.streams), default=None)

    @property
    def spread(self) -> float | None:
        """The largest ratio of gradients."""
        return max((spread.ratio for spread in self.spreads), default=None)

    def passed(self, *, hidden: bool = False) -> dict[str, bool]:
        """Whether each goal is met, that for outputs perhaps of hidden layers alone; one without a subject is."""
        ran = not self.cause
        share = self.hidden if hidden else self.share
        return {
            "outputs": ran and bool(self.counted) and share >= SHARE,
            "streams": ran and (self.growth is None or self.growth < GROWTH),
            "loss": ran and (self.excess is None or abs(self.excess) <= LOSS),
            "gradients": ran and (self.spread is None or self.spread < SPREAD),
        }


def measured(model: nn.Module, inputs: Any, recipe: str, *, seed: int = 0) -> Result:
    """Initialize `model` and measure it; a model that cannot be says why."""
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            iw.initialize(model, recipe, seed=seed, inputs=inputs)
            result = _run(model, inputs)
    except Exception as error:  # noqa: BLE001 - one model that fails is a line of the table
        result = Result(cause=f"{type(error).__name__}: {str(error).strip()[:1500]}")
    result.seconds = time.perf_counter() - started
    return result


def _run(model: nn.Module, inputs: Any) -> Result:
    example = as_example(inputs, model)
    roles = Roles(graph_of(read(model), example))
    found = _Found(roles)
    train_norms_only(model)
    args, kwargs = mapped(example.args, _given), mapped(example.kwargs, _given)
    with watched(model, found.wanted) as probe:
        output = _first(model(*args, **kwargs))
    loss, excess = random_loss(output)
    loss.backward()
    result = found.result(probe)
    result.excess = excess
    result.classes = output.shape[-1]
    return result


def train_norms_only(model: nn.Module) -> None:
    """Put batch norms into training mode and everything else into evaluation: no dropout, no dropped paths."""
    model.eval()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train()


def _given(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_().clone() if tensor.is_floating_point() else tensor


def _first(output: Any) -> Tensor:
    if isinstance(output, Tensor):
        return output
    found = getattr(output, "logits", None)
    return found if isinstance(found, Tensor) else _first(next(iter(output)))


def random_loss(output: Tensor) -> tuple[Tensor, float | None]:
    """Return cross entropy with random classes, and by how much its mean over all choices of classes exceeds ln C.

    Of images it is the mean square distance to noise, and there is no excess.
    """
    generator = torch.Generator().manual_seed(1)
    if output.dim() == 4:
        return (output - torch.randn(output.shape, generator=generator)).square().mean(), None
    logits = output.flatten(0, -2)
    classes = logits.shape[-1]
    fair = (logits.detach().logsumexp(-1) - logits.detach().mean(-1)).mean()
    return F.cross_entropy(logits, torch.randint(classes, logits.shape[:1], generator=generator)), float(
        fair
    ) - math.log(classes)


class _Found:
    """Which operations of a graph are to be measured, and what becomes of the measurements."""

    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self.graph = roles.graph
        self.places = places(roles.graph)
        self.names = dict(self._weights())
        self.wanted = {self.places[index] for index in self._operations()}

    def _weights(self) -> Iterator[tuple[int, str]]:
        for name, uses in self.roles.uses.items():
            for use in uses:
                if use.role == "weight" or (use.operation.name in RECURRENT and "weight_ih" in name):
                    yield use.operation.index, name

    def _operations(self) -> Iterator[int]:
        yield from self.names
        for stream in self.roles.residuals.streams:
            yield from stream.additions
            maker = self.graph.values[stream.start].maker
            if maker >= 0:
                yield maker

    def result(self, probe: Probe) -> Result:
        """Return what the probe saw."""
        result = Result()
        for index, name in sorted(self.names.items()):
            place = self.places[index]
            if place in probe.seen:
                result.weights.append(self._weight(self.graph.operations[index], name, probe.seen[place]))
            else:
                result.unseen.append(f"{name} in {place.name} of {place.module!r}")
        for stream in self.roles.residuals.streams:
            levels = [self._level(index, probe) for index in stream.additions]
            start = self._start(stream.start, probe)
            if start is None or None in levels:
                result.unseen.append(f"stream {stream.name}")
            else:
                result.streams.append(Stream(stream.name, start, tuple(level for level in levels if level is not None)))
        result.spreads = list(spreads(result.weights))
        return result

    def _weight(self, operation: Operation, name: str, seen: Seen) -> Weight:
        index, output = operation.index, operation.outputs[0]
        writer = index in self.roles.residuals.writers
        kind = "writer" if writer else "output" if self.roles.flow.is_output(output) else ""
        shape = self.roles.shapes[name]
        window = (shape[2:], shape[1] == 1) if operation.name.startswith("conv") else ()
        made = tuple(self.graph.values[output].tensor.shape)
        stage = re.findall(r"\d+", name)[:1] if set(made[2:]) == {1} else []  # the resolution is pooled away
        role = (role_of(name), made, window, writer, *stage)
        return Weight(name, operation.name, kind, role, seen.squares[0], seen.gradient)

    def _level(self, index: int, probe: Probe) -> float | None:
        seen = probe.seen.get(self.places[index])
        return seen.squares[0] if seen is not None else None

    def _start(self, value: int, probe: Probe) -> float | None:
        maker = self.graph.values[value].maker
        if maker < 0:
            return 1.0 if self.graph.values[value].kind == "input" else None  # inputs are standard normal
        seen = probe.seen.get(self.places[maker])
        number = self.graph.operations[maker].outputs.index(value)
        return seen.squares[number] if seen is not None and number < len(seen.squares) else None


def role_of(name: str) -> str:
    """Return a parameter's name without the numbers of layers, with those that tell roles apart.

    Within a numbered layer the number of a convolution tells its role; in a plain sequence it is the layer's own.

    >>> role_of("layer1.0.conv2.weight"), role_of("features.denseblock1.denselayer12.conv1.weight")
    ('layer.#.conv2.weight', 'features.denseblock.denselayer.conv1.weight')
    >>> role_of("features.8.weight"), role_of("stage3.7.branch2.5.weight")
    ('features.#.weight', 'stage.#.branch2.5.weight')
    """
    *around, last, attribute = ["", *name.split(".")] if "." in name else ["", "", name]
    above = [_unnumbered(segment) for segment in around if segment]
    within = above != [segment for segment in around if segment]
    return ".".join([*above, last if within and last.isdigit() else _unnumbered(last), attribute]).strip(".")


def _unnumbered(segment: str) -> str:
    if segment.isdigit():
        return "#"
    stem = re.sub(r"[-_]?\d+(-\d+)?$", "", segment)
    return segment if stem in ROLE_WORDS or not stem else stem


def spreads(weights: list[Weight]) -> Iterator[Spread]:
    """Yield the layers of each role in each stage, where there are at least two."""
    groups: defaultdict[tuple[Any, ...], list[Weight]] = defaultdict(list)
    for weight in weights:
        if weight.gradient is not None:
            groups[weight.role].append(weight)
    for role, group in groups.items():
        if len(group) > 1:
            layers = sorted(((each.name, each.gradient or 0.0) for each in group), key=lambda pair: pair[1])
            yield Spread(f"{role[0]} {list(role[1])}", tuple(layers))


__all__ = ["Place", "Result", "Spread", "Stream", "Weight", "measured", "random_loss", "role_of", "spreads"]
