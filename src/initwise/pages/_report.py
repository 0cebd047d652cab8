"""`report`: gather all that is known of a model, of a training, or of an experiment, and write one page about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

from torch import nn

from initwise.comparison import Comparison
from initwise.errors import ArgumentError
from initwise.monitoring import Monitor
from initwise.pages._gather import gather
from initwise.pages._model_page import ModelPage
from initwise.pages._page import Page, checked_path
from initwise.pages.experiment import ComparisonPage
from initwise.pages.training import TrainingPage
from initwise.pages.training import gather as gather_training
from initwise.planning import Plan


@overload
def report(model: Monitor, *, path: str | Path | None = ..., title: str | None = ...) -> TrainingPage: ...
@overload
def report(model: Comparison, *, path: str | Path | None = ..., title: str | None = ...) -> ComparisonPage: ...
@overload
def report(
    model: nn.Module,
    plan: Plan | Any = ...,
    inputs: Any = ...,
    *,
    loss: Callable[[Any], Any] | None = ...,
    measured: bool | None = ...,
    other: Plan | Any = ...,
    path: str | Path | None = ...,
    title: str | None = ...,
) -> ModelPage: ...
def report(
    model: nn.Module | Comparison | Monitor,
    plan: Plan | Any = None,
    inputs: Any = None,
    *,
    loss: Callable[[Any], Any] | None = None,
    measured: bool | None = None,
    other: Plan | Any = None,
    path: str | Path | None = "report.html",
    title: str | None = None,
) -> Page:
    """Write a report about a model's initialization, a training, or an experiment: one file that needs no network.

    Of a model it tells what each parameter is drawn from and why, how the signal and its gradient travel (predicted,
    and measured where the model has memory), how the weights as they stand lie to their laws, and what was found, with
    what to do. Of a `Comparison` it tells which strategy to use, how sure that is and what could not be shown, with the
    verdicts, learning curves, losses seed by seed, learning rates and signals. Of a `Monitor` it tells whether training
    is healthy, with its alerts, a map of layers over steps, curves, the flight recorder and what to try next;
    `initwise.pages.Html` is the same page as a sink. The same arguments give the same bytes.

    Args:
        model: any `nn.Module`; it is only read, and what was measured is put back. Or a `Comparison` or a
            `Monitor`, which take `path` and `title` alone.
        plan: a plan of it, or what `initwise.plan` takes as rules; `"auto"` where it is left out.
        inputs, loss: as for `initwise.predict`. Without inputs, they are built for models of known libraries; where
            that is not possible the page has no signals, and says so.
        measured: whether to measure besides predicting: one real pass with the plan's weights. By default where the
            model has memory and at most 200 M parameters.
        other: a second plan, or rules, to show beside the first.
        path: where to write it: `.html`, `.md` or `.svg` (the curves alone), of a comparison or a monitor also
            `.json`; None writes nothing.
        title: of the page.

    Returns:
        A `Page`: `.html`, `.to_markdown()`, `.to_svg()`; notebooks show it.

    Raises:
        ArgumentError: the path cannot be written, or has another ending (told before anything is computed); the
            arguments do not fit, as for `plan` and `predict`.

    >>> import torch, initwise as iw
    >>> page = iw.report(nn.Linear(64, 8), "kaiming", torch.randn(4, 64), path=None)
    >>> "All is well" in page.html
    True
    """
    given = {"plan": plan, "inputs": inputs, "loss": loss, "measured": measured, "other": other}
    page: Page
    if isinstance(model, Comparison):
        _of_models("comparison", given)
        page = ComparisonPage(comparison=model, heading=title, path=checked_path(path, ComparisonPage.endings))
    elif isinstance(model, Monitor):
        _of_models("monitor", given)
        target = checked_path(path, TrainingPage.endings)
        page = TrainingPage(content=gather_training(model, title), path=target)
    else:
        target = checked_path(path)
        content = gather(model, plan, inputs, loss=loss, measured=measured, other=other, title=title)
        page = ModelPage(content=content, path=target)
    page.write()
    return page


def _of_models(kind: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that a comparison or a monitor has no use for."""
    names = ", ".join(name for name, value in given.items() if value is not None)
    if names:
        raise ArgumentError(f"report: {names} belong to the report about a model; a {kind} takes path and title")
