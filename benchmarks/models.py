"""A whole model: GPT-2 (124 M) by recipe, against transformers' own pass over its own GPT-2."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

import initwise as iw
from benchmarks.measure import Row, medians
from examples import gpt2
from examples.demo import fill_with_torch
from tests import peers  # noqa: F401 - makes torchvision, which transformers imports, fit a CPU build of torch


def transformers_pass() -> Callable[[], object]:
    """What transformers runs after it has built a model: `_init_weights` on every module.

    The pass skips what carries its mark, so the marks are wiped first; that takes microseconds. It draws the matrix
    that embedding and head share twice, and so the residual projections: that is how it works.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config())

    def again() -> None:
        for part in (*model.modules(), *model.parameters()):
            vars(part).pop("_is_hf_initialized", None)
        model.initialize_weights()

    return again


def plan_and_apply(model: nn.Module) -> None:
    """What we do in the same place."""
    iw.apply(model, iw.plan(model, "gpt2", seed=0))


def rows() -> Iterator[Row]:
    """Against transformers where it is installed, and against torch with the same laws."""
    ours = partial(plan_and_apply, gpt2.build())
    if importlib.util.find_spec("transformers") is not None:
        seconds = medians({"torch": transformers_pass(), "initwise": ours})
        yield Row("GPT-2 124 M, plan + apply (torch column: transformers' pass)", seconds, 4.0)
    seconds = medians({"torch": partial(fill_with_torch, gpt2.build()), "initwise": ours})
    yield Row("GPT-2 124 M, plan + apply (torch column: torch.nn.init, same laws)", seconds)
