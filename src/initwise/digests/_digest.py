"""`digest`: what a model's weights are, in 32 hexadecimal digits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from initwise.digests._files import read_files
from initwise.digests._lanes import Lanes
from initwise.digests._model import Gathered, gather
from initwise.digests._ranks import together
from initwise.digests._stored import Buffers
from initwise.digests._sums import summed
from initwise.errors import ArgumentTypeError, DigestError, NotSupportedError
from initwise.shards import Shard


def digest(
    subject: nn.Module | str | os.PathLike[str],
    *,
    buffers: Buffers = False,
    shards: Mapping[str, Shard] | None = None,
    group: Any = None,
    agree: bool = True,
    like: nn.Module | None = None,
) -> str:
    """Return a digest of the parameters of a model or of files: the same if, and up to chance only if, all bits are.

    It covers canonical names, dtypes, shapes and values; not devices, strides, wrappers, files or the order of
    parameters. Tied parameters count once, under the first of their names. It is a sum over elements modulo 2**64 in
    two lanes, so that each process sums what it holds: the digest of a model of DTensors is that of the whole, on any
    mesh and on every rank, after one exchange of 80 bytes a rank along each axis of the mesh. Of replicas one
    counts, and the others must be equal. It finds accidents (two models that differ have the same digest with a
    probability of about 2**-64); it is no protection against someone who searches for a collision.

    Nothing is sent for a model without DTensors and parts, wrapped by DDP or not: each process has its own digest.

    Args:
        subject: an `nn.Module` whose parameters have memory, or the path of weights: a safetensors file, an index of
            such files, a folder of them, or a checkpoint that `torch.load(weights_only=True)` reads.
        buffers: cover buffers too; "persistent" leaves out those that no checkpoint holds.
        shards: what plain tensors hold of parameters, as in `apply`: `{name: Slice(...)}`, or `FlatRange`. The flat
            views of FSDP1 are found without it.
        group: the process group over which parts in `shards` and of FSDP1 are summed, by default all processes, and
            for FSDP1 alone those among which it cuts (`HYBRID_SHARD`: one replica, which is held against the others);
            each element must be held by one of them. Of a model of DTensors, ranks outside of their mesh take part if
            it is given. False sends nothing: the digest of what this process holds.
        agree: hold replicas against each other; False takes the first of each.
        like: for files, a model (the meta device will do) that knows which tensors are buffers, and what is tied.

    Raises:
        NotSupportedError: tensors have no memory to read (meta, sparse); all of them are named.
        DigestError: shards contradict tensors, a placement is partial, replicas differ, parts are missing; for files,
            what cannot be read, or does not fit `like`. All ranks of an exchange raise together.

    >>> digest(nn.Linear(2, 2)) == digest(nn.Linear(2, 2)), len(digest(nn.Linear(2, 2)))
    (False, 32)
    """
    if isinstance(subject, str | os.PathLike):
        read = read_files(Path(subject), buffers=buffers, like=like)
        return sum(read.lanes, Lanes()).hexadecimal
    if not isinstance(subject, nn.Module):
        raise ArgumentTypeError(f"digest: model is of type {type(subject).__name__}; give an nn.Module, or a path")
    found = gather(subject, buffers, shards, group)
    lanes = summed(found.parts) if not (found.problems or found.unreadable) else []
    within, between = found.groups
    sums = found.sums(lanes, agree=agree)
    total, problems = together(sums, found.told, group=within, between=between, agree=agree)
    _refuse(found, problems)
    return total.hexadecimal


def _refuse(found: Gathered, problems: Sequence[str]) -> None:
    if found.unreadable and not found.problems:
        raise NotSupportedError(f"digest: {found.told[0]}")
    if problems:
        raise DigestError("digest", problems)


def combined(*digests: str) -> str:
    """Return the digest of parts together, each of which is in one of them: stages, or ranks with `group=False`.

    >>> combined("f" * 32, "0" * 15 + "1" + "0" * 15 + "2")
    '00000000000000000000000000000001'

    Raises:
        DigestError: one of them is no digest.
    """
    wrong = [f"{each!r} is no digest; give 32 hexadecimal digits" for each in digests if not _is_digest(each)]
    if wrong:
        raise DigestError("combined", wrong)
    return sum((Lanes(int(each[:16], 16), int(each[16:], 16)) for each in digests), Lanes()).hexadecimal


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32 and all(digit in "0123456789abcdef" for digit in value)
