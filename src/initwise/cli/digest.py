"""`initwise digest`: what weights in files are, or those that a plan describes, in 32 hexadecimal digits."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from initwise.cli import _options as options
from initwise.cli._decide import choose
from initwise.cli._output import note, show
from initwise.cli._planned import digest_of_plan
from initwise.cli._target import find_model
from initwise.digests import Lanes, Part, read_files, warm
from initwise.errors import DigestError, TargetError
from initwise.reporting import to_json


@dataclass(frozen=True)
class _Told:
    digest: str
    tensors: int
    elements: int
    bytes: int
    seconds: float
    gigabytes_per_second: float

    def words(self) -> str:
        return (
            f"{self.digest}\n{self.tensors:,} tensors, {self.elements:,} elements, {self.bytes:,} bytes in "
            f"{self.seconds:.2f} s ({self.gigabytes_per_second:.1f} GB/s)"
        )


def digest(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="PATH|TARGET",
            show_default=False,
            help="A safetensors file, an index, a folder of them, or a torch checkpoint; or a TARGET as of `init`.",
        ),
    ],
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="TARGET", help="For files: the model that knows buffers, ties and names."),
    ] = None,
    buffers: Annotated[bool, typer.Option("--buffers", help="Cover buffers too, those that files hold.")] = False,
    recipe: options.Recipe = None,
    rules: options.Rules = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    dtype: options.Dtype = None,
    form: options.OutputFormat = options.Format.TABLE,
    include_frozen: options.Frozen = False,
    inputs: options.Inputs = None,
) -> None:
    """Print the digest of weights in files, or of those that `init` would write for TARGET, without holding them."""
    path = Path(subject)
    planned = [each for each in (recipe, rules, seed, inputs) if each is not None] or include_frozen
    warm()
    start = time.perf_counter()
    if path.exists() or ":" not in subject:
        if planned:
            raise TargetError(
                f"digest {subject}: this is a path, whose weights are there; --recipe, --rules, --seed, --inputs and "
                "--include-frozen are for a TARGET"
            )
        if like is None and (settings or dtype):
            raise TargetError("--set and --dtype: they are for a model; give --like TARGET too")
        told = _of_files(path, like, settings, dtype, start, buffers=buffers)
    else:
        if like is not None:
            raise TargetError(f"--like: it is for files, and {subject!r} is a TARGET, which knows its buffers and ties")
        model = find_model(subject, settings, dtype)
        choice = choose(recipe, rules, seed, include_frozen=include_frozen, inputs=inputs)
        parts, lanes = digest_of_plan(model, choice, buffers=buffers)
        told = _told(parts, lanes, start)
    show(to_json(vars(told)) if form is options.Format.JSON else told.words())


def _of_files(path: Path, like: str | None, settings: Any, dtype: str | None, start: float, *, buffers: bool) -> _Told:
    known = None if like is None else find_model(like, settings, dtype).build(meta=True)
    try:
        found = read_files(path, buffers="persistent" if buffers else False, like=known)
    except DigestError as error:
        raise TargetError(f"digest: {'; '.join(error.problems)}") from error
    for each in found.notes:
        note(each)
    return _told(found.parts, found.lanes, start)


def _told(parts: list[Part], lanes: list[Lanes], start: float) -> _Told:
    elements = [math.prod(part.shape) for part in parts]
    size = sum(count * part.dtype.itemsize for count, part in zip(elements, parts, strict=True))
    seconds = time.perf_counter() - start
    return _Told(sum(lanes, Lanes()).hexadecimal, len(parts), sum(elements), size, seconds, size / 1e9 / seconds)
