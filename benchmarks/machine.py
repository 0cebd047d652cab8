"""The machine that measured, in one line: numbers without it mean nothing."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
from pathlib import Path

import torch


def processor() -> str:
    """The processor's name, as the system says it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def versions() -> str:
    """The libraries that the numbers depend on."""
    found = []
    for name in ("torch", "numpy", "numba", "transformers", "jax"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def machine() -> str:
    """Processor, threads, vector instructions, GPU, Python, libraries, date."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    level = torch.backends.cpu.get_cpu_capability()
    cpu = f"{processor()}, {torch.get_num_threads()} threads, {level}, {gpu}"
    return f"{cpu}; Python {platform.python_version()}, {versions()}; {today}"
