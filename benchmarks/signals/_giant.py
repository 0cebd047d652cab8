"""Llama 405B on meta, planned and predicted in a process of its own: `python -m benchmarks.signals._giant 512`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS = {
    "hidden_size": 16384,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "intermediate_size": 53248,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
SECONDS, GIGABYTES = 60.0, 4.0
_MOST = 10 * 2**30  # bytes, at which it ends: an error here, and nothing that the system has to end elsewhere


def measured(length: int) -> dict[str, Any]:
    """Return what planning and predicting takes for 1 x `length` tokens: seconds, gigabytes, the loss, a reason."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.signals._giant", str(length)]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired:
        return {"length": length, "reason": "no answer after 900 s"}
    if done.returncode:
        return {"length": length, "reason": (done.stderr.strip().splitlines() or ["killed"])[-1][:300]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Plan, predict, print one line of JSON."""
    from tests import peers  # noqa: F401, I001 - makes torchvision, which transformers imports, importable
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    import initwise as iw

    resource.setrlimit(resource.RLIMIT_DATA, (_MOST, _MOST))
    length = int(sys.argv[1])
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SETTINGS))
    ids = torch.randint(3, SETTINGS["vocab_size"], (1, length), generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids, "use_cache": False}
    before, start = _gigabytes(), time.perf_counter()
    plan = iw.plan(model, "llama", inputs=inputs)
    middle = time.perf_counter()
    found = iw.signals.predict(model, plan, inputs)
    print(
        json.dumps(
            {
                "length": length,
                "plan": middle - start,
                "predict": time.perf_counter() - middle,
                "before": before,
                "gigabytes": _gigabytes(),
                "rows": len(found.rows),
                "loss": found.loss,
                "reason": "; ".join(f"{each.operation}: {each.reason}" for each in found.unknown),
            }
        )
    )


def _gigabytes() -> float:
    """Return the most memory that the process held, in units of 10^9 bytes.

    Of a process that was started by a larger one, Linux counts the larger one's in `ru_maxrss`.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    most = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return (used if most is None else most) / 1e9


if __name__ == "__main__":
    main()
