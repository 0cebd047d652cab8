"""What each of two processes does in the tests of shards: functions of a rank that return what is compared."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import initwise as iw
from tests.shards.models import INPUTS, RULES, STRUCTURED, Network, by_one_process, planned
from tests.shards.ranks import Case, Collectives, poisoned, said, untouched, verified, wrong


def _sharded(model: Any, **options: Any) -> Any:
    for block in model.blocks:
        fully_shard(block, **options)
    return fully_shard(model, **options)


def _placed(*placements: Any, mesh: Any = None, shape: tuple[int, int] = (6, 4)) -> Any:
    """A linear layer without bias, distributed."""
    model = nn.Linear(shape[1], shape[0], bias=False)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),)) if mesh is None else mesh
    model.weight = nn.Parameter(distribute_tensor(model.weight.detach(), mesh, placements))
    return model


NORMAL = iw.rule("*", iw.Normal(std=0.5))


def fsdp(rank: int, world: int) -> Any:
    """Under each recipe, with equal seeds of torch and with different ones."""
    found = {}
    for name, rules in RULES.items():
        plan, want = by_one_process(rules)
        for equal in (True, False):
            torch.manual_seed(0 if equal else rank)
            model = _sharded(Network())
            torch.manual_seed(0 if equal else rank)
            state = torch.get_rng_state()
            mine = planned(model, rules)
            iw.apply(model, mine)
            found[name, equal] = (
                wrong(model, want),
                mine.digest() == plan.digest(),
                torch.equal(state, torch.get_rng_state()),
            )
    return found


def tensor_parallel(rank: int, world: int) -> Any:
    model, (plan, want) = Network(), by_one_process(STRUCTURED)
    mesh = init_device_mesh("cpu", (world,))
    for block in model.blocks:
        parallelize_module(block, mesh, {"up": ColwiseParallel(), "down": RowwiseParallel()})
    iw.apply(model, plan)
    return wrong(model, want)


def replicas(rank: int, world: int) -> Any:
    model = _placed(Replicate())
    whole = nn.Linear(4, 6, bias=False)
    plan = iw.plan(whole, NORMAL)
    iw.apply(whole, plan)
    iw.apply(model, plan)
    return torch.equal(model.weight.to_local(), whole.weight)


def experts_on_a_mesh_of_their_own(rank: int, world: int) -> Any:
    """Dense layers cut over one mesh, experts over another."""
    model: Any = nn.ModuleDict({"dense": nn.Linear(6, 5), "experts": nn.Linear(6, 7), "last": nn.Linear(6, 3)})
    whole = copy.deepcopy(model)
    plan = iw.plan(model, STRUCTURED[0])
    iw.apply(whole, plan)
    fully_shard(model["dense"], mesh=init_device_mesh("cpu", (world,)))
    square = init_device_mesh("cpu", (1, world), mesh_dim_names=("data", "expert"))
    parallelize_module(model["experts"], square["expert"], ColwiseParallel())
    fully_shard(model["last"], mesh=square)
    with Collectives() as between:
        iw.apply(model, plan)
    return wrong(model, dict(whole.named_parameters())), between.seen


def fsdp1(rank: int, world: int) -> Any:
    plan, want = by_one_process()
    model = FullyShardedDataParallel(Network(), use_orig_params=True, device_id=torch.device("cpu"))
    iw.apply(model, plan)
    with FullyShardedDataParallel.summon_full_params(model):
        return wrong(model, want)


def fsdp1_without_names(rank: int, world: int) -> Any:
    model = FullyShardedDataParallel(Network(), use_orig_params=False, device_id=torch.device("cpu"))
    plan, _ = by_one_process()
    named = FullyShardedDataParallel(Network(), use_orig_params=True, device_id=torch.device("cpu"))
    return [said(iw.plan, model), said(iw.apply, model, plan)], said(iw.plan, named)


def what_is_sent(rank: int, world: int) -> Any:
    plan, _ = by_one_process(STRUCTURED)
    found = []
    for agree in (True, False):
        model = _sharded(Network())
        with Collectives() as between:
            iw.apply(model, plan, agree=agree)
        found.append(between.seen)
    plain = Network()
    with Collectives() as between:
        iw.apply(plain, plan)
    return [*found, between.seen]


def of_one_group(rank: int, world: int) -> Any:
    """Plain tensors of tensor-parallel code, with the group that holds them."""
    whole = nn.Linear(4, 6, bias=False)
    plan = iw.plan(whole, NORMAL, seed=1)
    iw.apply(whole, plan)
    part = nn.Linear(4, 3, bias=False)
    shards = {"weight": iw.Slice((6, 4), (3 * rank, 0))}
    with Collectives() as between:
        iw.apply(part, plan, shards=shards, agree=dist.group.WORLD)
    other = iw.plan(whole, NORMAL, seed=rank)
    refused = said(iw.apply, part, other, shards=shards, agree=dist.group.WORLD)
    return torch.equal(part.weight, whole.weight[3 * rank : 3 * rank + 3]), between.seen, refused


def different_seeds(rank: int, world: int) -> Any:
    model = poisoned(_sharded(Network()))
    return said(iw.apply, model, planned(model, seed=rank)), untouched(model)


def different_plans(rank: int, world: int) -> Any:
    model = poisoned(_sharded(Network()))
    return said(iw.apply, model, planned(model, ["auto", "torch-default"][rank])), untouched(model)


def different_placements(rank: int, world: int) -> Any:
    """Each rank has a local part of the shape that its own placement leaves: only all of them can tell."""
    mesh = init_device_mesh("cpu", (world,))
    model = nn.Linear(4, 6, bias=False)
    plan = iw.plan(model, NORMAL)
    local, placement = (torch.zeros(3, 4), Shard(0)) if rank == 0 else (torch.zeros(6, 2), Shard(1))
    odd = DTensor.from_local(local, mesh, [placement], run_check=False, shape=torch.Size((6, 4)), stride=(4, 1))
    model.weight = nn.Parameter(odd)
    poisoned(model)
    refused = said(iw.apply, model, plan), untouched(model)
    allowed = said(iw.apply, model, plan, agree=dist.group.WORLD)  # a caller's group may hold different meshes
    return refused if allowed == "nothing" else (allowed, False)


def different_replicas(rank: int, world: int) -> Any:
    """DDP, wrapped as a whole and compiled, and inside of a model."""
    found = []
    for wrap in (
        nn.parallel.DistributedDataParallel,
        lambda model: torch.compile(nn.parallel.DistributedDataParallel(model)),
        lambda model: nn.Sequential(nn.parallel.DistributedDataParallel(model)),
    ):
        model: Any = wrap(nn.Linear(4, 4))
        plan = iw.plan(model, NORMAL, seed=rank)
        found.append(said(iw.apply, model, plan))
    return found


def different_flat_parameters(rank: int, world: int) -> Any:
    model = FullyShardedDataParallel(Network(), use_orig_params=True, device_id=torch.device("cpu"))
    return said(iw.apply, model, planned(Network(), seed=rank))


def troubles_of_one_rank(rank: int, world: int) -> Any:
    """Whatever the second rank finds, the first does not wait for it, and writes nothing."""

    def fails(*_: Any) -> Any:
        raise ValueError("not today")

    def local_of_another_shape() -> tuple[Any, Any, dict[str, Any]]:
        model = _placed(Shard(0))
        if rank == 1:
            mesh = model.weight.device_mesh
            odd = DTensor.from_local(
                torch.zeros(2, 4), mesh, [Shard(0)], run_check=False, shape=torch.Size((6, 4)), stride=(4, 1)
            )
            model.weight = nn.Parameter(odd)
        return model, iw.plan(nn.Linear(4, 6, bias=False), NORMAL), {}

    def extra() -> tuple[Any, Any, dict[str, Any]]:
        model = _placed(Shard(0))
        plan = iw.plan(nn.Linear(4, 6, bias=False), NORMAL)
        if rank == 1:
            model.extra = nn.Linear(2, 2)
        return model, plan, {}

    def names() -> tuple[Any, Any, dict[str, Any]]:
        plan = iw.plan(nn.Sequential(nn.Linear(4, 6, bias=False)), NORMAL)
        return _placed(Shard(0)), plan, {"names": {"weight": "0.weight" if rank == 0 else "7.weight"}}

    def function() -> tuple[Any, Any, dict[str, Any]]:
        works = iw.Custom(lambda shape, _, draw: draw.normal(shape))
        plan = iw.plan(nn.Linear(4, 6, bias=False), iw.rule("*", works))
        if rank == 1:
            plan = iw.plan(nn.Linear(4, 6, bias=False), iw.rule("*", iw.Custom(fails)))
        return _placed(Shard(0)), plan, {}

    def fault_of_a_caller() -> tuple[Any, Any, dict[str, Any]]:
        plan = iw.plan(nn.Linear(4, 6, bias=False), NORMAL)
        return _placed(Shard(0)), plan, {"names": (lambda name: name) if rank == 0 else fails}

    found = {}
    for each in (local_of_another_shape, extra, names, function, fault_of_a_caller):
        model, plan, options = each()
        poisoned(model)
        found[each.__name__] = said(iw.apply, model, plan, **options), untouched(model)
    return found


def stages(rank: int, world: int) -> Any:
    """Each rank is a stage with a mesh of its own, and plans of its own: nobody compares with another stage."""
    whole: Any = Network()
    plan = planned(whole)
    iw.apply(whole, plan)
    meshes = init_device_mesh("cpu", (world, 1), mesh_dim_names=("stage", "data"))
    stage: Any = nn.Sequential(Network(depth=1).blocks[0])
    fully_shard(stage, mesh=meshes["data"])
    iw.apply(stage, plan, names={"0": f"blocks.{rank}"})
    return wrong(stage[0], dict(whole.blocks[rank].named_parameters()))


def outside_of_the_mesh(rank: int, world: int) -> Any:
    from torch.distributed.device_mesh import DeviceMesh

    whole = nn.Linear(4, 6, bias=False)
    plan = iw.plan(whole, NORMAL)
    iw.apply(whole, plan)
    mesh = DeviceMesh("cpu", [1])
    model = _placed(Shard(0), mesh=mesh)
    iw.apply(model, plan)
    local = model.weight.to_local()
    return torch.equal(local, whole.weight) if rank == 1 else local.numel() == 0


def rows_from_old_ones(rank: int, world: int) -> Any:
    """Old rows are gathered once; NaN among them is found by all."""
    whole = nn.Embedding(9, 4)
    with torch.no_grad():
        whole.weight.copy_(torch.arange(36.0).view(9, 4).sin())
    model: Any = nn.Embedding(9, 4)
    model.load_state_dict(whole.state_dict())
    fully_shard(model)
    plan = iw.plan(whole, iw.rule("weight", iw.MeanOfRows()), old_rows={"weight": 6})
    iw.apply(whole, plan)
    with Collectives() as between:
        iw.apply(model, plan)
    right = wrong(model, dict(whole.named_parameters()))
    if rank == 0:
        with torch.no_grad():
            model.weight.to_local()[0] = float("nan")
    return right, [name for name, _ in between.seen], said(iw.apply, model, plan)


def contradictions(rank: int, world: int) -> Any:
    plan = iw.plan(nn.Linear(4, 6, bias=False), NORMAL)
    mesh = init_device_mesh("cpu", (world,))
    found = {}
    for name, placement, local in (
        ("shape", Shard(0), torch.zeros(2, 4)),
        ("partial", Partial(), torch.zeros(6, 4)),
        ("meta", Shard(0), torch.zeros(3, 4, device="meta")),
    ):
        model = nn.Linear(4, 6, bias=False)
        odd = DTensor.from_local(local, mesh, [placement], run_check=False, shape=torch.Size((6, 4)), stride=(4, 1))
        model.weight = nn.Parameter(odd)
        found[name] = said(iw.apply, model, plan)
    found["both"] = said(iw.apply, _placed(Shard(0)), plan, shards={"weight": iw.Slice((6, 4))})
    computed: Any = nn.utils.parametrizations.weight_norm(nn.Linear(4, 6, bias=False))
    plan = iw.plan(computed, NORMAL)
    originals = computed.parametrizations["weight"]
    for each, tensor in list(originals.named_parameters()):
        setattr(originals, each, nn.Parameter(distribute_tensor(tensor.detach(), mesh, [Shard(0)])))
    found["parametrized"] = said(iw.apply, computed, plan)
    found["verified"] = str(iw.verify(computed, plan).rows[0].verdict)
    return found


def verification(rank: int, world: int) -> Any:
    """Of each kind of shards: right, sent, and wrong once the second rank changes an element."""
    plan, _ = by_one_process(STRUCTURED)
    flat = FullyShardedDataParallel(Network(), use_orig_params=True, device_id=torch.device("cpu"))
    found = {}
    models: dict[str, Any] = {"fsdp2": _sharded(Network()), "fsdp1": flat}
    for name, model in models.items():
        iw.apply(model, plan)
        with Collectives() as between:
            right = verified(model, plan)
        if rank == 1:
            for path, parameter in model.named_parameters():
                if path.endswith("blocks.1.down.weight"):
                    local: Any = parameter.to_local() if name == "fsdp2" else parameter
                    with torch.no_grad():
                        local.view(-1)[7] = 1.5
        report = iw.verify(model, plan)
        here = {row.name: (row.here, row.elements, row.verdict) for row in report.rows}
        codes = [(str(each.code), each.parameter) for each in report.findings]
        found[name] = right, between.seen, codes, here["value.bias"], here["blocks.1.down.weight"][:2]
    return found


def all_in_one_call(rank: int, world: int) -> Any:
    model = _sharded(Network())
    _, want = by_one_process()
    report = iw.initialize(model, "auto", seed=3, inputs=INPUTS)
    return wrong(model, want), report.ok


def uneven_in_two_axes(rank: int, world: int) -> Any:
    """Tensor parallel within, fully sharded without, and hybrid; no axis divides the sizes."""
    mesh = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("data", "tensor"))
    plan, want = by_one_process(STRUCTURED)
    both, hybrid = Network(), Network()
    for block in both.blocks:
        parallelize_module(block, mesh["tensor"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
    _sharded(both, mesh=mesh["data"])
    _sharded(hybrid, mesh=mesh)
    found = []
    for model in (both, hybrid):
        iw.apply(model, plan)
        found.append((wrong(model, want), verified(model, plan)))
    kinds = {type(each).__name__ for parameter in both.parameters() for each in parameter.placements}  # type: ignore[attr-defined]
    return found, "_StridedShard" in kinds


def a_small_gpt2(rank: int, world: int) -> Any:
    """Tied, packed and fully sharded: what is wrong, and whether the digest on this rank is that of one process."""
    importlib.import_module("tests.peers")  # before transformers: it declares torchvision's operators
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=2, n_embd=48, n_head=3, vocab_size=101, n_positions=13)
    whole: Any = GPT2LMHeadModel(config)
    plan = iw.plan(whole, "gpt2", seed=3)
    iw.apply(whole, plan)
    model: Any = GPT2LMHeadModel(config)
    for block in model.transformer.h:
        fully_shard(block)
    iw.apply(fully_shard(model), plan)
    want = dict(whole.named_parameters(remove_duplicate=False))
    return wrong(model, want), iw.digest(model, buffers=True) == iw.digest(whole, buffers=True)


def one_far_rank(rank: int, world: int) -> Any:
    """The last rank of a mesh with two axes differs: the first, which shares no axis with it, hears of it too."""
    mesh = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("replicas", "shards"))
    last = rank == world - 1
    found = []
    for seed, extra in ((int(last), False), (0, last)):
        model = poisoned(_sharded(Network(), mesh=mesh))
        plan = planned(model, seed=seed)
        if extra:
            model.extra = nn.Linear(2, 2)
            poisoned(model)
        with Collectives() as between:
            error = said(iw.apply, model, plan)
        found.append((error, untouched(model), len(between.seen)))
    return found


def different_replicas_of_fsdp1(rank: int, world: int) -> Any:
    """Pairs of ranks that hold the model each, and the pairs have different seeds."""
    mesh = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("replicas", "shards"))
    options: dict[str, Any] = {"sharding_strategy": ShardingStrategy.HYBRID_SHARD, "device_id": torch.device("cpu")}
    model = FullyShardedDataParallel(Network(), device_mesh=mesh, use_orig_params=True, **options)
    return said(iw.apply, model, planned(Network(), seed=rank // 2))


CASES: tuple[Case, ...] = (
    fsdp,
    tensor_parallel,
    replicas,
    experts_on_a_mesh_of_their_own,
    fsdp1,
    fsdp1_without_names,
    what_is_sent,
    of_one_group,
    different_seeds,
    different_plans,
    different_placements,
    different_replicas,
    different_flat_parameters,
    troubles_of_one_rank,
    stages,
    outside_of_the_mesh,
    rows_from_old_ones,
    contradictions,
    verification,
    all_in_one_call,
    a_small_gpt2,
)
CASES_OF_FOUR: tuple[Case, ...] = (uneven_in_two_axes, one_far_rank, different_replicas_of_fsdp1)
