"""Real processes: a start for all cases of a test module, and what a rank says about its part of a model."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.utils._python_dispatch import TorchDispatchMode

import initwise as iw
from initwise.model import canonical_name
from initwise.shards import held

Case = Callable[[int, int], Any]  # (rank, world) -> what is compared


def launched(cases: Sequence[Case], world: int, folder: Path) -> list[dict[str, Any]]:
    """Run the cases in so many processes, one after the other, and return what each rank found."""
    spawn(_rank, args=(list(cases), world, str(folder)), nprocs=world)
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(world)]


def _rank(rank: int, cases: Sequence[Case], world: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meet = f"file://{folder}/meet"
    dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=world, timeout=timedelta(seconds=120))
    found: dict[str, Any] = {}
    for case in cases:
        torch.manual_seed(0)
        try:
            found[case.__name__] = case(rank, world)
        except Exception:  # noqa: BLE001 - told by the test, and the other cases go on
            found[case.__name__] = traceback.format_exc()
        dist.barrier()
    torch.save(found, f"{folder}/{rank}")
    dist.destroy_process_group()


class Collectives(TorchDispatchMode):
    """Names of the operations between processes, with the bytes that this rank sends."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "c10d" in func.namespace:
            sent = [each for each in _flat(args) if isinstance(each, Tensor)]
            self.seen.append((func._schema.name.split("::")[1], sent[-1].nbytes if sent else 0))
        return func(*args, **(kwargs or {}))


def _flat(values: Any) -> list[Any]:
    return [inner for each in values for inner in _flat(each)] if isinstance(values, list | tuple) else [values]


def wrong(model: nn.Module, want: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the parameters that are not, bit for bit, those of one process; by torch's own gathering."""
    found = []
    for path, parameter in model.named_parameters(remove_duplicate=False):
        name = canonical_name(path)
        whole = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
        pieces = all(torch.equal(piece.view, piece.of(want[name])) for piece in held(parameter).pieces)
        if not (pieces and torch.equal(whole, want[name])):
            found.append(name)
    return found


def poisoned(model: nn.Module) -> nn.Module:
    """Return the model with NaN everywhere."""
    with torch.no_grad():
        for parameter in model.parameters():
            here = parameter.to_local() if hasattr(parameter, "to_local") else parameter
            here.fill_(float("nan"))
    return model


def said(call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """Return the error of a call, with its type; "nothing" without one."""
    try:
        call(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - any: the test looks at it
        return f"{type(error).__name__}: {error}"
    return "nothing"


def untouched(model: nn.Module) -> bool:
    """Tell whether a poisoned model was not written."""
    local = [each.to_local() if hasattr(each, "to_local") else each for each in model.parameters()]
    return all(bool(each.isnan().all()) for each in local)


def verified(model: nn.Module, plan: iw.Plan) -> list[str]:
    """Return what verification finds wrong, or not proven bit for bit."""
    report = iw.verify(model, plan, exact="required")
    return [f"{row.name}: {row.verdict} {row.proof}" for row in report.rows if row.proof not in {"bit for bit", ""}] + [
        str(finding) for finding in report.findings
    ]
