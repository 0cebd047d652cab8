"""`judge`: whether the signal keeps its size along each path, forward and backward, and who is to blame where not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from initwise.model import Reading
from initwise.model.graph._vocabulary import NORMS
from initwise.planning import Plan
from initwise.signals._signals import Signals
from initwise.signals._verdict import Culprit, Direction, Step, Verdict
from initwise.signals.verdicts._flow import Flow
from initwise.signals.verdicts._gradients import gradients
from initwise.signals.verdicts._paths import Path, paths, steps
from initwise.signals.verdicts._suspect import Suspect
from initwise.signals.verdicts._suspects import suspects
from initwise.signals.verdicts._weights import weights

_UP, _DOWN = 1e2, 1e-5  # of E[x^2] from the first block to the output
_STREAM = 1e5  # the same of a stream that norms read, either way: embeddings may start small
_BACKWARD = 1e-8, 1e6  # of E[g^2]; convolutions that make maps smaller change it too
_BACKWARD_STREAM = 1e-20, 1e8  # branches may start as good as shut
_CHAIN = 8  # batch norms make a chain
_DIRECTIONS: tuple[Direction, Direction] = ("forward", "backward")


def judge(signals: Signals, plan: Plan | None = None, reading: Reading | None = None) -> tuple[Verdict, ...]:
    """Return for each path from an input to an output whether the signal keeps its size, forward and backward.

    Along a path the growth per block is the geometric mean of its blocks' factors of E[x^2]. Over n blocks it should
    lie between (1e-5)^(1/n), which short chains keep even as torch draws them, and (1e2)^(1/n); in a wider band where
    blocks add to a stream that only norms read, since its scale does not matter.

    Besides, each parameter is held against what the signal needs (its factor fan_in * E[w^2] and the activation behind
    it, attention scores, logits, norms near one, biases and positions that do not drown the signal) and against the law
    of its siblings in other blocks. The worst one is the culprit of the paths that it takes part in; where a common
    mistake explains its standard deviation, the fix says which.

    Args:
        signals: predicted or measured.
        plan: the laws of the parameters, their fans and roles.
        reading: the model that was read: fans, roles, and values where it has some. Without plan and reading only
            the second moments in `signals` are known, and mistakes with fans cannot be told.

    Returns:
        Two verdicts for each path, forward and backward; none where the signals name no outputs.

    >>> import torch, initwise as iw
    >>> from torch import nn
    >>> layers = [each for _ in range(4) for each in (nn.Linear(256, 256, device="meta"), nn.ReLU())]
    >>> model = nn.Sequential(*layers, nn.Linear(256, 10, device="meta"))
    >>> rules = [iw.rule("*", weight=iw.KaimingNormal(), bias=iw.Zeros()), iw.rule("2.weight", iw.Normal(std=1.0))]
    >>> plan = iw.plan(model, rules, inputs="8x256")
    >>> forward, backward = judge(iw.predict(model, plan, torch.randn(8, 256)), plan)
    >>> forward.ok, forward.culprit.parameter, forward.culprit.fix
    (False, '2.weight', 'std 0.0884 instead of 1')
    """
    flow = Flow(signals, weights(signals, plan, reading))
    found = suspects(flow)
    return tuple(_verdict(flow, path, direction, found) for path in paths(flow) for direction in _DIRECTIONS)


def culprits(signals: Signals, plan: Plan | None = None, reading: Reading | None = None) -> tuple[Culprit, ...]:
    """Return all parameters whose law may be wrong, each once, the worst first; `judge` names the first of a path.

    Args:
        signals, plan, reading: as for `judge`.
    """
    return tuple(map(_culprit, suspects(Flow(signals, weights(signals, plan, reading)))))


def _verdict(flow: Flow, path: Path, direction: Direction, found: Sequence[Suspect]) -> Verdict:
    blocks = steps(flow, path, direction)
    known = [each.growth for each in blocks if each.growth is not None]
    growth = math.exp(fmean(map(math.log, known))) if known else None
    band = _band(path, direction, len(known))
    inside = growth is None or band[0] <= growth <= band[1]
    suspect = next((each for each in found if flow.depends(path.rows[-1], each.row)), None)
    culprit = _culprit(suspect) if suspect is not None and (direction == "forward" or not inside) else None
    if culprit is None and not inside and direction == "backward":
        odd = gradients(flow, path.rows)
        culprit = _chain_of_norms(flow, path) or (_culprit(odd) if odd is not None else None)
    message = _message(direction, blocks, growth, band, culprit)
    return Verdict(path.words, direction, path.rows, blocks, growth, band, inside and culprit is None, culprit, message)


def _band(path: Path, direction: Direction, count: int) -> tuple[float, float]:
    """Return in which band the growth per block should lie, so that all blocks together stay within bounds."""
    if direction == "forward":
        low, high = (1 / _STREAM, _STREAM) if path.streamed else (_DOWN, _UP)
    else:
        low, high = _BACKWARD_STREAM if path.streamed else _BACKWARD
    return low ** (1 / max(count, 1)), high ** (1 / max(count, 1))


def _culprit(suspect: Suspect) -> Culprit:
    return Culprit(
        suspect.row,
        suspect.weight.name,
        suspect.weight.law,
        suspect.found,
        suspect.wanted,
        suspect.message,
        suspect.fix,
    )


def _chain_of_norms(flow: Flow, path: Path) -> Culprit | None:
    """Return that batch norms are to blame: gradients grow 1.47-fold through each one with a ReLU."""
    rows = [each for each in path.rows if "batch_norm" in flow.rows[each].operation and each in flow.norms]
    if len(rows) < _CHAIN or sum(flow.rows[each].operation in NORMS for each in path.rows) < len(rows):
        return None
    return Culprit(
        rows[-1],
        "",
        "",
        None,
        None,
        f"a chain of {len(rows)} batch norms, each with a ReLU, multiplies the gradient's second moment by 1.47 a"
        " layer, whatever the weights",
        "add residual connections, so that gradients have a way past the norms",
    )


def _message(
    direction: Direction,
    blocks: Sequence[Step],
    growth: float | None,
    band: tuple[float, float],
    culprit: Culprit | None,
) -> str:
    what = "signal" if direction == "forward" else "gradient"
    known = [each for each in blocks if each.growth is not None]
    if growth is None:
        said = f"how the {what} grows is unknown"
    else:
        word = "grows" if growth >= 1 else "shrinks"
        count = f"{len(known)} block{'s' if len(known) != 1 else ''}"
        said = (
            f"the {what} {word} {max(growth, 1 / growth):.3g}-fold a block over {count}"
            f" (band {band[0]:.2g} to {band[1]:.3g})"
        )
    outside = [each for each in known if each.growth is not None and not band[0] <= each.growth <= band[1]]
    if growth is not None and not band[0] <= growth <= band[1] and outside:
        ordered = outside if direction == "forward" else outside[::-1]
        said += f", from {ordered[0].name or 'the input'} on"
    return f"{said}; {culprit.message}" if culprit is not None else said
