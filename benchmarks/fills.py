"""Element-wise laws into a large tensor: the drop-in functions against `torch.nn.init`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch

from benchmarks.measure import Contestants, Row, medians
from initwise import init

SIZE = 64 * 2**20
CASES: tuple[tuple[str, str, float, float], ...] = (  # what, function of `init`, at least: all cores, one core
    ("normal", "normal_", 4.0, 2.0),
    ("uniform", "uniform_", 7.0, 4.0),
    ("truncated normal, ±2σ", "trunc_normal_", 30.0, 15.0),
)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch, and so initwise, use this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def contest(function: str, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """torch and initwise, filling the same memory."""
    tensor = torch.zeros(SIZE, dtype=dtype)
    return {
        "torch": partial(getattr(torch.nn.init, function), tensor),
        "initwise": partial(getattr(init, function), tensor),
    }


def numpy_peer(function: str) -> Contestants:
    """NumPy's generator (PCG64, one thread); it has no truncated normal."""
    generator, out = np.random.default_rng(0), np.zeros(SIZE, dtype=np.float32)
    peers: dict[str, Callable[[], object]] = {
        "normal_": partial(generator.standard_normal, dtype=np.float32, out=out),
        "uniform_": partial(generator.random, dtype=np.float32, out=out),
    }
    return {"NumPy": peers[function]} if function in peers else {}


def jax_peer(function: str) -> Contestants:
    """JAX's generator (threefry, all cores), where JAX is installed."""
    if importlib.util.find_spec("jax") is None:
        return {}
    import jax

    draw = {
        "normal_": jax.random.normal,
        "uniform_": jax.random.uniform,
        "trunc_normal_": partial(jax.random.truncated_normal, lower=-2.0, upper=2.0),
    }[function]
    compiled, key = jax.jit(partial(draw, shape=(SIZE,))), jax.random.key(0)
    return {"JAX": lambda: compiled(key).block_until_ready()}


def rows() -> Iterator[Row]:
    """float32 on all cores and on one; bfloat16 on all cores."""
    cores = torch.get_num_threads()
    for what, function, at_least, _ in CASES:
        everyone = contest(function, torch.float32) | dict(numpy_peer(function)) | dict(jax_peer(function))
        yield Row(f"{what}, float32, 64 Mi elements, {cores} threads", medians(everyone), at_least)
    with threads(1):
        for what, function, _, at_least in CASES:
            yield Row(f"{what}, the same on 1 thread", medians(contest(function, torch.float32)), at_least)
    yield Row(f"normal, bfloat16, {cores} threads", medians(contest("normal_", torch.bfloat16)), 6.0)
