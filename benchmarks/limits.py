"""What should stay small: memory while filling, the first fill of a process, the time to import, to plan."""

from __future__ import annotations

import importlib.util
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

PLANNING = """
import resource, time, torch, initwise as iw, transformers as T
iw.plan(torch.nn.Linear(2, 2))  # rooms loaded
with torch.device("meta"):
    model = T.{model}
start = time.perf_counter()
iw.plan(model)
print(time.perf_counter() - start if "{what}" == "s" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""

XL = "GPT2LMHeadModel(T.GPT2Config(n_layer=48, n_embd=1600, n_head=25))"
LLAMA = (
    "LlamaForCausalLM(T.LlamaConfig(num_hidden_layers=126, hidden_size=16384, num_attention_heads=128, "
    "num_key_value_heads=8, intermediate_size=53248, vocab_size=128256))"
)

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


def planning() -> Iterator[Limit]:
    """Planning by `auto` on meta, the traced pass included; memory is the whole process's, libraries included."""
    for what, model, unit, at_most in (
        ("plan GPT-2 XL with a trace", XL, "s", 2.0),
        ("plan Llama-3.1-405B with a trace", LLAMA, "s", 20.0),
        ("plan Llama-3.1-405B with a trace, peak memory", LLAMA, "GiB", 1.0),
    ):
        code = PLANNING.format(model=model, what=unit)
        yield Limit(what, statistics.median(in_new_process(code) for _ in range(3)), at_most, unit)


def limits() -> Iterator[Limit]:
    """All of them."""
    yield from memory()
    yield from first_fill()
    yield from import_time()
    if importlib.util.find_spec("transformers"):
        yield from planning()
