"""What looks at a tensor differently: reshape, permute, split, select, expand, index."""

from __future__ import annotations

import math
from typing import Any

import torch

from initwise.model.graph import Operation, Ref, references
from initwise.signals.forecast._atoms import Dim
from initwise.signals.forecast._axes import Axes, hold, operands
from initwise.signals.forecast._state import Call, scaled
from initwise.signals.forecast._table import family

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)


def regrouped(axes: Axes, operation: Operation) -> None:
    """`view`, `reshape`, `flatten`: the same elements in the same order, under other axes."""
    given = operands(operation)[0]
    dims = axes.atoms.regroup(axes.of(given), axes.shape(operation.outputs[0]))
    if dims is None or any(isinstance(each, torch.dtype) for each in operation.args):
        hold(axes, operation)
        return
    axes.set(operation.outputs[0], dims)
    if given in axes.averaged:
        axes.averaged[operation.outputs[0]] = axes.averaged[given]


def reshaped(call: Call) -> Any:
    """Reshape to what is sampled of the new axes."""
    if any(isinstance(each, torch.dtype) for each in call.args):
        return call.run()
    return call.input.reshape(call.shape)


def permuted(axes: Axes, operation: Operation) -> None:
    """`transpose`, `permute`, `unsqueeze`: the same axes in another order; found on a tensor with axes of its own."""
    given = operands(operation)[0]
    dims, shape = axes.of(given), axes.shape(given)
    if len(shape) > len(_PRIMES):
        hold(axes, operation)
        return
    sizes = [1 if size == 1 else _PRIMES[place] for place, size in enumerate(shape)]
    probe = torch.empty(sizes, device="meta")
    made = _call(operation, probe)
    placed = {_PRIMES[place]: dim for place, dim in enumerate(dims)}
    axes.set(operation.outputs[0], [placed.get(size, ()) for size in made.shape])
    if given in axes.averaged:
        axes.averaged[operation.outputs[0]] = axes.averaged[given]


def _call(operation: Operation, probe: torch.Tensor) -> torch.Tensor:
    args = [probe if isinstance(each, Ref) else each for each in operation.args]
    kwargs = {name: probe if isinstance(each, Ref) else each for name, each in operation.kwargs.items()}
    made: torch.Tensor = operation.function(*args, **kwargs)
    return made


def expanded(axes: Axes, operation: Operation) -> None:
    """`expand`: axes of size 1 become longer. Its gradient sums over the copies, of which some stand for all.

    What comes back from copies that meet different channels (the query heads that share a key) is independent.
    """
    given = operands(operation)[0]
    shape, own = axes.shape(operation.outputs[0]), axes.of(given)
    lead = len(shape) - len(own)
    dims: list[Dim] = []
    for place, size in enumerate(shape):
        old = own[place - lead] if place >= lead else ()
        dims.append(old if axes.atoms.length(old) == size else axes.atoms.new(size, held=given not in axes.signals))
    axes.set(operation.outputs[0], dims)


def enlarged(call: Call) -> Any:
    """Expand to what is sampled of the new axes."""
    value = next(references(call.operation.args))
    old, new = call.dims(value), call.dims(call.operation.outputs[0])
    lead = len(new) - len(old)
    fresh = [dim for place, dim in enumerate(new) if place < lead or old[place - lead] != dim]
    ratio = math.prod(call.widths.ratio(dim) for dim in fresh)
    return scaled(call.input, math.sqrt(ratio)).expand(call.shape)


def tiled(axes: Axes, operation: Operation) -> None:
    """`repeat`: axes that are not repeated stay what they are."""
    given = operands(operation)[0]
    shape, own = axes.shape(operation.outputs[0]), axes.of(given)
    lead = len(shape) - len(own)
    dims: list[Dim] = []
    for place, size in enumerate(shape):
        old = own[place - lead] if place >= lead else ()
        if axes.atoms.length(old) == size:
            dims.append(old)
        else:
            axes.hold(old)
            dims.append(axes.atoms.new(size, held=True))
    axes.set(operation.outputs[0], dims)


def cut(axes: Axes, operation: Operation) -> None:
    """`chunk`, `split`, `unbind`: pieces of one axis. Equal pieces hold the same channels."""
    given = operands(operation)[0]
    shape = axes.shape(given)
    axis = _axis(operation, len(shape))
    dims = list(axes.of(given))
    lengths = [axes.shape(each) for each in operation.outputs]
    if len(lengths[0]) < len(shape):
        axes.hold(dims[axis])
        for output in operation.outputs:
            axes.set(output, dims[:axis] + dims[axis + 1 :])
        return
    sizes = [each[axis] for each in lengths]
    parts = (
        axes.atoms.regroup([dims[axis]], [len(sizes), sizes[0]])
        if sum(sizes) == shape[axis] == len(sizes) * sizes[0]
        else None
    )
    if parts is None:
        axes.hold(dims[axis])
    else:
        axes.hold(parts[0])
    for output, size in zip(operation.outputs, sizes, strict=True):
        piece = axes.atoms.new(size, held=True) if parts is None else parts[1]
        axes.set(output, [*dims[:axis], piece, *dims[axis + 1 :]])


