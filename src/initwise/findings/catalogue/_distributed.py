"""DST: shards and ranks."""

from __future__ import annotations

from initwise.findings._code import Code

CODES: tuple[Code, ...] = (
    Code(
        code="DST801",
        title="shards are copies of each other",
        severity="error",
        meaning="Two ranks hold bit-identical shards of one DTensor, along an axis of the mesh that shards it."
        " Constants, and patterns that repeat along the sharded axis (the decays of Mamba), do not count. Ranks compare"
        " digests in a collective call: every rank must call check.",
        harm="The whole tensor is one shard repeated: as many rows or columns as there are ranks start equal, and the"
        " layer has a fraction of its width.",
        fix="Give each shard the numbers of its place in the whole tensor: initialize before sharding (iw.apply, then"
        " fully_shard or distribute_tensor), or on a mesh whose random state torch keeps apart.",
        example="# torchrun --nproc-per-node 2\nimport torch\nfrom torch import nn\n"
        "from torch.distributed.device_mesh import init_device_mesh\n"
        "from torch.distributed.tensor import Shard, distribute_tensor\n\n"
        'mesh = init_device_mesh("cpu", (2,))\nmodel = nn.Linear(64, 64)\n'
        "model.weight = nn.Parameter(distribute_tensor(model.weight.detach(), mesh, [Shard(0)]))\n"
        "torch.manual_seed(0)\nnn.init.normal_(model.weight)  # on a CPU mesh every rank draws the same numbers",
        intended="Never for weights that are drawn. Tensors that are equal on all ranks are replicated, not sharded.",
        reference="https://github.com/pytorch/torchtitan/issues/3106, equal shards on every rank",
    ),
    Code(
        code="DST802",
        title="replicas differ between ranks",
        severity="error",
        meaning="Ranks hold other bits of a parameter of which each should have a copy: a DTensor along an axis of the"
        " mesh that replicates it, or a parameter under DistributedDataParallel. Ranks compare digests in a collective"
        " call: every rank must call check.",
        harm="Each rank trains another model: gradients are averages over points that lie apart, the ranks never meet"
        " again, and a checkpoint holds what rank 0 had.",
        fix="Initialize before wrapping (DistributedDataParallel broadcasts rank 0's weights), use one seed on all"
        " ranks, or broadcast after the write.",
        example="# torchrun --nproc-per-node 2\nimport torch\nimport torch.distributed as dist\n"
        "from torch import nn\n\n"
        'dist.init_process_group("gloo")\nmodel = nn.parallel.DistributedDataParallel(nn.Linear(8, 8))\n'
        "torch.manual_seed(dist.get_rank())\nnn.init.normal_(model.module.weight)",
        intended="Ensembles and experts of which each rank has its own: do not wrap them, or leave them out with"
        " parameters_to_ignore.",
        reference="https://github.com/allenai/OLMo-core/pull/319, replicas of hybrid sharding that had diverged",
    ),
)
