"""What a traced pass may disturb outside the model, kept and put back: random numbers, and how torch compiles."""

from __future__ import annotations

import contextlib
import random
import sys
import warnings
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Run without gradients, without compiling and without warnings; every random generator is put back afterwards."""
    python = random.getstate()
    numpy = sys.modules.get("numpy.random")
    numbers = numpy.get_state() if numpy is not None else None
    generator = torch.default_generator.get_state()
    try:
        with warnings.catch_warnings(), torch.no_grad(), _eager():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        if numpy is not None and numbers is not None:
            numpy.set_state(numbers)
        torch.default_generator.set_state(generator)


@contextlib.contextmanager
def _eager() -> Iterator[None]:
    """Run what `torch.compile` made as it was written; nothing was compiled where dynamo was never imported."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
