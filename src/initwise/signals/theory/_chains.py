"""The plain chains of a model, and what theory says of each: where variances tend to, chi, how gradients grow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import geometric_mean, median

from initwise._arguments import Arguments
from initwise.errors import ArgumentError
from initwise.model.graph import Graph
from initwise.signals.theory._depth import Phase
from initwise.signals.theory._fate import Fate, fate, trajectory
from initwise.signals.theory._functions import Activation, known_name, resolved
from initwise.signals.theory._links import Laws, Link, Norm, layers, link

_LEAST = 3  # layers make a chain
_ALIKE = 1.01  # how far apart layers' variances may be and still be called one


@dataclass(frozen=True)
class Chain:
    """Weight layers with the same activation after each, and what they do when they are infinitely wide.

    Attributes:
        modules: the layers' modules, in order.
        activation: the name of what lies between them: of one operation or several.
        norm: "batch" or "layer" (of one sample) where a norm stands before each activation, else "".
        weight_variance: fan_in * Var w, the median over the layers.
        bias_variance: Var b, the median over the layers.
        is_uniform: whether all layers have these variances, within 1 %.
        q: the variance of each layer's output, before its norm, if the chain is given a second moment of `q0`.
        fixed_point: the variance that q tends to if the chain goes on; None for none, or where each q is one.
        chi: growth of small differences and of squared gradients in one layer, at the fixed point or at the last q (of
            1e6 at most).
        correlation_length: over how many layers the correlation of two signals comes nearer to its end by e; NaN with
            a batch norm, where signals of one batch depend on each other.
        phase: "ordered", "critical" or "chaotic".
        growth: of squared gradients in each layer of this chain, from its end to its start.
        sentence: all this in words.
    """

    modules: tuple[str, ...]
    activation: str
    norm: Norm
    weight_variance: float
    bias_variance: float
    is_uniform: bool
    q: tuple[float, ...]
    fixed_point: float | None
    chi: float
    correlation_length: float
    phase: Phase
    growth: float
    sentence: str


def chains(graph: Graph, laws: Laws, *, q0: float = 1.0) -> tuple[Chain, ...]:
    """Return the maximal plain chains of at least three weight layers, in the order of execution.

    Layers are products with a parameter and convolutions; between them lie element-wise operations, views, dropout and
    perhaps one norm right after the layer, the same ones everywhere. Sums of signals, attention, pooling, and signals
    that go to two places end a chain, as does a weight without a law, with a law that is constant or not of mean 0.

    Args:
        graph: of one forward pass (`initwise.model.trace`).
        laws: mean and std of what each parameter is drawn from, by name.
        q0: the second moment of what each chain is given.

    Raises:
        ArgumentError: q0 is not positive.
    """
    check = Arguments("chains")
    if not check.number("q0", q0) > 0:
        check.refuse(f"q0 is {q0}, and must be above 0")
    check.done()
    known: dict[tuple[str, str], Activation | None] = {}
    fates: dict[tuple[object, ...], Fate] = {}
    found = []
    for links in _runs(graph, laws):
        activation = _activation(known, links[0])
        if activation is not None:
            found.append(_chain(links, activation, q0, fates))
    return tuple(found)


def _runs(graph: Graph, laws: Laws) -> Iterator[list[Link]]:
    """Yield the links of each chain."""
    known = layers(graph, laws) if len(graph) else {}
    running: dict[int, list[Link]] = {}  # by the last layer's operation
    done: list[list[Link]] = []
    for layer in known.values() if len(known) >= _LEAST else ():
        found = link(graph, known, layer, laws)
        if found is None:
            continue
        run = running.pop(found.before.operation.index, [])
        if run and run[-1].key != found.key:
            done.append(run)
            run = []
        running[layer.operation.index] = [*run, found]
    done += running.values()
    yield from sorted((run for run in done if len(run) >= _LEAST - 1), key=lambda run: run[0].before.operation.index)


def _activation(known: dict[tuple[str, str], Activation | None], found: Link) -> Activation | None:
    """Return what a link does to each element; None where the steps cannot be replayed so."""
    if found.key not in known:
        try:
            pure = resolved("chains", found.activation)
            # ReLU6 is recorded as the hard tanh with other bounds that it is.
            told = len(found.steps) == 1 and found.name != "hardtanh"
            name = found.name if told or not found.steps else known_name(pure.function) or found.name
            known[found.key] = Activation(name, pure.function, pure.derivative)
        except ArgumentError:
            known[found.key] = None
    return known[found.key]


def _chain(links: Sequence[Link], f: Activation, q0: float, fates: dict[tuple[object, ...], Fate]) -> Chain:
    members = [links[0].before, *(each.after for each in links)]
    weights = [each.weight_variance for each in members]
    biases = [each.bias_variance + more for each, more in zip(members, [*(x.added for x in links), 0.0], strict=True)]
    weight, bias = median(weights), median(biases)  # not the mean: a head with a law of its own is one layer only
    norm = links[0].norm
    q, slopes = trajectory(f, weights, biases, q0, norm)
    # Fates are alike where laws are, and chains start in the same basin; three digits of q tell basins apart.
    key = (links[0].key, f"{weight:.9e} {bias:.9e} {q[-1]:.2e}")
    if key not in fates:
        fates[key] = fate(f, weight, bias, q[-1], norm)
    found = Chain(
        modules=tuple(each.operation.module for each in members),
        activation=f.name,
        norm=norm,
        weight_variance=weight,
        bias_variance=bias,
        is_uniform=max(weights) <= _ALIKE * min(weights) and max(biases) - min(biases) <= (_ALIKE - 1) * weight,
        q=q,
        fixed_point=fates[key].fixed_point,
        chi=fates[key].chi,
        correlation_length=fates[key].correlation_length,
        phase=fates[key].phase,
        growth=fates[key].chi if norm == "batch" else geometric_mean(slopes) if min(slopes) > 0 else 0.0,
        sentence="",
    )
    return replace(found, sentence=_in_words(found))


def _in_words(chain: Chain) -> str:
    """Return what theory says of a chain."""
    norm = {"": "", "batch": "a batch norm and ", "layer": "a norm of each sample and "}[chain.norm]
    many = len(chain.modules)
    steps = many - 1
    parts = [
        f"{many} layers from {chain.modules[0] or 'the model'} to {chain.modules[-1] or 'its end'} with"
        f" {norm}{chain.activation} between them, fan_in * Var w = {chain.weight_variance:.4g} and"
        f" Var b = {chain.bias_variance:.3g}"
    ]
    if not chain.norm:
        parts.append(_destiny(chain))
    length = chain.correlation_length
    reach = f", correlations settle over {length:.3g} layers" if math.isfinite(length) and length > 0 else ""
    parts.append(f"chi = {chain.chi:.6g} is {chain.phase}{reach}")
    total = steps * math.log10(chain.growth) if chain.growth > 0 else -math.inf
    parts.append(f"squared gradients become {chain.growth:.4g} times as large a layer, {_power(total)} times in all")
    if not chain.is_uniform:
        parts.append("the layers' laws differ: variances are each layer's own, chi is that of their median")
    return "; ".join(parts)


def _destiny(chain: Chain) -> str:
    if chain.fixed_point is not None:
        return f"variances tend to {chain.fixed_point:.4g}"
    first, last = chain.q[0], chain.q[-1]
    if max(chain.q) <= _ALIKE * min(chain.q):
        return f"each layer keeps every variance, here {first:.4g}"
    return f"variances have no stable fixed point and go from {first:.3g} to {last:.3g}"


def _power(exponent: float) -> str:
    if abs(exponent) < 300:
        return f"{10.0**exponent:.3g}"
    return "0" if exponent < 0 else "more than 1e300"
