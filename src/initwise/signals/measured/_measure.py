"""`measure`: what the signal does in a model as it stands, or as a plan draws it, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from initwise.errors import ArgumentError
from initwise.planning import Plan
from initwise.signals._jacobian import Jacobian
from initwise.signals._objective import Start, classified
from initwise.signals._pass import SEED, Pass, run
from initwise.signals._probe import _runnable, attempted
from initwise.signals._restored import restored
from initwise.signals._signals import Signals
from initwise.signals.measured._asked import Asked, asked
from initwise.signals.measured._gathered import Seen, loss_of, parameters, rows
from initwise.signals.measured._jacobians import jacobian as jacobian_of
from initwise.signals.measured._look import Look
from initwise.signals.measured._notes import notes
from initwise.signals.measured._told import told
from initwise.signals.measured._weights import weights
from initwise.signals.verdicts import in_use, judge
from initwise.writing import apply

_LABELS = 21  # the seed of labels and projections of the first pass


def measure(
    model: nn.Module,
    inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    seeds: int = 1,
    *,
    plan: Plan | None = None,
    learning_rate: float = 1e-3,
    histograms: bool = True,
    bins: int = 40,
    jacobian: str | Sequence[str] = (),
) -> Signals:
    """Run a model forward and backward, and return what happens to the signal in the rows that `predict` has too.

    The backward pass starts from `loss`, from the model's own loss, from the cross entropy of a head over C
    classes with random labels, or else from a random projection of the outputs. Batch norms use the batch's
    statistics; dropout is off. Afterwards everything is what it was: weights, buffers, gradients, flags, hooks, random
    states; optimizers are not stepped.

    With several seeds, second moments, gradient norms and update ratios are geometric means over passes (arithmetic
    ones where some are zero and others are not), everything else is an arithmetic mean; peaks and counts of NaN are the
    largest; histograms are of the first pass. Rows are those of the first pass: what runs under other seeds only is not
    among them.

    Args:
        model: any `nn.Module` with memory. Of one that `torch.compile` made, the original is measured. Of sharded
            parameters each process tells about its own shards.
        inputs: as for `initwise.plan`.
        loss: takes the model's output and returns a scalar tensor.
        seeds: how many passes. Without a plan each one has the same weights, and new labels or projections.
        plan: pass k draws its weights under the plan's seed + k first; what it keeps stays the model's own.
        learning_rate: at which `update_ratios` |update| / |weight| are told: lr |g| / |w| for SGD, and for Adam's first
            step lr |g / (|g| + 1e-8)| / |w|. Infinite where all of a weight is zero and its gradient is not.
        histograms: of outputs and weights; of tensors with more than 65,536 elements an evenly spaced part is counted.
        bins: of a histogram.
        jacobian: names of modules; `Signals.jacobians` holds the singular values of the Jacobian of each one's first
            floating output with respect to its first floating input, at its first call, all samples at once.

    Returns:
        `Signals`: `.rows` with a row for each operation, `.parameters`, `.loss`, `.verdicts`, `.jacobians`. A row whose
        output holds NaN or infinities has no moments; their numbers are told, and `why`. `effective_rank` is that of at
        most 128 samples (and places), evenly spaced. Of tensors with more than 8 million elements every k-th is looked
        at.

    Raises:
        ArgumentError: the model is on meta, inputs hold NaN or infinities, the loss is no scalar or does not depend on
            the model, a module that `jacobian` names is not there or not called.
        ApplyError: the plan does not fit the model.
        ProbeError: the model or the loss raised; its cause is their own error.

    >>> import initwise as iw
    >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
    <...>
    >>> model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> found = iw.measure(model, torch.randn(32, 64), plan=iw.plan(model, "kaiming"), seeds=4)
    >>> found.find("1").operation, 0.8 < found.find("1").second_moment < 1.2, 0.4 < found.find("1").spread < 0.5
    ('relu', True, False)
    """
    wanted = asked(
        model,
        inputs,
        loss,
        seeds=seeds,
        plan=plan,
        learning_rate=learning_rate,
        histograms=histograms,
        bins=bins,
        jacobian=jacobian,
    )
    runnable = _runnable(model)
    with told(), restored(model), torch.inference_mode(mode=False), torch.enable_grad():
        seen, jacobians = _all(runnable, wanted)
    made = _signals(model, wanted, seen, jacobians)
    return replace(made, verdicts=judge(made, wanted.plan, in_use(wanted.reading, wanted.example)))


def _all(model: nn.Module, wanted: Asked) -> tuple[list[Seen], dict[str, Jacobian]]:
    """Return what all passes show, and the Jacobians under the first seed."""
    seen: list[Seen] = []
    jacobians: dict[str, Jacobian] = {}
    for place in range(wanted.seeds):
        if wanted.plan is not None:
            apply(wanted.reading.model, replace(wanted.plan, seed=(wanted.plan.seed + place) % 2**64))
        seen.append(_seen(model, wanted, place))
        if place == 0:
            modules = wanted.reading.modules
            jacobians = {each: jacobian_of(model, wanted.example, each, modules[each]) for each in wanted.jacobian}
    return seen, jacobians


def _seen(model: nn.Module, wanted: Asked, place: int) -> Seen:
    def begin(output: Any) -> Start:
        return classified(output, wanted.loss, tokens=wanted.tokens, seed=_LABELS + place, who="measure")

    def go() -> Pass:
        return run(
            model,
            wanted.reading,
            wanted.example,
            None,
            record=True,
            begin=begin,
            instrument=Look(wanted.bins),
            seed=SEED + place,
        )

    passed = attempted(model, go) if place == 0 else go()
    if wanted.loss is not None and all(each is None for each in passed.gradients.values()):
        raise ArgumentError(
            "measure: the loss does not depend on any trained parameter of the model: no gradient arrives; compute it"
            " from the model's output, without detach(), item() or torch.no_grad()"
        )
    found = weights(wanted.reading, passed.gradients, wanted.rate, wanted.bins)
    return Seen(passed.events, found, passed.outputs, passed.loss, passed.loss_in_words)


def _signals(model: nn.Module, wanted: Asked, seen: Sequence[Seen], jacobians: dict[str, Jacobian]) -> Signals:
    return Signals(
        kind="measured",
        model=type(_runnable(model)).__name__,
        inputs=wanted.example.description,
        rows=rows(seen),
        parameters=parameters(seen, wanted.reading, wanted.plan),
        loss=loss_of(seen),
        loss_in_words=seen[0].words,
        outputs=tuple(each for each in seen[0].outputs if each >= 0),
        notes=tuple(notes(model, wanted, seen)),
        seeds=wanted.seeds,
        learning_rate=wanted.rate,
        jacobians=jacobians,
    )
