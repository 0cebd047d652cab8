"""TARGET: which model a command is about, and how to build it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from initwise.cli._calls import call, resolve
from initwise.cli._libraries import LIBRARIES
from initwise.cli._values import assignments
from initwise.errors import TargetError

FORMS = (
    "package.module:callable, path/to/file.py:callable, torchvision:resnet50, timm:vit_base_patch16_224 or"
    " transformers:GPT2LMHeadModel"
)

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}


@dataclass(frozen=True)
class Model:
    """A target that was found and can be built: its module is imported, nothing is allocated yet."""

    target: str
    factory: Callable[[], Any]
    dtype: torch.dtype | None = None

    def build(self, *, meta: bool = False) -> nn.Module:
        """Build it. `meta=True` tries the meta device first (nothing is allocated) and falls back to the CPU.

        What the model's own code prints goes to standard error: standard output carries our result.
        """
        with contextlib.redirect_stdout(sys.stderr):
            built = _built(self.factory, meta=meta)
        if not isinstance(built, nn.Module):
            raise TargetError(
                f"target {self.target!r}: it gave a {type(built).__name__}, but it must be a torch.nn.Module, or a"
                " callable that returns one; wrap it in a function that returns the model."
            )
        # A compiled model is a wrapper around the model; files hold the names of the model itself.
        model = getattr(built, "_orig_mod", built)
        return model if self.dtype is None else model.to(self.dtype)


def find_model(target: str, settings: Sequence[str] | None = None, dtype: str | None = None) -> Model:
    """Find the model that `target` names, to be built with the arguments `settings` (each "name=value")."""
    wanted = _dtype(dtype)
    arguments = assignments(settings or ())
    with contextlib.redirect_stdout(sys.stderr):
        return Model(target, _factory(target, arguments), wanted)


def _dtype(name: str | None) -> torch.dtype | None:
    if name is None:
        return None
    if name not in DTYPES:
        raise TargetError(f"--dtype {name}: this is no dtype for weights; allowed are {', '.join(DTYPES)}.")
    return DTYPES[name]


def _factory(target: str, arguments: dict[str, Any]) -> Callable[[], Any]:
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(f"target {target!r}: it names no model; write {FORMS}.")
    if place in LIBRARIES:
        return LIBRARIES[place](name, arguments)
    found, search = resolve(target, place, name)
    return lambda: call(target, found, arguments, search)


def _built(build: Callable[[], Any], *, meta: bool) -> Any:
    if meta:
        # Any failure may be the meta device's: the CPU decides, and its error is the one that is told.
        with contextlib.suppress(Exception), torch.device("meta"):
            return build()
    return build()
