"""Ask `iw.predict` about one model."""

from __future__ import annotations

import time

import initwise as iw
from benchmarks.signals._case import Case
from benchmarks.signals._measure import build
from benchmarks.signals._score import Predicted


def predicted(case: Case) -> Predicted:
    """Return what is predicted of a model, and how long that took; what is raised becomes a reason."""
    model, inputs = build(case), case.inputs()
    plan = iw.plan(model, case.recipe, seed=0, inputs=inputs)
    start, before = time.perf_counter(), time.process_time()
    try:
        found = iw.signals.predict(model, plan, inputs)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model counts as not predicted
        first = str(error).splitlines()[:1]
        reason = f"{type(error).__name__}: {first[0] if first else ''}"
        return Predicted(seconds=time.perf_counter() - start, processor=time.process_time() - before, reason=reason)
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    told = [f"{each.count} x {each.operation}: {each.reason}" for each in found.unknown]
    return Predicted(
        {key: row.second_moment for key, row in found.numbered.items()},
        {key: row.grad_second_moment for key, row in found.numbered.items()},
        {name: each.grad_second_moment for name, each in found.parameters.items()},
        found.loss,
        seconds,
        processor,
        "; ".join(told),
    )
