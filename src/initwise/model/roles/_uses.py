"""Every place where a parameter meets the signal, and what it does there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from initwise.model._usage import Role
from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    ATTENTION,
    INDEXING,
    JOINS,
    LOOKUPS,
    PRODUCTS,
    RECURRENT,
)
from initwise.model.roles._flow import Flow
from initwise.model.roles._operands import Operand, bias, operand
from initwise.model.roles._pieces import Piece, Pieces

_AFFINE = {"layer_norm": 2, "rms_norm": 2, "group_norm": 2, "batch_norm": 3, "instance_norm": 3}
_INSERTS = frozenset(
    "where masked_fill masked_fill_ masked_scatter masked_scatter_ __setitem__ index_put index_put_ copy_".split()
)


@dataclass(frozen=True, eq=False)
class Use:
    """One parameter in one operation.

    Attributes:
        piece: the parameter, and a view of it with the shape of the operand.
        operation: what consumes it.
        role: what it does there; None where the operation is not understood.
        operand: how a weight is contracted; None for others.
        signal: the value of the other operand.
        output: the value that comes out.
        looked_up: of rows that are looked up, the axis of the operand along which they lie.
    """

    piece: Piece
    operation: Operation
    role: Role | None
    operand: Operand | None = None
    signal: int | None = None
    output: int = -1
    looked_up: int | None = None


def uses(graph: Graph, pieces: Pieces, flow: Flow) -> dict[str, list[Use]]:
    """Return for each parameter where it is used, in the order of execution."""
    found: defaultdict[str, list[Use]] = defaultdict(list)
    for operation in graph:
        carried = operation.outputs and operation.outputs[0] in pieces.of
        if carried:
            continue
        for value in operation.inputs:
            for piece in pieces.of.get(value, ()):
                found[piece.name].append(_use(graph, pieces, flow, operation, value, piece))
    return dict(found)


def _use(graph: Graph, pieces: Pieces, flow: Flow, operation: Operation, value: int, piece: Piece) -> Use:
    output = operation.outputs[0] if operation.outputs else -1
    contracted = operand(operation, graph, value)
    if contracted is not None:
        signal = contracted.signal
        if _is_factor(pieces, value, piece, contracted):
            return Use(piece, operation, "scale", None, signal, output)
        return Use(piece, operation, "weight", contracted, signal, output)
    row = _lookup_axis(operation, value)
    if row is not None:
        role: Role = "table" if flow.joins_scores(output) else "embedding"
        return Use(piece, operation, role, None, None, output, row)
    signal = next((each for each in operation.inputs if each != value and each not in pieces.of), None)
    return Use(piece, operation, _role(graph, pieces, flow, operation, value, piece), None, signal, output)


def _is_factor(pieces: Pieces, value: int, piece: Piece, contracted: Operand) -> bool:
    """Tell whether a parameter only scales the weight beside it, as the gain of a standardized kernel does."""
    others = [each for each in pieces.of[value] if each is not piece]
    return not _sums(piece, contracted) and any(_sums(each, contracted) for each in others)


def _sums(piece: Piece, contracted: Operand) -> bool:
    """Tell whether the elements of a parameter differ along an axis that is contracted or a window."""
    if piece.shadow is None or piece.shadow.dim() != len(contracted.letters):
        return False
    along = zip(contracted.letters, piece.shadow.shape, piece.shadow.stride(), strict=True)
    return any(letter in "ik" and size > 1 and stride != 0 for letter, size, stride in along)


def _role(graph: Graph, pieces: Pieces, flow: Flow, operation: Operation, value: int, piece: Piece) -> Role | None:
    name = operation.name
    if bias(operation, value):
        return "bias"
    if name in _AFFINE:
        return _affine(operation, value)
    if name == "prelu":
        return "slope"
    if name in RECURRENT:
        return None
    if name in JOINS or name in _INSERTS:
        return "token"
    if name in ATTENTION:
        return "table" if operation.argument(3, "attn_mask") == Ref(value) else "token"
    if name in ("linear", "conv1d", "conv2d", "conv3d"):
        return "token"  # the parameter itself is the signal here
    signals = [each for each in operation.inputs if each != value]
    if piece.through and name in (*ADDITIONS, *PRODUCTS, "mul", "exp"):
        return "rate"
    if name == "addcmul" and operation.argument(0, "input") == Ref(value):
        return _added(graph, flow, operation, value, signals)
    if name in ADDITIONS:
        return _added(graph, flow, operation, value, signals)
    if name in PRODUCTS or name in ("pow", "lerp", "addcmul", "maximum", "minimum", "clamp"):
        normalized = any(flow.normalized(each) and not _has(flow, each, 0) for each in signals)
        return "norm_weight" if normalized and _few(graph, value) else "scale"
    return None


def _added(graph: Graph, flow: Flow, operation: Operation, value: int, signals: list[int]) -> Role:
    if any(flow.is_scores(each) for each in signals) or flow.is_scores(operation.outputs[0]):
        return "table"
    wide = _wide(graph, value)
    if wide > 1:
        return "position"
    if any(flow.normalized(each) and not _has(flow, each, 1) for each in signals):
        return "norm_bias"
    return "bias"


def _has(flow: Flow, value: int, offset: int) -> bool:
    """Tell whether the norm that made a signal has a weight (0) or a bias (1) of its own."""
    maker = flow.maker(value)
    if maker is None or maker.name not in _AFFINE:
        return False
    return isinstance(maker.argument(_AFFINE[maker.name] + offset, ("weight", "bias")[offset]), Ref)


def _wide(graph: Graph, value: int) -> int:
    """Return how many axes of a tensor hold different elements."""
    tensor = graph.values[value].tensor
    return sum(size > 1 and stride != 0 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def _few(graph: Graph, value: int) -> bool:
    return _wide(graph, value) <= 1


def _affine(operation: Operation, value: int) -> Role | None:
    position = _AFFINE[operation.name]
    if operation.argument(position, "weight") == Ref(value):
        return "norm_weight"
    if operation.argument(position + 1, "bias") == Ref(value):
        return "norm_bias"
    return "token"


def _lookup_axis(operation: Operation, value: int) -> int | None:
    """Return the axis along which rows of `value` are looked up; None if none are."""
    name = operation.name
    if name in ("embedding", "embedding_bag"):
        return (
            0 if operation.argument(1, "weight") == Ref(value) or operation.argument(0, "input") == Ref(value) else None
        )
    if name in LOOKUPS and operation.args and operation.args[0] == Ref(value):
        axis = operation.argument(1, "dim", 0)
        return axis if isinstance(axis, int) else 0
    if name in INDEXING and operation.args and operation.args[0] == Ref(value):
        index = operation.args[1] if type(operation.args[1]) is tuple else (operation.args[1],)
        places = [place for place, each in enumerate(index) if isinstance(each, (Ref, list))]
        return places[0] if places and Ellipsis not in index[: places[0]] else 0 if places else None
    return None
