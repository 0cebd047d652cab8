"""`report`: gather all that is known of a model at initialization, and write one page about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from initwise.pages._gather import gather
from initwise.pages._page import Page, checked_path
from initwise.planning import Plan


def report(
    model: nn.Module,
    plan: Plan | Any = None,
    inputs: Any = None,
    *,
    loss: Callable[[Any], Any] | None = None,
    measured: bool | None = None,
    other: Plan | Any = None,
    path: str | Path | None = "report.html",
    title: str | None = None,
) -> Page:
    """Write a report about a model's initialization: one file that needs no network.

    It tells what each parameter is drawn from and why, how the signal and its gradient travel (predicted, and measured
    where the model has memory), how the weights as they stand lie to their laws, and what was found, with what to do.
    The same arguments give the same bytes.

    Args:
        model: any `nn.Module`; it is only read. What was measured is put back.
        plan: a plan of it, or what `initwise.plan` takes as rules; `"auto"` where it is left out.
        inputs, loss: as for `initwise.predict`. Without inputs, they are built for models of known libraries; where
            that is not possible the page has no signals, and says so.
        measured: whether to measure besides predicting: one real pass with the plan's weights. By default where the
            model has memory and at most 200 M parameters.
        other: a second plan, or rules, to show beside the first.
        path: where to write it: `.html`, `.md` or `.svg` (the curves alone); None writes nothing.
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
    target = checked_path(path)
    content = gather(model, plan, inputs, loss=loss, measured=measured, other=other, title=title)
    page = Page(content, target)
    page.write()
    return page
