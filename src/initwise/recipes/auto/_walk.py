"""`auto`'s one walk along the graph: each weight is decided when the signal first meets it, then the signal goes on.

A weight's variance is target / (fan_in * E x^2) with x the signal that comes in, so that the operation's output has
the second moment `target`: one in general, the stream's level over the number of writers where it is written into a
residual stream, and little where it makes the model's output.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from initwise.model import Graph, Parameter, Reading, Roles
from initwise.model.graph import Operation, Ref
from initwise.model.graph._vocabulary import (
    ADDITIONS,
    ATTENTION,
    ELEMENTWISE,
    INDEXING,
    JOINS,
    LOOKUPS,
    MATRIX_PRODUCTS,
    NORMS,
    POOLINGS,
    PRODUCTS,
    RECURRENT,
    RESAMPLING,
    SOFTMAX,
    TRANSPARENT,
)
from initwise.model.roles import Use, Writer
from initwise.recipes.auto import _rules as rules
from initwise.recipes.auto._chains import writers
from initwise.recipes.auto._coverage import coverage
from initwise.recipes.auto._signal import Signal, gaussian, product, total
from initwise.recipes.auto._weight import LOGITS, POSITION, SMALL, SMALLEST, Weight, is_query, tied_deviation

_OF_SEVERAL = ADDITIONS | PRODUCTS | JOINS | {"addcmul"}
_SIZES = frozenset("norm vector_norm linalg_vector_norm linalg_norm".split())
_SPREADS = frozenset(
    """index_add index_add_ scatter scatter_ scatter_add scatter_add_ index_copy_ index_put index_put_ roll cumsum flip
    fold sort""".split()
)
# The second moment of a recurrent layer's state that is driven by unit gates: see `docs/auto.md`.
STATES = {"lstm": 0.06, "gru": 0.16, "rnn_tanh": 0.45, "rnn_relu": 0.5}


class Walk:
    """The decisions about the parameters of a traced model.

    Attributes:
        weights: by parameter, what was decided about it.
        norms: by parameter, the scale of a norm that closes a residual branch.
        deviations: by parameter, the standard deviation of embeddings and positions.
        heads: by parameter that also makes the model's output, the second moment of what comes in there.
    """

    def __init__(self, reading: Reading, heads: dict[str, float] | None = None) -> None:
        assert reading.roles is not None  # noqa: S101 - the caller has looked
        self.reading = reading
        self.roles: Roles = reading.roles
        self.graph: Graph = reading.roles.graph
        self.assumed = heads or {}
        self.heads: dict[str, float] = {}
        self.weights: dict[str, Weight] = {}
        self.norms: dict[str, float] = {}
        self.deviations: dict[str, float] = {}
        self.states: dict[int, Signal | None] = {}
        self._uses = self._by_operation()
        ends = self.roles.residuals.writers.values()
        self._sharing = Counter((id(writer.stream), writer.addition) for writer in ends)
        self._writers = writers(self.roles)
        for index in self.graph.inputs:
            self.states[index] = Signal(0.0, 1.0)
        for operation in self.graph:
            self._step(operation)

    # ------------------------------------------------------------------------------------------ walking

    def look(self, index: int) -> Signal | None:
        """Return what is known of a value."""
        if index not in self.states:
            self.states[index] = self._at_rest(index)
        return self.states[index]

    def _step(self, operation: Operation) -> None:
        if not operation.outputs or operation.outputs[0] in self.roles.pieces.of:
            return
        uses = self._uses.get(operation.index, [])
        weight = next((use for use in uses if use.role == "weight"), None)
        if weight is not None:
            made = self._weighted(operation, weight)
        elif operation.name in RECURRENT:
            made = self._recurrent(operation)
        else:
            made = self._plain(operation, uses)
        for output in operation.outputs:
            self.states[output] = made

    def _weighted(self, operation: Operation, use: Use) -> Signal | None:
        name = use.piece.name
        incoming = self.look(use.signal) if use.signal is not None else None
        parameter = self.reading[name]
        if parameter.role == "embedding":
            return self._head(name, incoming, use)
        if name not in self.weights:
            decided = self._decided(operation, use, incoming)
            self.weights[name] = replace(decided, covered=coverage(self.graph, operation))
        decided = self.weights[name]
        known = _known(incoming)
        if incoming is None or known is None:
            return gaussian(use.output, decided.target)
        return gaussian(use.output, decided.scale * known, min(1.0, max(0.0, incoming.pair / known)))

    def _decided(self, operation: Operation, use: Use, incoming: Signal | None) -> Weight:
        square = _known(incoming)
        writer = self.roles.residuals.writers.get(operation.index)
        if writer is not None:
            return self._writing(writer, square)
        return Weight(square, LOGITS**2 if self._makes_output(use) else 1.0)

    def _makes_output(self, use: Use) -> bool:
        """Tell whether a weight is an output layer: not a window over an image, nor the only layer there is."""
        if use.operand is None or not self.roles.flow.is_output(use.output):
            return False
        shape = self.reading[use.piece.name].shape
        window = math.prod(shape[-use.operand.letters.count("k") :]) if "k" in use.operand.letters else 1
        return window == 1 and use.signal not in self.graph.inputs

    def _writing(self, writer: Writer, square: float | None) -> Weight:
        start = self.look(writer.stream.start)
        level = _known(start) or 1.0
        share = max(1, self._sharing[id(writer.stream), writer.addition])
        count = self._writers[id(writer.stream)]
        part = level / (count * share)
        norm = self._closing(writer)
        if norm is not None:
            self.norms[norm] = math.sqrt(part)
            return Weight(square, 1.0, writer, level, closed=True, share=share, writers=count)
        return Weight(square, part, writer, level, share=share, writers=count)

    def _closing(self, writer: Writer) -> str | None:
        if writer.norm is None:
            return None
        return next((use.piece.name for use in self._uses.get(writer.norm, []) if use.role == "norm_weight"), None)

    def _head(self, name: str, incoming: Signal | None, use: Use) -> Signal | None:
        """A table of embeddings that is used as a weight: its deviation was decided where rows were looked up."""
        square = incoming.square if incoming is not None else 1.0
        if self.roles.flow.is_output(use.output):
            self.heads.setdefault(name, square)
        parameter = self.reading[name]
        width = parameter.shape[-1] if parameter.ndim else 1
        return gaussian(use.output, square * width * self._deviation(parameter) ** 2)

    def _recurrent(self, operation: Operation) -> Signal:
        kind = operation.name.removesuffix("_cell")
        first = next((self.look(index) for index in operation.inputs if self.roles.flow.is_signal(index)), None)
        square = first.square if first is not None and first.square > SMALLEST else None
        for name in self._parameters(operation):
            parameter = self.reading[name]
            if parameter.role == "weight":
                inner = parameter.attribute.startswith("weight_ih_l") and not parameter.attribute.startswith(
                    "weight_ih_l0"
                )
                taken = STATES.get(kind) if inner or parameter.attribute.startswith("weight_hr") else square
                self.weights.setdefault(name, Weight(taken, 1.0))
        return Signal(0.0, STATES.get(kind, 0.1))

    def _parameters(self, operation: Operation) -> list[str]:
        return [piece.name for index in operation.inputs for piece in self.roles.pieces.of.get(index, ())]

    # ------------------------------------------------------------------------------------------ other operations

    def _plain(self, operation: Operation, uses: list[Use]) -> Signal | None:
        name = operation.name
        lookup = next((use for use in uses if use.role in ("embedding", "table") and use.looked_up is not None), None)
        if lookup is not None:
            return Signal(0.0, self._deviation(self.reading[lookup.piece.name], operation) ** 2)
        signals = self.roles.flow.signals(operation)
        if name in NORMS or (name in PRODUCTS and self.roles.flow.normalized(operation.outputs[0])):
            return self._normed(operation, signals, uses)
        return self._several(operation, uses) if name in _OF_SEVERAL else self._passed(operation, signals)

    def _normed(self, operation: Operation, signals: list[int], uses: list[Use]) -> Signal:
        if operation.name in NORMS:
            return self._normalized(operation, self.look(signals[0]) if signals else None, uses)
        return self._divided(operation, signals)

    def _several(self, operation: Operation, uses: list[Use]) -> Signal | None:
        """Operations of several tensors, element by element."""
        if operation.name == "addcmul":
            return self._added_product(operation)
        if operation.name in JOINS:
            return rules.joined(self.graph, operation, self.look)
        if operation.name in ADDITIONS:
            return self._added(operation, uses)
        return rules.multiplied(self.graph, operation, self.look)

    def _passed(self, operation: Operation, signals: list[int]) -> Signal | None:
        name = operation.name
        first = self.look(signals[0]) if signals else None
        if name in TRANSPARENT or name in RESAMPLING or name in ("where", "masked_fill", "masked_fill_", "__setitem__"):
            return first if signals else self._at_rest(operation.inputs[0]) if operation.inputs else None
        if name in LOOKUPS or name in INDEXING:
            return first
        if name in SOFTMAX:
            return None  # shares have no scale of their own: a weight that mixes them has gain 1
        if name in ATTENTION:
            return _bare(self.look(operation.inputs[min(2, len(operation.inputs) - 1)]))
        if name in MATRIX_PRODUCTS:
            return self._met(operation, signals)
        if first is None:
            return None
        return self._of_one(operation, signals[0], first)

    def _of_one(self, operation: Operation, index: int, signal: Signal) -> Signal | None:
        name = operation.name
        taken = self.graph.values[index].tensor
        made = self.graph.values[operation.outputs[0]].tensor
        count = max(1, taken.numel() // max(1, made.numel()))
        if name in _SIZES:
            return Signal(math.sqrt(count * signal.square), count * signal.square)
        if name == "glu":
            return Signal(0.0, signal.square * 0.2933790359)
        if name == "mean" or "avg_pool" in name:
            if name == "mean":
                return rules.averaged(self.graph, operation, signal)
            return rules.pooled(signal, _window(operation, count))
        if name in POOLINGS:
            return rules.largest(index, signal, _window(operation, count))
        if name in _SPREADS:
            return signal.bare()
        if name == "sum":
            return rules.summed(self.graph, operation, signal)
        if name in ELEMENTWISE:
            return rules.elementwise(self.graph, operation, self.look)
        if name == "prelu":
            return rules.elementwise(self.graph, operation, self.look) or signal.bare()
        return None

    def _normalized(self, operation: Operation, signal: Signal | None, uses: list[Use]) -> Signal:
        made = rules.normalized(self.graph, operation, signal or Signal(0.0, 1.0))
        weight = next((use.piece.name for use in uses if use.role == "norm_weight"), None)
        if weight is not None:
            made = made.scaled(self.norms.get(weight, 1.0))
        return made

    def _divided(self, operation: Operation, signals: list[int]) -> Signal:
        """A norm that is written out, as x * rsqrt(mean(x^2) + eps)."""
        shape = self.graph.values[operation.outputs[0]].tensor.shape
        whole = next((index for index in signals if self.graph.values[index].tensor.shape == shape), signals[0])
        signal = self.look(whole)
        if signal is None or not signal.square > SMALLEST:
            return Signal(0.0, 1.0)
        return rules.of_size_one(signal, self._eps(operation, whole))

    def _eps(self, operation: Operation, whole: int) -> float:
        """Return what is added to the mean square under the root."""
        waiting = [index for index in operation.inputs if index != whole]
        for _ in range(6):
            maker = self.graph.maker(waiting.pop()) if waiting else None
            if maker is None:
                break
            number = next((each for each in maker.args if isinstance(each, float) and 0 < each < 0.01), None)
            if maker.name in ADDITIONS and number is not None:
                return number
            waiting += list(maker.inputs[:1])
        return 0.0

    def _added(self, operation: Operation, uses: list[Use]) -> Signal | None:
        position = next((use for use in uses if use.role == "position"), None)
        if position is not None:
            signal = self.look(position.signal) if position.signal is not None else None
            name = position.piece.name
            rms = math.sqrt(signal.square) if signal is not None and signal.square > SMALLEST else 1.0
            self.deviations.setdefault(name, POSITION * rms)
            added = Signal(0.0, self.deviations[name] ** 2)
            return total(signal, added) if signal is not None else added
        return rules.added(self.graph, operation, self.look)

    def _added_product(self, operation: Operation) -> Signal | None:
        parts = [self.look(each.value) if isinstance(each, Ref) else None for each in operation.args[:3]]
        if len(parts) < 3 or parts[0] is None or parts[1] is None or parts[2] is None:
            return None
        return total(parts[0], product(parts[1], parts[2]))

    def _met(self, operation: Operation, signals: list[int]) -> Signal | None:
        """A product of two signals: what attention weights mix keeps its second moment, others add up."""
        if len(signals) < 2:
            return _bare(self.look(signals[0])) if signals else None
        for index, other in ((signals[0], signals[1]), (signals[1], signals[0])):
            maker = self.roles.flow.maker(index)
            if maker is not None and maker.name in SOFTMAX:
                return _bare(self.look(other))
        one, other_signal = self.look(signals[0]), self.look(signals[1])
        if one is None or other_signal is None:
            return None
        terms = self._terms(operation, signals)
        return Signal(0.0, terms * one.square * other_signal.square)

    def _terms(self, operation: Operation, signals: list[int]) -> float:
        sizes = [self.graph.values[index].tensor.numel() for index in (*signals[:2], operation.outputs[0])]
        batch = self.graph.values[operation.outputs[0]].tensor
        outer = math.prod(batch.shape[:-2]) if batch.dim() > 2 else 1
        return math.sqrt(max(1.0, sizes[0] * sizes[1] / max(1, sizes[2]) / max(1, outer)))

    # ------------------------------------------------------------------------------------------ parameters as values

    def _at_rest(self, index: int) -> Signal | None:
        """Return the moments of a value that no operation of the signal made: a parameter, a buffer, a constant."""
        pieces = self.roles.pieces.of.get(index)
        if pieces:
            return self._of_pieces(index)
        value = self.graph.values[index]
        if value.tensor.is_meta or value.tensor.numel() == 0 or value.tensor.is_complex():
            return (
                None if value.kind == "activation" else Signal(0.0, 1.0) if value.tensor.is_floating_point() else None
            )
        tensor = value.tensor.double()
        tensor = tensor[tensor.isfinite()]
        if tensor.numel() == 0:
            return None
        return Signal(float(tensor.mean()), float((tensor**2).mean()))

    def _of_pieces(self, index: int) -> Signal | None:
        pieces = self.roles.pieces.of[index]
        if len(pieces) != 1 or pieces[0].through:
            return None
        parameter = self.reading[pieces[0].name]
        plus = 1.0 if pieces[0].plus_one else 0.0
        if parameter.role == "norm_weight":
            level = self.norms.get(parameter.name, 1.0)
            return Signal(level, level**2)
        if parameter.role in ("bias", "norm_bias"):
            return Signal(plus, plus)
        if parameter.role == "scale":
            return Signal(1.0, 1.0)
        deviation = self._deviation(parameter)
        return Signal(plus, plus + deviation**2)

    def _deviation(self, parameter: Parameter, operation: Operation | None = None) -> float:
        """Return the standard deviation of embeddings, tokens, positions and tables."""
        name = parameter.name
        if name not in self.deviations:
            self.deviations[name] = self._fresh_deviation(parameter, operation)
        return self.deviations[name]

    def _fresh_deviation(self, parameter: Parameter, operation: Operation | None) -> float:
        if parameter.role == "token":
            return 1.0 if is_query(parameter) else SMALL
        if parameter.role == "table":
            return SMALL
        if parameter.usage is not None and parameter.usage.output:
            return tied_deviation(parameter, self.assumed.get(parameter.name, 1.0))
        if operation is not None and not self._from_input(operation):
            return POSITION * self._beside(operation)
        return 1.0

    def _from_input(self, operation: Operation) -> bool:
        """Tell whether rows are looked up by what the model was called with."""
        return any(self.graph.values[index].kind == "input" for index in operation.inputs)

    def _beside(self, operation: Operation) -> float:
        """Return the rms of the signal that looked-up positions are added to; one where it is not known yet."""
        for user, index in self.roles.flow.users(operation.outputs[0]):
            if user.name in ADDITIONS:
                others = [each for each in self.roles.flow.signals(user) if each != index and each in self.states]
                found = [signal.square for each in others if (signal := self.states[each]) is not None]
                if found and found[0] > SMALLEST:
                    return math.sqrt(found[0])
        return 1.0

    def _by_operation(self) -> dict[int, list[Use]]:
        found: dict[int, list[Use]] = {}
        for uses in self.roles.uses.values():
            for use in uses:
                found.setdefault(use.operation.index, []).append(use)
        return found


def walked(reading: Reading) -> Walk:
    """Walk; where embeddings are tied to the output layer walk twice, since its input is known only at the end."""
    first = Walk(reading)
    changed = {name: square for name, square in first.heads.items() if abs(square - 1.0) > 0.01}
    return Walk(reading, first.heads) if changed else first


def _known(signal: Signal | None) -> float | None:
    """Return the second moment; one where eps of a norm alone keeps it from that, None where it is not known."""
    if signal is None or not signal.square > SMALLEST:  # NaN is no size either
        return None
    return 1.0 if abs(signal.square - 1) < 0.005 else signal.square


def _bare(signal: Signal | None) -> Signal | None:
    return signal.bare() if signal is not None else None


def _window(operation: Operation, count: int) -> int:
    """Return how many positions a pooling takes together."""
    if "adaptive" in operation.name or operation.name in ("amax", "max"):
        return count
    kernel = operation.argument(1, "kernel_size", None)
    if isinstance(kernel, int):
        dimensions = next((int(digit) for digit in operation.name if digit.isdigit()), 2)
        return int(kernel**dimensions)
    if isinstance(kernel, (tuple, list)) and all(isinstance(each, int) for each in kernel):
        return math.prod(kernel)
    return count
