"""What acts on each element by itself: activations, sums, products, masks, casts."""

from __future__ import annotations

from initwise.model.graph import Operation
from initwise.model.graph._vocabulary import ACTIVATIONS, ADDITIONS, COPIES, DROPOUTS, ELEMENTWISE, PRODUCTS
from initwise.signals.forecast._atoms import Dim
from initwise.signals.forecast._axes import Axes, hold, operands, value_at
from initwise.signals.forecast._state import Call
from initwise.signals.forecast._table import family

_MORE = """
    divide mod remainder fmod __mod__ lerp lerp_ addcmul addcmul_ addcdiv addcdiv_ nan_to_num relu6 hardshrink eq ne
    lt le gt ge __eq__ __ne__ __lt__ __le__ __gt__ __ge__ logical_and logical_or logical_not bitwise_not __invert__
    isnan isinf isfinite __and__ __or__ __xor__ minimum_ maximum_ fmax fmin tan asin acos atan2 asinh acosh atanh
    frac trunc special_erf special_expm1 special_log1p logaddexp xlogy hypot copysign heaviside sinc special_sinc
    lgamma digamma i0 positive angle square_ reciprocal_ exp2_ sin_ cos_ erf_ neg_ sigmoid_ silu_ gelu_ mish_
    hardswish_ hardsigmoid_ hardsigmoid softplus_ log_ log1p_ log2_ floor_ ceil_ round_ sign_ sgn clamp_max
    clamp_min where_ copysign_ div_ floor_divide __floordiv__ __rsub__ __radd__ __abs__ is_nonzero special_logit
    threshold celu_ logsigmoid log_sigmoid fn _threshold __pos__ detach""".split()


def broadcast(axes: Axes, operation: Operation) -> None:
    """Axes of equal place are the same; what is broadcast over channels must be a statistic of them, or hold them.

    Where the gradient of what is broadcast sums over channels, all of them are needed. The exception is a norm written
    by hand, x * rsqrt(mean(x^2)): its mean and its sum over the channels shrink together. Parameters only lose scale,
    which is put right (`Axes.spread`).
    """
    shape = axes.shape(operation.outputs[0])
    taken = operands(operation)
    made: list[Dim] = []
    for place in range(1, len(shape) + 1):
        here = [axes.of(each)[-place] for each in taken if len(axes.of(each)) >= place]
        full = [dim for dim in here if axes.atoms.length(dim) == shape[-place] != 1]
        for other in full[1:]:
            axes.same(full[0], other)
        made.insert(0, full[0] if full else axes.atoms.new(shape[-place], held=True))
    for each in taken:
        _spread(axes, operation, each, tuple(made))
    averaged = [axes.averaged[each] for each in taken if each in axes.averaged]
    if averaged and all(each in axes.averaged for each in taken if each in axes.signals):
        axes.averaged[operation.outputs[0]] = averaged[0]
    for output in operation.outputs:
        axes.set(output, made)


def _spread(axes: Axes, operation: Operation, value: int, made: tuple[Dim, ...]) -> None:
    """Look after an operand that is broadcast."""
    own = axes.of(value)
    over = [
        leaf
        for place in range(1, len(made) + 1)
        if len(own) < place or axes.atoms.length(own[-place]) == 1
        for leaf in axes.atoms.leaves(made[-place])
    ]
    if not over or axes.graph.values[value].kind in ("constant", "buffer", "input"):
        return  # no gradient goes back to it
    if value not in axes.signals:
        axes.spread[operation.index, value] = tuple(over)
        return
    known = set(axes.atoms.leaves(axes.averaged.get(value, ())))
    axes.hold(tuple(leaf for leaf in over if leaf not in known))


def cast(axes: Axes, operation: Operation) -> None:
    """The axes are those of the first operand."""
    first = operands(operation)[0]
    axes.set(operation.outputs[0], axes.of(first))
    if first in axes.averaged:
        axes.averaged[operation.outputs[0]] = axes.averaged[first]


def halves(axes: Axes, operation: Operation) -> None:
    """`glu`: the first half of an axis times the sigmoid of the second."""
    given = operands(operation)[0]
    dims = list(axes.of(given))
    axis = operation.argument(1, "dim", -1)
    parts = axes.atoms.regroup([dims[axis]], [2, axes.shape(given)[axis] // 2])
    if parts is None:
        hold(axes, operation)
        return
    axes.hold(parts[0])
    dims[axis] = parts[1]
    axes.set(operation.outputs[0], dims)


def parametric(axes: Axes, operation: Operation) -> None:
    """`prelu`: a slope for each channel, or one for all."""
    given, slope = value_at(operation, 0, "input"), value_at(operation, 1, "weight")
    if given is None or slope is None:
        hold(axes, operation)
        return
    dims = axes.of(given)
    if axes.atoms.length(axes.of(slope)[0] if axes.of(slope) else ()) > 1:
        axes.same(dims[1 if len(dims) > 1 else 0], axes.of(slope)[0])
    else:
        axes.spread[operation.index, slope] = tuple(leaf for dim in dims for leaf in axes.atoms.leaves(dim))
    axes.set(operation.outputs[0], dims)


def copied(call: Call) -> object:
    """A cast to another device or to half precision changes nothing here."""
    if call.operation.name in {"cuda", "cpu", "_to", "pin_memory", "half", "bfloat16", "requires_grad_"}:
        return call.input
    return call.run()


family(" ".join((ELEMENTWISE | ACTIVATIONS | ADDITIONS | PRODUCTS) - {"glu", "prelu"}), broadcast)
family(" ".join(_MORE), broadcast)
family(" ".join(DROPOUTS), cast)
family(" ".join(COPIES - {"complex", "cfloat", "as_tensor"}), cast, copied)
family("glu", halves)
family("prelu", parametric)
