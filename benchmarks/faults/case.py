"""One case of the fault benchmark: a model with a known fault and its mended twin, or a control without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

Tool = Literal["check", "verify", "record"]


@dataclass(frozen=True)
class Case:
    """What is built, what is wrong with it, and where that was suffered.

    Attributes:
        name: short, unique, such as "transformer-encoder-clones".
        family: CLONE TRUNC UNINIT META OVERWRITTEN ZERO SCALE FAN SHARED DISTRIBUTED, or CONTROL.
        source: the address of the thread or paper that it was rebuilt from.
        about: the fault in one sentence, or for a control why a naive checker would flag it.
        build: makes the model, with the fault (controls: without one); it seeds torch itself.
        mended: makes the same model without the fault; None for controls.
        labels: globs over canonical parameter names; a finding on any of these names the fault rightly.
        codes: prefixes of the codes that would name the fault rightly, such as ("SYM", "GRD6"); with INI109 among them
            `verify` is asked for the plan's very numbers (`exact="required"`), not only for its laws.
        inputs: makes inputs for the model; None where the fault must be found without.
        loss: from the model's output to a scalar; None where there is none.
        tool: what is to find it: `check(model, inputs, loss)`; `verify(model, plan(model))`; `record` around `build`.
        plan: from the model to the plan that it claims to follow, for "verify".
    """

    name: str
    family: str
    source: str
    about: str
    build: Callable[[], nn.Module]
    mended: Callable[[], nn.Module] | None = None
    labels: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    inputs: Callable[[], Any] | None = None
    loss: Callable[[Any], Any] | None = None
    tool: Tool = "check"
    plan: Callable[[nn.Module], Any] | None = None
