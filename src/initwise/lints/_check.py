"""`check`: every lint on one model, and what the project says about its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from initwise._arguments import Arguments, show
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.findings import Finding
from initwise.lints._baseline import Baseline
from initwise.lints._codes import codes
from initwise.lints._configuration import Configuration, read_configuration
from initwise.lints._model import read_model
from initwise.lints._subject import Lint, Subject
from initwise.lints._suppression import Suppression
from initwise.lints._table import LINTS
from initwise.lints._told import reported
from initwise.model import as_example
from initwise.provenance import Log
from initwise.reporting import Report
from initwise.signals import probe


def check(
    model: nn.Module,
    inputs: Any = None,
    loss: Callable[[Any], Any] | None = None,
    *,
    suppress: Suppression | Sequence[Suppression] = (),
    select: str | Sequence[str] | None = None,
    baseline: str | Path | Baseline | None = None,
    config: str | Path | Configuration | None = None,
    log: Log | None = None,
) -> Report:
    """Look for what is wrong with the weights of `model` as they stand; no plan is needed, and nothing is changed.

    Each finding has a code; `initwise explain CODE` and docs/findings/ say what it means, why it matters, what to do,
    and when it is intended. Findings that say the same of many parameters, whose names differ only in numbers, are one.

    Of a sharded or DDP-wrapped model every rank must call it: ranks compare digests in one collective.

    Args:
        model: any `nn.Module` with values. Under `torch.compile` the original is checked.
        inputs: example inputs of its forward, as for `initwise.plan`. With them one forward and backward pass is
            measured, and everything that it touches is put back. Without them usage is read from built inputs where
            that works, and nothing is measured.
        loss: a function of the model's output that returns a scalar tensor; it needs `inputs`.
        suppress: findings that are meant so; a report keeps them apart, with their reasons.
        select: codes, or beginnings such as "SYM"; only these are reported.
        baseline: a file that `initwise check --write-baseline` wrote; what it holds is not reported again.
        config: a pyproject.toml whose table `[tool.initwise]` says the same three things. It is read only if it is
            named here; arguments beside it win, and suppressions add up.
        log: what `iw.record()` saw while the model was made: memory that nobody wrote is then known for certain,
            however harmless its numbers look, and so is what was overwritten.

    Returns:
        A report: `.findings` (errors first, then in the order of the model), `.rows` with one `CheckedParameter` for
        each parameter, `.suppressed`, `.known`, `.notes`, `.ok`; printing it shows what was found and counts the rest.

    Raises:
        ArgumentError: the model has no values or was never run, the inputs do not fit, a code is unknown.
        SchemaError: the baseline or the configuration is not one, or is of another version.

    >>> import torch, initwise as iw
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> _ = nn.init.constant_(model[0].weight, float("nan"))
    >>> [(finding.code, finding.parameter) for finding in iw.check(model).findings]
    [('INI101', '0.weight')]
    """
    wanted = _wanted(suppress, select, baseline, config)
    _check_loss(loss, inputs)
    reading = read_model(model, inputs)
    measured = None if inputs is None else probe(reading, as_example(inputs, reading.model), loss)
    subject = Subject(reading, measured, _checked_log(log))
    return reported(subject, _asked(subject), wanted)


def _checked_log(log: object) -> Log | None:
    if log is not None and not isinstance(log, Log):
        raise ArgumentTypeError(
            f"check: log is {show(log)} of type {type(log).__name__}; give what `with iw.record() as log:` gave"
        )
    return log


def _check_loss(loss: object, inputs: object) -> None:
    if loss is not None and inputs is None:
        raise ArgumentError("check: loss is given without inputs; give inputs= that the model's forward takes too")
    if loss is not None and not callable(loss):
        raise ArgumentTypeError(
            f"check: loss is {show(loss)} of type {type(loss).__name__}; give a function that takes the model's output"
            " and returns a scalar tensor"
        )


def _wanted(suppress: Any, select: Any, baseline: Any, config: Any) -> Configuration:
    """Return what arguments and configuration say together; paths are read, so that they fail before the model does."""
    arguments = Arguments("check")
    given = list(suppress) if isinstance(suppress, (list, tuple)) else [suppress]
    for each in given:
        if not isinstance(each, Suppression):
            arguments.refuse(f"suppress has {show(each)}; give iw.Suppression(code, parameters, reason=...)")
    arguments.done()
    chosen = codes(select, "check: select")
    said = _configured(config)
    return replace(
        said,
        suppress=(*given, *said.suppress),
        select=said.select if chosen is None else chosen,
        baseline=said.baseline if baseline is None else baseline,
    )


def _configured(config: str | Path | Configuration | None) -> Configuration:
    if isinstance(config, Configuration):
        return config
    return Configuration() if config is None else read_configuration(config)


def _asked(subject: Subject) -> Iterator[Finding]:
    for lint in LINTS:
        try:
            yield from lint(subject)
        except Exception as error:
            raise RuntimeError(f"check: the lint {_name(lint)} failed: {type(error).__name__}: {error}") from error


def _name(lint: Lint) -> str:
    return str(getattr(lint, "__name__", lint))