def pieces(call: Call) -> Any:
    """Cut into as many pieces as the model does, of what is sampled of each."""
    if call.operation.name in {"unbind", "tensor_split"} or len(call.operation.outputs) <= 1:
        return call.run()
    outputs = call.operation.outputs
    given = call.input
    axis = _axis(call.operation, given.dim())
    sizes = [call.widths.length(call.dims(each)[axis]) for each in outputs]
    return given.split(sizes, axis) if sum(sizes) == given.shape[axis] else call.run()


def _axis(operation: Operation, rank: int) -> int:
    default = 0
    position = 1 if operation.name == "unbind" else 2
    axis = operation.argument(position, "dim", operation.kwargs.get("axis", default))
    return int(axis) % rank


def taken(axes: Axes, operation: Operation) -> None:
    """`select`, `narrow`: an axis of which some is taken is held; the others pass."""
    given = operands(operation)[0]
    dims = list(axes.of(given))
    axis = int(operation.argument(1, "dim", 0)) % len(dims)
    axes.hold(dims[axis])
    made = axes.shape(operation.outputs[0])
    middle = [axes.atoms.new(made[axis], held=True)] if len(made) == len(dims) else []
    axes.set(operation.outputs[0], dims[:axis] + middle + dims[axis + 1 :])


def indexed(axes: Axes, operation: Operation) -> None:
    """`x[...]`: whole axes pass, those that are cut or chosen from are held."""
    given, index = operands(operation)[0], operation.args[1]
    parts = list(index) if isinstance(index, tuple) else [index]
    tensors = [each for each in parts if isinstance(each, (Ref, list))]
    if any(isinstance(each, (list, bool)) for each in parts) or len(tensors) > 1:
        hold(axes, operation)
        return
    dims = list(axes.of(given))
    used = sum(each is not None and each is not Ellipsis for each in parts)
    if Ellipsis in [each for each in parts if not isinstance(each, Ref)]:
        place = next(place for place, each in enumerate(parts) if each is Ellipsis)
        parts[place : place + 1] = [slice(None)] * (len(dims) - used)
    else:
        parts += [slice(None)] * (len(dims) - used)
    _set_indexed(axes, operation, dims, parts)


def _set_indexed(axes: Axes, operation: Operation, dims: list[Dim], parts: list[Any]) -> None:
    shape = axes.shape(operation.outputs[0])
    made: list[Dim] = []
    for part in parts:
        if part is None:
            made.append(())
            continue
        dim = dims.pop(0)
        if isinstance(part, slice) and _is_whole(part, axes.atoms.length(dim)):
            made.append(dim)
            continue
        axes.hold(dim)
        if isinstance(part, slice):
            made.append(axes.atoms.new(shape[len(made)], held=True))
        elif isinstance(part, Ref):
            rank = len(axes.shape(part.value))
            if axes.graph.values[part.value].tensor.dtype == torch.bool:
                hold(axes, operation)
                return
            made += [axes.atoms.new(shape[len(made) + each], held=True) for each in range(rank)]
    axes.set(operation.outputs[0], made)


def _is_whole(part: slice, length: int) -> bool:
    if any(isinstance(each, Ref) for each in (part.start, part.stop, part.step)):
        return False
    return part.step in (None, 1) and part.start in (None, 0) and (part.stop is None or part.stop >= length)


def turned(axes: Axes, operation: Operation) -> None:
    """`roll`, `flip`: the axes that are turned are held."""
    given = operands(operation)[0]
    dims = axes.of(given)
    position = 2 if operation.name == "roll" else 1
    named = operation.argument(position, "dims", None)
    named = operation.args[1:] if operation.name == "flip" and isinstance(named, int) else named
    turned = range(len(dims)) if named in (None, ()) else [named] if isinstance(named, int) else named
    axes.hold(*(dims[each] for each in turned))
    axes.set(operation.outputs[0], dims)


family("view reshape view_as reshape_as flatten unflatten ravel", regrouped, reshaped)
family(
    """transpose t T mT H mH permute unsqueeze squeeze movedim moveaxis swapaxes swapdims adjoint unsqueeze_ squeeze_ t_
    transpose_ atleast_1d atleast_2d atleast_3d numpy_T""",
    permuted,
)
family("expand expand_as broadcast_to", expanded, enlarged)
family("repeat tile repeat_interleave", tiled)
family("chunk split split_with_sizes unbind unsafe_chunk unsafe_split tensor_split", cut, pieces)
family("select narrow", taken)
family("__getitem__", indexed)
family("roll flip", turned)
