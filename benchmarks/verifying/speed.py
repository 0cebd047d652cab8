"""How long `verify` takes, and how much memory beyond the model: each measured in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Limit, in_new_process

GPT2 = """
import statistics, time, torch, initwise as iw
from examples import gpt2
from examples.demo import fill_with_torch
model = gpt2.build()
plan = iw.plan(model, "gpt2", seed=0)
{write}
def seconds():
    start = time.perf_counter()
    assert iw.verify(model, plan, exact={exact}).ok
    return time.perf_counter() - start
first = seconds()
print(statistics.median(seconds() for _ in range(5)))
"""

LLAMA = """
import re, time, torch, initwise as iw
def peak(word):
    return 1024 * int(re.search(word + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
def check(rows):
    model = torch.nn.Linear(4096, rows, bias=False, dtype=torch.{dtype})
    plan = iw.plan(model, iw.rule("weight", iw.Normal(std=0.02)), seed=0)
    iw.apply(model, plan)
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew from what is in use now
    before, start = peak("VmRSS"), time.perf_counter()
    assert iw.verify(model, plan, exact={exact}).ok
    taken = time.perf_counter() - start
    size = rows * 4096 * model.weight.element_size()
    return taken if "{what}" == "s" else 100 * (peak("VmHWM") - before) / size
check(512)  # kernels loaded, buffers of the threads made
print(check(14336))
"""


def limits() -> Iterator[Limit]:
    """All of them."""
    for exact, write, what in (
        (True, "iw.apply(model, plan)", "bit for bit"),
        (False, "iw.apply(model, plan)", "by its laws, exact=False"),
        (True, "fill_with_torch(model)", "drawn by torch.nn.init, exact=True"),
    ):
        code = GPT2.format(exact=exact, write=write)
        yield Limit(f"GPT-2 124 M, {what}", in_new_process(code), 1.5, "s")
    for dtype in ("float32", "bfloat16"):
        for exact, what in ((True, "bit for bit"), (False, "by its law")):
            code = LLAMA.format(dtype=dtype, exact=exact, what="s")
            yield Limit(f"4096 x 14336 {dtype}, {what}", in_new_process(code), None, "s")
            if Path("/proc/self/clear_refs").exists():
                code = LLAMA.format(dtype=dtype, exact=exact, what="%")
                yield Limit(
                    f"4096 x 14336 {dtype}, {what}: extra memory", in_new_process(code), 10.0, "% of the weight"
                )
