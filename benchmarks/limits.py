"""What should stay small: memory while filling, the first fill of a process, the time to import."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Limit, in_new_process

MEMORY = """
import re, torch, initwise as iw
def peak(word):
    return 1024 * int(re.search(word + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
def fill(rows):
    model = torch.nn.Embedding(rows, 1024)
    plan = iw.plan(model, iw.rule("weight", {initializer}), seed=0)
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew from what is in use now
    before = peak("VmRSS")
    iw.apply(model, plan)
    return 100 * (peak("VmHWM") - before) / (4 * 1024 * rows)
fill(64)  # kernels loaded, threads started
print(fill(65536))
"""

FIRST_FILL = """
import time, torch, initwise as iw
tensor = torch.zeros(1000, 1000)
start = time.perf_counter()
iw.init.normal_(tensor)
print(time.perf_counter() - start)
"""

IMPORT = """
import time, torch
start = time.perf_counter()
import initwise
{then}
print(time.perf_counter() - start)
"""

EVERY_NAME = "for name in initwise.__all__: getattr(initwise, name)"

INITIALIZERS = ("iw.Normal(std=0.02)", "iw.Uniform(-1, 1)", "iw.TruncatedNormal(std=0.02)", "iw.Zeros()")


def memory() -> Iterator[Limit]:
    """Peak memory above what the model needs, in a process of its own for each law (Linux only)."""
    if Path("/proc/self/clear_refs").exists():
        extra = {name: in_new_process(MEMORY.format(initializer=name)) for name in INITIALIZERS}
        yield Limit("extra memory while filling 64 Mi float32", max(extra.values()), 5.0, "% of the tensor", extra)


def first_fill() -> Iterator[Limit]:
    """The first fill in a new process, its library loads included: kernels in the disk cache, and not compiled yet."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = in_new_process(FIRST_FILL, XDG_CACHE_HOME=folder)
        cached = statistics.median(in_new_process(FIRST_FILL, XDG_CACHE_HOME=folder) for _ in range(5))
    yield Limit("first fill in a new process, kernels cached", cached, 0.5, "s")
    yield Limit("first fill in a new process, nothing compiled yet", compiled, 6.0, "s")


def import_time() -> Iterator[Limit]:
    """`import initwise` after `import torch`; and with it every public name, whose rooms load at first use."""
    for what, then, at_most in (("import initwise", "", 0.15), ("and then every public name", EVERY_NAME, None)):
        code = IMPORT.format(then=then)
        in_new_process(code)  # byte code compiled, files read once
        yield Limit(
            f"{what}, over import torch", statistics.median(in_new_process(code) for _ in range(5)), at_most, "s"
        )


def limits() -> Iterator[Limit]:
    """All of them."""
    yield from memory()
    yield from first_fill()
    yield from import_time()
