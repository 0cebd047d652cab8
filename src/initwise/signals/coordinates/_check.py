"""`coordinate_check`: whether activations keep their size over widths or depths, in the first steps of training."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import nn

from initwise._arguments import show
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError
from initwise.model import Example, as_example
from initwise.model.graph._structures import tensors
from initwise.planning import Plan
from initwise.signals._probe import _runnable
from initwise.signals._restored import _random_states
from initwise.signals.coordinates._asked import Asked, Build, asked
from initwise.signals.coordinates._names import compared
from initwise.signals.coordinates._result import CoordinateCheck
from initwise.signals.coordinates._rows import Runs, records, rows
from initwise.signals.coordinates._train import Run, planned, seeded, told, trained


def coordinate_check(
    models: Mapping[int, Callable[[], nn.Module]],
    inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    *,
    steps: int = 4,
    seeds: int = 4,
    optimizer: Literal["adam", "sgd"] | Callable[[nn.Module], torch.optim.Optimizer] = "adam",
    learning_rate: float = 1e-2,
    plan: Any = None,
    apply_factors: bool = True,
    along: Literal["width", "depth"] = "width",
    statistic: Literal["both", "second_moment", "update"] = "both",
    only: Any = None,
    confidence: float = 0.95,
    tolerance: float = 0.5,
) -> CoordinateCheck:
    """Train models of several widths (or depths) for a few steps, and tell which activations go with the width.

    For each activation x (what modules with parameters return, attention logits and outputs), step t and seed, the
    slope of log E[x_t^2] and of log E[(x_t - x_0)^2] against log width is fitted; their mean over seeds has a
    t-interval, which is compared with ±tolerance. In the limit of theory slopes are whole numbers: 0 where a
    parametrization is right, 1 or 2 where updates blow up, -1 or -2 where they vanish. Under muP all updates have slope
    0; the second moment of the model's outputs may shrink (it starts at 1 / width), and so may attention logits, until
    queries and keys are aligned: along width that counts as right, as along depth that branches shrink which the plan
    multiplies. A large learning rate shows more.

    Each run builds its own model, which is gone before the next one is built; all see the same batch, and at every step
    the same random numbers (dropout). The global random states are put back.

    Args:
        models: for each width (or depth), a function without arguments that builds a new model.
        inputs: one batch for all of them: a tensor, a tuple of positional arguments, a mapping of keyword arguments, or
            `(args, kwargs)`.
        loss: takes the model's output and returns a scalar tensor. Without it, the model's own loss is trained, a cross
            entropy with random labels where it returns scores, or else a random projection of its outputs.
        steps: how many updates; activations are measured before each, and after the last.
        seeds: how many runs of each model, at least 2.
        optimizer: "adam" or "sgd", at `learning_rate`; or a function from a model to its optimizer. It gets the factors
            of the plan's multipliers (`iw.signals.scale_groups`), in either case.
        learning_rate: for "adam" and "sgd".
        plan: how models are initialized, with each seed: what `iw.plan` takes as rules, or a function from a model to
            these, or to a plan; it is asked once for each size. None: as it was built, with torch's generator seeded.
        apply_factors: put the plan's factors of the forward pass (output, branch, attention) on the model by hooks;
            False where the model applies them itself.
        along: "width"; or "depth", where stacks of modules have different lengths: of these, the first and the last
            block are compared, as number 0 and -1.
        statistic: "second_moment" for E[x_t^2], "update" for E[(x_t - x_0)^2], or "both".
        only: a selector of modules ("*.mlp", a type, a tuple of these); of what is not selected nothing is kept.
        confidence: of the interval of one slope.
        tolerance: of the slope. The default lies halfway to the next exponent of theory.

    Returns:
        `CoordinateCheck`: `.ok`, `.message`, `.rows` with slopes and verdicts, `.worst`, `.records`, `.table()`.

    Raises:
        ArgumentError: wrong arguments; models that differ in more than their size; inputs that do not fit (the message
            says at which width); a loss that does not depend on the model.
        PlanError: the plan does not fit a model.
        ProbeError: a model, the loss or the optimizer raised.

    Yang et al. 2022, Tensor Programs V (arXiv:2203.03466), Appendix D.1; the `mup` package calls it `coord_check`.

    >>> import initwise as iw
    >>> build = lambda width: nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 4))
    >>> models = {width: lambda width=width: build(width) for width in (64, 1024)}
    >>> batch = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    >>> iw.coordinate_check(models, batch, plan=iw.recipes.mup(build(64)), steps=2, statistic="update").message
    'mup holds: 2 activations change alike over widths 64 to 1024'
    """
    wanted = asked(
        models,
        inputs,
        loss,
        steps=steps,
        seeds=seeds,
        optimizer=optimizer,
        learning_rate=learning_rate,
        plan=plan,
        apply_factors=apply_factors,
        along=along,
        statistic=statistic,
        only=only,
        confidence=confidence,
        tolerance=tolerance,
    )
    restore = _random_states()
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            runs = _runs(wanted)
    finally:
        restore()
    return _result(wanted, runs)


def _runs(wanted: Asked) -> Runs:
    runs: dict[tuple[int, int], Run] = {}
    plans: dict[int, Plan | None] = {}  # models of one size are alike, and so are their plans
    shapes: dict[frozenset[tuple[str, torch.Size]], int] = {}
    built: weakref.WeakSet[nn.Module] = weakref.WeakSet()
    for seed in range(wanted.seeds):  # what differs between sizes shows in the first round
        for size, build in wanted.models.items():
            with told(f"{wanted.along} {size}"):
                model = _new(build, seed, built)
                if seed == 0:
                    _refuse_same(wanted.along, size, model, shapes)
                example = _example(wanted, model)
                if size not in plans:
                    plans[size] = planned(model, example, wanted.plan)
                runs[size, seed] = trained(_runnable(model), example, wanted, plans[size], seed)
                del model
            if len(built):
                gc.collect()  # a model that refers to itself lives until then
            if seed == 0:
                compared(wanted.along, {each: run.modules for (each, _), run in runs.items()})
    return runs


def _refuse_same(along: str, size: int, model: nn.Module, shapes: dict[frozenset[tuple[str, torch.Size]], int]) -> None:
    """Refuse a model with the shapes of another: the slope would be 0 whatever the models do."""
    own = frozenset((name, parameter.shape) for name, parameter in model.named_parameters())
    other = shapes.setdefault(own, size)
    if along == "width" and other != size:
        raise ArgumentError(
            f"the model has the same shapes as that of width {other}; each function must build its own width: in a"
            " loop, lambda width=width: build(width)"
        )


def _new(build: Build, seed: int, built: weakref.WeakSet[nn.Module]) -> nn.Module:
    """Return a model that was not there before, built with this seed."""
    seeded(seed)
    model = _built(build)
    if model in built:
        raise ArgumentError("the function returned a model that was trained before; it must build a new one each time")
    built.add(model)
    empty = next((name for name, each in model.named_parameters() if each.is_meta), None)
    if empty is not None:
        raise ArgumentError(f"{empty!r} is on the meta device, and cannot be trained; build the model with memory")
    return model


def _example(wanted: Asked, model: nn.Module) -> Example:
    example = as_example(wanted.inputs, model)
    if any(each.is_meta for each in tensors((example.args, example.kwargs))):
        raise ArgumentError("inputs are on the meta device, without values; give a batch")
    return example


def _built(build: Build) -> nn.Module:
    try:
        model: Any = build()
    except InitwiseError:
        raise
    except Exception as error:
        raise ArgumentError(f"the function that builds the model raised {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"the function returned {show(model)}; it must build an nn.Module")
    return model


def _result(wanted: Asked, runs: Runs) -> CoordinateCheck:
    names = compared(wanted.along, {size: runs[size, 0].modules for size in wanted.models})
    measured = records(wanted, runs)
    return CoordinateCheck(
        along=wanted.along,
        sizes=tuple(wanted.models),
        seeds=wanted.seeds,
        steps=wanted.steps,
        statistics=wanted.statistics,
        confidence=wanted.confidence,
        tolerance=wanted.tolerance,
        rows=rows(wanted, measured, runs, names),
        records=measured,
        recipe=next(iter(runs.values())).recipe,
        notes=tuple(dict.fromkeys(note for run in runs.values() for note in run.notes)),
    )
