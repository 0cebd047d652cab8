"""The digest of the weights that `init` would write: drawn a stretch at a time, summed, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from initwise.cli._decide import Choice
from initwise.cli._output import note
from initwise.cli._target import Model
from initwise.digests import Lanes, Part, parts_of, summed
from initwise.initializers import Keep
from initwise.model import Parameter, read
from initwise.planning import Plan, Row
from initwise.shards import FlatRange, held
from initwise.writing import apply, drawn, write_parts

STRETCH = 2**22  # elements that are in memory at a time


def digest_of_plan(model: Model, choice: Choice, *, buffers: bool) -> tuple[list[Part], list[Lanes]]:
    """Return what `init` would write, and the sums over each tensor of it.

    Parameters are drawn part by part from a model on meta; one whose law is drawn at once (orthogonal and kin), or that
    has a padding row, as a whole. What comes from the model's own code (what the plan keeps, buffers) and what a
    parametrization computes needs the model: it is then built and initialized like `init` does.
    """
    built = model.build(meta=True)
    made = choice.plan(built)
    parameters = {each.name: each for each in read(built).parameters}
    needs = "buffers" if buffers else _own_code(made, parameters)
    if needs:
        note(f"the model is built, and held in memory, for {needs}")
        parts = _initialized(model, choice, buffers=buffers)
        return parts, summed(parts)
    lanes = [sum(_stretches(parameters[row.name], row, made.seed), Lanes()) for row in made]
    return [Part("parameter", row.name, row.dtype, row.shape, ()) for row in made], lanes


def _own_code(made: Plan, parameters: dict[str, Parameter]) -> str:
    kept = [row.name for row in made if any(isinstance(part.initializer, Keep) for part in row.parts)]
    if kept:
        return f"what the plan keeps ({kept[0]!r}{', ...' if len(kept) > 1 else ''})"
    computed = [row.name for row in made if parameters[row.name].sources]
    return f"what a parametrization computes ({computed[0]!r})" if computed else ""


def _initialized(model: Model, choice: Choice, *, buffers: bool) -> list[Part]:
    torch.manual_seed(choice.seed)  # as in `init`: it makes the model's own draws repeatable
    built: nn.Module = model.build()
    apply(built, choice.plan(built))
    return parts_of(built, "persistent" if buffers else False)


def _stretches(parameter: Parameter, row: Row, seed: int) -> Iterator[Lanes]:
    if row.padding is not None or any(part.draw is None for part in row.parts):
        values = drawn(parameter, row, seed)
        yield from summed([Part("parameter", row.name, row.dtype, row.shape, held(values).pieces)])
        return
    memory = torch.empty(min(STRETCH, row.numel), dtype=row.dtype)
    for start in range(0, row.numel, STRETCH):
        here = held(memory[: min(STRETCH, row.numel - start)], FlatRange(row.shape, start))
        write_parts(here, row.parts, seed=seed, name=row.canonical)
        yield from summed([Part("parameter", row.name, row.dtype, row.shape, here.pieces)])
