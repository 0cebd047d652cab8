"""What the tests of several processes run in each of them: functions of a rank that return what is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from initwise.calibration._landscape import found_by
from initwise.calibration._metainit import slopes

SIZES = (20, 44, 12)  # samples in the processes


def start(rank: int, folder: str, world: int) -> None:
    """Run all cases in one of several processes, and save what they return."""
    torch.set_num_threads(1)
    meet = f"file://{folder}/meet"
    dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=world, timeout=timedelta(seconds=60))
    found = {case.__name__: case(rank, world) for case in (CASES if world == 2 else CASES_OF_THREE)}
    torch.save(found, f"{folder}/{rank}")
    dist.destroy_process_group()


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))


def plan_of(model: nn.Module, seed: int = 0) -> iw.Plan:
    return iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=0.5), bias=iw.Zeros())], seed=seed)


def everything(world: int) -> tuple[Tensor, Tensor]:
    count = sum(SIZES[:world])
    x = torch.randn(count, 12, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.5, 2, count)[:, None]
    return x, x[:, :4].argmax(1)


def share(rank: int, world: int) -> tuple[Tensor, Tensor]:
    first = sum(SIZES[:rank])
    x, y = everything(world)
    return x[first : first + SIZES[rank]], y[first : first + SIZES[rank]]


def one_by_one(world: int) -> list[tuple[Tensor, Tensor]]:
    return [share(rank, world) for rank in range(world)]


def result(model: nn.Module, plan: iw.Plan) -> dict[str, Any]:
    """Return what is compared: numbers that were found, the digest, the words, and what the model holds."""
    factors = {
        row.name: torch.tensor(getattr(row.initializer, "factors", getattr(row.initializer, "listed", ())))
        for row in plan
    }
    return {
        "factors": factors,
        "digest": plan.digest(),
        "words": plan["0.weight"].reason,
        "held": iw.digest(model),
        "verified": iw.verify(model, plan).ok,
    }


def said(call: Callable[..., Any], *given: Any, **arguments: Any) -> str:
    """Return the error of a call, with its type."""
    try:
        call(*given, **arguments)
    except Exception as error:  # noqa: BLE001 - any: the test looks at it
        return f"{type(error).__name__}: {error}"
    return "nothing"


def lsuv(rank: int, world: int) -> dict[str, Any]:
    inner = network()
    model = nn.parallel.DistributedDataParallel(inner)
    return result(inner, iw.lsuv(model, [share(rank, world)], plan_of(model), tolerance=0.01))


def lsuv_of_several_batches(rank: int, world: int) -> dict[str, Any]:
    model = network()
    parts = list(share(rank, world)[0].split(8))  # another number of them in each process
    return result(model, iw.lsuv(model, parts, plan_of(model), tolerance=0.01, limit=9))


def weight_norm(rank: int, world: int) -> dict[str, Any]:
    model = network()
    return result(model, iw.weight_norm_init(model, [share(rank, world)], plan_of(model)))


def within(rank: int, world: int) -> dict[str, Any]:
    model = network()
    return result(model, iw.within_channel(model, [share(rank, world)], plan_of(model), iterations=3))


class ActNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(12)), nn.Parameter(torch.zeros(12))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x + self.bias)


def actnorm(rank: int, world: int) -> dict[str, Any]:
    model = nn.Sequential(ActNorm())
    plan = iw.plan(model, [iw.rule("*weight", iw.Ones()), iw.rule("*bias", iw.Zeros())])
    return result(model, iw.actnorm_init(model, [share(rank, world)], plan))


def prior(rank: int, world: int) -> dict[str, Any]:
    model = network()
    return result(model, iw.output_prior(model, plan_of(model), share(rank, world)[1]))


def metainit(rank: int, world: int) -> dict[str, Any]:
    model = network()
    return result(model, iw.metainit(model, [share(rank, world)], plan_of(model), steps=8))


def metainit_on_noise(rank: int, world: int) -> dict[str, Any]:
    model = network()
    return result(model, iw.metainit(model, None, plan_of(model), steps=8))


def metainit_slopes(rank: int, world: int, batches: Any = None) -> tuple[float, list[float]]:
    found: list[tuple[float, list[float]]] = []

    def search(landscape: Any) -> tuple[list[float], str]:
        found.append(slopes(landscape, [1.1, 0.9], 0))
        return [1.0, 1.0], ""

    model = network()
    given = [share(rank, world)] if batches is None else batches
    subject = (model, given, plan_of(model))
    found_by("metainit", subject, None, lambda row: len(row.shape) > 1, search, lambda: {"limit": 4})
    return found[0]


def gradinit(rank: int, world: int, batches: Any = None, **arguments: Any) -> dict[str, Any]:
    model = network()
    given = [share(rank, world)] if batches is None else batches
    return result(model, iw.gradinit(model, given, plan_of(model), steps=12, learning_rate=0.05, **arguments))


def gradinit_under_its_bound(rank: int, world: int, batches: Any = None) -> dict[str, Any]:
    return gradinit(rank, world, batches, bound=100.0)


def gradinit_for_adam(rank: int, world: int, batches: Any = None) -> dict[str, Any]:
    return gradinit(rank, world, batches, optimizer="adam", bound=8.0)


class Routed(nn.Module):
    """The second expert sees samples in the last process only."""

    def __init__(self, rank: int, world: int) -> None:
        super().__init__()
        self.experts, self.routes = nn.ModuleList([nn.Linear(12, 4), nn.Linear(12, 4)]), rank == world - 1
        self.last = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.experts[0](x) + (self.experts[1](x) if self.routes else 0.0)
        out: Tensor = self.last(y)
        return out


def experts(rank: int, world: int) -> list[str]:
    model = Routed(rank, world)
    plan = iw.lsuv(model, share(rank, world)[0], plan_of(model), tolerance=0.01)
    return [*(row.name for row in plan if isinstance(row.initializer, iw.Scaled)), plan.digest()]


STEPS: dict[str, Callable[..., Any]] = {
    "lsuv": iw.lsuv,
    "weight_norm_init": iw.weight_norm_init,
    "within_channel": iw.within_channel,
    "metainit": lambda *given: iw.metainit(*given, steps=1),
    "gradinit": lambda *given: iw.gradinit(*given, steps=1),
}


def failures(rank: int, world: int) -> dict[str, str]:
    """Return what each process says where the last one fails, by what is wrong there."""
    last, (x, y) = rank == world - 1, share(rank, world)
    model = nn.parallel.DistributedDataParallel(network())
    plan, other = plan_of(model), plan_of(model, seed=7)
    before = iw.digest(model)

    def loader() -> Iterator[tuple[Tensor, Tensor]]:
        if last:
            raise RuntimeError("no such file")
        yield x, y

    found = {}
    for name, step in STEPS.items():
        wrong = (x[:, :5], y) if last else (x, y)
        found[f"{name}: shape"] = said(step, model, wrong, plan)
        found[f"{name}: plan"] = said(step, model, (x, y), other if last else plan)
        found[f"{name}: no memory"] = said(step, network().to("meta") if last else model, (x, y), plan)
        found[f"{name}: loader"] = said(step, model, loader(), plan)
    found["output_prior: target"] = said(iw.output_prior, model, plan, y + 100 if last else y)
    found["lsuv: no variance"] = said(iw.lsuv, model, torch.zeros(8, 12), plan)
    synchronized = nn.Sequential(nn.Linear(12, 4), nn.SyncBatchNorm(4))
    rules = [iw.rule("0.*", iw.Normal()), iw.rule("1.*", iw.Ones())]
    found["lsuv: synchronized"] = said(iw.lsuv, synchronized, [x] * (2 if last else 1), iw.plan(synchronized, rules))
    found["lsuv: tolerance"] = said(iw.lsuv, model, x, plan, tolerance=0.5 if last else 0.1)
    found["lsuv: wrong tolerance"] = said(iw.lsuv, model, x, plan, tolerance=5.0 if last else 0.1)
    found["lsuv: metainit"] = said(iw.metainit if last else iw.lsuv, model, x, plan)
    found["gradinit: a loss that fails"] = said(iw.gradinit, model, (x, y), plan, loss=_failing(last=last))
    found["the model"] = "as it was" if iw.digest(model) == before else "changed"
    kept = network()
    torch.manual_seed(rank)
    nn.init.normal_(kept[2].weight)  # type: ignore[arg-type]
    partly = [iw.rule("0.weight", iw.Normal(std=0.5)), iw.rule("*.bias", iw.Zeros()), iw.rule("2.weight", iw.Keep())]
    partial = iw.plan(kept, partly)
    found["lsuv: kept weights"] = said(iw.lsuv, kept, x, partial)
    return found


def _failing(*, last: bool) -> Callable[[Tensor, Tensor], Tensor]:
    calls = [0]

    def loss(output: Tensor, labels: Tensor) -> Tensor:
        calls[0] += 1
        if last and calls[0] == 5:
            raise ArithmeticError("a loss of the user's")
        return F.cross_entropy(output, labels)

    return loss


def shards(rank: int, world: int) -> dict[str, str]:
    """Return what each step says of a model in shards."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model, batch = network(), share(rank, world)
    mesh = init_device_mesh("cpu", (world,))
    plan = plan_of(model)
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
    return {name: said(step, model, batch, plan) for name, step in STEPS.items()}


def calibrated_then_in_shards(rank: int, world: int) -> dict[str, bool]:
    """Do what the error about shards says: calibrate, shard, apply; return which weights are those of the plan."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    whole, model = network(), network()
    plan = iw.lsuv(whole, share(rank, world), plan_of(whole))
    fully_shard(model, mesh=init_device_mesh("cpu", (world,)))
    iw.apply(model, plan)
    pairs = zip(whole.named_parameters(), model.parameters(), strict=True)
    return {name: torch.equal(one, other.full_tensor()) for (name, one), other in pairs}  # type: ignore[attr-defined]


CASES: tuple[Callable[[int, int], Any], ...] = (
    lsuv,
    lsuv_of_several_batches,
    weight_norm,
    within,
    actnorm,
    prior,
    metainit,
    metainit_on_noise,
    metainit_slopes,
    gradinit,
    gradinit_under_its_bound,
    gradinit_for_adam,
    experts,
    failures,
    shards,
    calibrated_then_in_shards,
)
CASES_OF_THREE: tuple[Callable[[int, int], Any], ...] = (lsuv, lsuv_of_several_batches, metainit, gradinit, failures)
