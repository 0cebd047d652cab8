"""Walking the signal: what a tensor follows, where it goes, and which values become attention scores."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from initwise.model.graph import Graph, Operation, Ref
from initwise.model.graph._vocabulary import (
    ACTIVATIONS,
    ADDITIONS,
    ATTENTION,
    DIVISIONS,
    ELEMENTWISE,
    JOINS,
    LOOKUPS,
    MATRIX_PRODUCTS,
    NORMS,
    POOLINGS,
    PRODUCTS,
    RESAMPLING,
    SOFTMAX,
    TRANSPARENT,
)
from initwise.model.roles._pieces import Pieces

_ROOTS = frozenset("rsqrt rsqrt_ sqrt sqrt_ norm linalg_vector_norm std linalg_norm rms_norm vector_norm".split())
_OF_ONE = ADDITIONS | PRODUCTS | SOFTMAX | frozenset("tanh sigmoid logsigmoid clamp neg".split())
_SIZE_OF_A_SEARCH = 4000
_CHAIN = 12


class Flow:
    """Questions about the signal of a graph; what is made of parameters alone is no signal."""

    def __init__(self, graph: Graph, pieces: Pieces) -> None:
        self.graph = graph
        self.pieces = pieces
        self._normalized: dict[int, bool] = {}

    def signals(self, operation: Operation) -> list[int]:
        """Return the inputs of an operation that depend on the model's input or on looked-up rows."""
        return [each for each in operation.inputs if self.is_signal(each)]

    def is_signal(self, value: int) -> bool:
        """Tell whether a value is neither a parameter, nor constant, nor made of those alone."""
        return value not in self.pieces.of and self.graph.values[value].kind in ("activation", "input")

    def root(self, value: int, *, through: frozenset[str] = TRANSPARENT) -> int:
        """Return where a signal comes from, behind views, copies, dropout and the like."""
        maker = self.graph.maker(value)
        while maker is not None and maker.name in through:
            inputs = self.signals(maker)
            if len(inputs) != 1:
                return value
            value = inputs[0]
            maker = self.graph.maker(value)
        return value

    def maker(self, value: int) -> Operation | None:
        """Return the operation that made a signal, behind views, copies, dropout and the like."""
        return self.graph.maker(self.root(value))

    def users(self, value: int, depth: int = 24) -> Iterator[tuple[Operation, int]]:
        """Yield (operation, its input) for each that takes a signal, behind views, copies, dropout and the like."""
        for operation in self.graph.users(value):
            if operation.name in TRANSPARENT and depth:
                for output in operation.outputs:
                    yield from self.users(output, depth - 1)
            else:
                yield operation, value

    def normalized(self, value: int) -> bool:
        """Tell whether a signal was just divided by its own size."""
        if value not in self._normalized:
            self._normalized[value] = self._is_normalized(value)
        return self._normalized[value]

    def _is_normalized(self, value: int) -> bool:
        maker = self.maker(value)
        if maker is None:
            return False
        if maker.name in NORMS:
            return True
        if maker.name in PRODUCTS:
            return any(self._is_size(each, maker) for each in maker.inputs)
        return False

    def _is_size(self, value: int, product: Operation) -> bool:
        maker = self.maker(value)
        steps = 0
        while maker is not None and maker.name in (*ADDITIONS, "clamp", "clamp_min", "mul", "reciprocal") and steps < 4:
            inputs = self.signals(maker)
            if len(inputs) != 1:
                return False
            maker, steps = self.maker(inputs[0]), steps + 1
        if maker is None:
            return False
        inverse = maker.name.startswith("rsqrt") or (maker.name == "pow" and maker.argument(1, "exponent") == -0.5)
        divided = product.name in DIVISIONS and maker.name in _ROOTS and product.argument(1, "other") == Ref(value)
        return inverse or divided

    # ------------------------------------------------------------------------------------------ attention scores

    @cached_property
    def scores(self) -> frozenset[int]:
        """The values that become attention weights: what goes into a softmax, or into attention as its mask."""
        found: set[int] = set()
        for operation in self.graph:
            if operation.name in SOFTMAX:
                value = operation.args[0] if operation.args else operation.kwargs.get("input")
                if isinstance(value, Ref):
                    self._scores_behind(value.value, found)
            elif operation.name in ATTENTION:
                mask = operation.argument(3, "attn_mask")
                if isinstance(mask, Ref):
                    self._scores_behind(mask.value, found)
        return frozenset(found)

    def _scores_behind(self, value: int, found: set[int]) -> None:
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if value in found:
                continue
            maker = self.graph.maker(value)
            if maker is None or maker.name in MATRIX_PRODUCTS:
                if maker is not None and len(self.signals(maker)) > 1:
                    found.add(value)
                continue
            found.add(value)
            if maker.name in (
                *TRANSPARENT,
                *ADDITIONS,
                *PRODUCTS,
                "where",
                "masked_fill",
                "masked_fill_",
                "clamp",
                "cat",
            ):
                waiting += self.signals(maker)

    def is_scores(self, value: int) -> bool:
        """Tell whether a value becomes attention weights."""
        return value in self.scores

    def joins_scores(self, value: int) -> bool:
        """Tell whether looked-up rows are added to attention scores."""
        seen = 0
        waiting = [value]
        while waiting and seen < 40:
            value = waiting.pop()
            seen += 1
            if value in self.scores:
                return True
            for operation in self.graph.users(value):
                if operation.name in (*TRANSPARENT, *ADDITIONS, "sigmoid", "mul", "cat", "pad"):
                    waiting += operation.outputs
        return False

    # ------------------------------------------------------------------------------------------ words

    def follows(self, value: int | None) -> str:
        """Return in a word what produces a signal."""
        if value is None:
            return ""
        if self.pieces.of.get(value):
            return "a learned token"
        root = self.root(value)
        maker = self.graph.maker(root)
        if maker is None:
            return "input" if self.graph.values[root].kind == "input" else "constant"
        if self.normalized(root) or self._scaled_norm(maker):
            return "norm"
        name = maker.name
        if name in ACTIVATIONS:
            return name.removesuffix("_")
        if name in PRODUCTS and len(self.signals(maker)) == 2:
            gate = self._gate(maker)
            return f"{gate} gate" if gate else "product"
        if name in ADDITIONS:
            return (
                "sum"
                if len(self.signals(maker)) == 2
                else self.follows(self.signals(maker)[0])
                if self.signals(maker)
                else ""
            )
        if name in LOOKUPS or name == "__getitem__":
            return "embedding"
        if name in ATTENTION or (name in MATRIX_PRODUCTS and len(self.signals(maker)) > 1):
            return "attention"
        if name in MATRIX_PRODUCTS or name.startswith("conv"):
            return "linear"
        if name in POOLINGS or name in RESAMPLING:
            inner = self.signals(maker)
            return self.follows(inner[0]) if inner else "pooling"
        if name in JOINS:
            return "concatenation"
        return "a function" if name in ELEMENTWISE or name in PRODUCTS else name

    def _scaled_norm(self, maker: Operation) -> bool:
        """A norm's weight and bias come after the division."""
        steps = 0
        operation: Operation | None = maker
        while operation is not None and operation.name in (*PRODUCTS, *ADDITIONS) and steps < 3:
            inputs = self.signals(operation)
            if len(inputs) != 1 or not any(each in self.pieces.of for each in operation.inputs):
                return False
            if self.normalized(inputs[0]):
                return True
            operation, steps = self.maker(inputs[0]), steps + 1
        return False

    def _gate(self, product: Operation) -> str:
        for value in self.signals(product):
            maker = self.maker(value)
            if maker is not None and maker.name in ACTIVATIONS:
                return maker.name.removesuffix("_")
        return ""

    def activation(self, value: int) -> str:
        """Return the activation that is applied to a value, behind a norm too; "" for none."""
        for operation, _ in self.users(value):
            if operation.name in ACTIVATIONS:
                return operation.name.removesuffix("_")
            if operation.name in NORMS and operation.outputs:
                return self.activation(operation.outputs[0])
        return ""

    def norm_follows(self, value: int) -> bool:
        """Tell whether a norm is the first thing that happens to a value."""
        return any(operation.name in NORMS or self._squares(operation) for operation, _ in self.users(value))

    def _squares(self, operation: Operation) -> bool:
        if operation.name not in ("pow", "square") or not operation.outputs:
            return False
        return any(user.name == "mean" for user in self.graph.users(operation.outputs[0]))

    def is_output(self, value: int) -> bool:
        """Tell whether a value is what the model returns, but for a softmax, a cap, or a mean over positions."""
        if value in self.graph.is_output and not self.graph.values[value].users:
            return True
        return any(
            self.is_output(output)
            for operation in self.graph.users(value)
            if operation.name in TRANSPARENT or self._only_shapes(operation)
            for output in operation.outputs
        )

    def _only_shapes(self, operation: Operation) -> bool:
        """Tell whether an operation on one signal may stand between an output layer and the model's output."""
        if len(self.signals(operation)) != 1:
            return False
        if operation.name in ACTIVATIONS and operation.name not in _OF_ONE:
            return any(user.name in POOLINGS for output in operation.outputs for user, _ in self.users(output))
        return operation.name in _OF_ONE or operation.name in POOLINGS

    # ------------------------------------------------------------------------------------------ ancestors

    def descends(self, value: int, ancestors: frozenset[int] | set[int]) -> bool:
        """Tell whether a signal depends on one of `ancestors`; the search is bounded."""
        if not ancestors:
            return False
        oldest = min(self.graph.values[each].maker for each in ancestors)
        waiting, seen = [value], {value}
        while waiting and len(seen) < _SIZE_OF_A_SEARCH:
            maker = self.graph.maker(waiting.pop())
            if maker is None or maker.index < oldest:
                continue
            for each in maker.inputs:
                if each in ancestors:
                    return True
                if each not in seen and self.is_signal(each):
                    seen.add(each)
                    waiting.append(each)
        return False

    def chain(self, value: int) -> list[int]:
        """Return the values that a signal comes from as long as each has a single one behind it."""
        found = []
        for _ in range(_CHAIN):
            maker = self.graph.maker(value)
            inputs = self.signals(maker) if maker is not None else []
            if len(inputs) != 1:
                break
            value = inputs[0]
            found.append(value)
        return found
