"""`predict`: what the signal will do in a model, forward and backward, before any weight has memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model import Example, Graph, Reading, TraceError, as_example, candidates, graph_of, read
from initwise.model.graph._structures import tensors
from initwise.planning import Plan, refuse_other_than_plan
from initwise.signals._modes import set_modes
from initwise.signals._objective import Start, classified
from initwise.signals._signals import Signals
from initwise.signals.forecast._buffers import fill
from initwise.signals.forecast._given import given_inputs
from initwise.signals.forecast._result import signals
from initwise.signals.forecast._samples import draw
from initwise.signals.forecast._supply import Supply
from initwise.signals.theory import chains
from initwise.signals.verdicts import in_use, judge


def predict(
    model: nn.Module,
    plan: Plan,
    inputs: Any = None,
    loss: Callable[[Any], Any] | None = None,
    *,
    statistics: Mapping[str, Any] | None = None,
    samples: int | None = None,
) -> Signals:
    """Predict the signal in a model at initialization, forward and backward; no weight needs memory.

    The model's operations are traced on meta. Then the pass is run on samples: all samples, tokens and pixels of the
    inputs, but only so many channels of wide layers as time allows, with weights drawn from the plan's laws at that
    size and sums over channels scaled to their true number. The numbers are means over several such samples. This is
    exact in the limit of wide layers; what it differs from one seed of a real model by is noise, of the kind that other
    seeds show too.

    The backward pass starts from `loss`, from the model's own loss, from the cross entropy of a head over C
    classes with random labels, or else from a random projection of the outputs. Batch norms use the batch's
    statistics; dropout is off. Everything is computed in single precision.

    Args:
        model: any `nn.Module`, on any device, meta included; it is only read.
        plan: the laws, as `initwise.plan` decides them. Of parameters that it keeps, the values as they are count.
        inputs: as for `initwise.plan`; values of floating tensors count, those on meta are drawn from N(0, 1).
        loss: takes the model's output and returns a scalar tensor.
        statistics: by input (a keyword, or a place such as "0"), the law of its values: `{"0": iw.Normal(std=2.0)}`.
        samples: how many samples; more of them less noise. By default 2 to 8, as their cost allows.

    Returns:
        `Signals`: `.rows` with one row for each operation, `.parameters`, `.loss`, `.chains`, `.verdicts`, `.unknown`.

    Raises:
        ArgumentError: the inputs do not fit, hold infinities or NaN, the model cannot run on meta, or the loss does not
            depend on the model.
        ArgumentTypeError: `plan` is not a plan, an argument has another type.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(nn.Linear(64, 256, device="meta"), nn.ReLU(), nn.Linear(256, 10, device="meta"))
    >>> forecast = iw.predict(model, iw.plan(model, "kaiming", inputs="8x64"), torch.randn(8, 64))
    >>> forecast.find("1").operation, 0.8 < forecast.find("1").second_moment < 1.2
    ('relu', True)
    """
    _check(model, loss, samples)
    refuse_other_than_plan("predict", plan)
    reading = read(model)
    _check_plan(plan, reading)
    graph, example, start = _traced(reading, inputs, loss)
    taken, notes = given_inputs(graph, example, statistics)
    drawn = draw(graph, Supply(graph, reading, plan, taken), samples)
    if loss is not None and (drawn.is_detached or graph.values[graph.start].kind != "activation"):
        raise ArgumentError(
            "predict: the loss does not depend on any parameter of the model that is trained: no gradient starts from"
            " it; compute it from the model's output, without detach(), item() or torch.no_grad()"
        )
    made = signals(reading, plan, graph, example, drawn, start, notes)
    maps = chains(graph, _laws(plan), q0=_level(taken))
    return replace(made, verdicts=judge(made, plan, in_use(reading, example)), chains=maps)


def _check(model: object, loss: object, samples: object) -> None:
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(
            f"predict: model is {show(model)} of type {type(model).__name__}; give a torch.nn.Module"
        )
    if loss is not None and not callable(loss):
        raise ArgumentTypeError(
            f"predict: loss is {show(loss)} of type {type(loss).__name__}; give a function that takes the model's"
            " output and returns a scalar tensor"
        )
    if samples is not None and (not isinstance(samples, int) or isinstance(samples, bool) or samples < 1):
        raise ArgumentError(f"predict: samples is {show(samples)}; give a whole number from 1 on, or None")


def _check_plan(plan: Plan, reading: Reading) -> None:
    """Refuse a plan for another model."""
    shapes = {parameter.name: parameter.shape for parameter in reading.parameters}
    rows = {row.name: row.shape for row in plan}
    wrong = [
        f"{name!r} is {_told(rows, name)} in the plan and {_told(shapes, name)} in the model"
        for name in dict.fromkeys([*rows, *shapes])
        if rows.get(name) != shapes.get(name)
    ]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise ArgumentError(f"predict: the plan is for another model: {'; '.join(wrong[:3])}{more}; plan this one")


def _laws(plan: Plan) -> dict[str, tuple[float, float]]:
    return {row.name: (row.law.mean, row.law.std) for row in plan if row.law is not None and not row.kept}


def _level(inputs: Mapping[int, Tensor]) -> float:
    """Return E[x^2] of the inputs that are no whole numbers; 1 where there are none, or nothing but zeros."""
    values = [
        float(each.double().square().mean()) for each in inputs.values() if each.is_floating_point() and each.numel()
    ]
    return sum(values) / len(values) or 1.0 if values else 1.0


def _told(shapes: Mapping[str, tuple[int, ...]], name: str) -> str:
    return "x".join(map(str, shapes[name])) or "a scalar" if name in shapes else "missing"


def _traced(reading: Reading, inputs: Any, loss: Callable[[Any], Any] | None) -> tuple[Graph, Example, Start]:
    """Return the graph of the model and its loss, with what it was traced with and where its backward pass starts."""
    given = as_example(inputs, reading.model) if inputs is not None else None
    failure: TraceError | None = None
    for example in [given] if given is not None else candidates(reading.model):
        starts: list[Start] = []

        def finish(output: Any, example: Example = example, starts: list[Start] = starts) -> list[Tensor | None]:
            tokens = any(not each.is_floating_point() for each in tensors((example.args, example.kwargs)))
            starts.append(classified(output, loss, tokens=tokens, who="predict"))
            return [starts[-1].scalar, *([starts[-1].expected] if starts[-1].expected is not None else [])]

        try:
            graph = graph_of(reading, example, modes=_ready, finish=finish)
        except TraceError as error:
            failure = failure or error
        else:
            return graph, example, starts[-1]
    raise _refused(failure, given=given is not None) from failure


def _ready(twin: nn.Module) -> None:
    """Put a twin into the modes of a measured pass, and give it the buffers that the model lacks on meta."""
    set_modes(twin)
    fill(twin)


def _refused(failure: TraceError | None, *, given: bool) -> ArgumentError:
    if failure is None or not given:
        said = "there are no example inputs for this model" if failure is None else f"built inputs failed: {failure}"
        return ArgumentError(f"predict: {said}; give inputs= that its forward takes")
    if failure.unfit:
        return ArgumentError(
            f"predict: the inputs do not fit the model: {failure}. Give inputs= that its forward takes; if it takes"
            " these with memory, measure it instead: iw.apply(model, plan); iw.measure(model, inputs)"
        )
    return ArgumentError(
        f"predict: the model cannot run on the meta device: {failure}. Measure it instead, with memory:"
        " iw.apply(model, plan); iw.measure(model, inputs)"
    )
