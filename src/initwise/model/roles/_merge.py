"""From the places where a parameter is used to one `Usage`: what recipes, plans and reports ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from initwise.axes import Axes, Blocks
from initwise.model._usage import Residual, Role, Usage
from initwise.model.graph import Graph
from initwise.model.graph._vocabulary import MATRIX_PRODUCTS
from initwise.model.roles._blocks import Part, named_blocks, output_parts
from initwise.model.roles._flow import Flow
from initwise.model.roles._pieces import Pieces, Span, spans, window
from initwise.model.roles._residuals import Residuals
from initwise.model.roles._uses import Use, uses

_PRIORITY: tuple[Role, ...] = (
    "embedding",
    "weight",
    "recurrent",
    "norm_weight",
    "norm_bias",
    "table",
    "slope",
    "rate",
    "token",
    "position",
    "scale",
    "bias",
)


# An addition or a product says little; that a module keeps a rate or a table there says more.
_ANY_OPERATION = ("bias", "position", "token", "scale")
_BY_NATURE = ("rate", "position", "token", "table", "scale", "slope")
# Rows that are chosen by number, joined or multiplied may be biases of experts, tables or factors all the same.
_KNOWN: dict[Role, tuple[Role, ...]] = {
    "embedding": ("bias", "table", "position"),
    "token": ("bias",),
    "norm_weight": ("scale",),
    "weight": ("table",),  # relative positions that are contracted with queries
    "position": ("bias",),
}


class Roles:
    """What one graph says about the parameters of its model.

    Attributes:
        graph, pieces, flow, residuals: the parts of the reading, for those who walk the graph further.
        uses: by parameter, where it meets the signal.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.pieces = Pieces(graph)
        self.flow = Flow(graph, self.pieces)
        self.residuals = Residuals(graph, self.flow)
        self.uses = uses(graph, self.pieces, self.flow)
        self.shapes = {name: tuple(graph.values[index].tensor.shape) for name, index in graph.parameters.items()}
        self._norms = self._norm_weights()

    def usage(self, name: str, by_type: Usage | None) -> Usage | None:
        """Return how a parameter is used: by the trace, completed by its module's type; None if neither tells.

        Of several uses the strongest role decides, and of these the first; a table of embeddings that also makes the
        model's output (a tied head) is an embedding with `output` set.
        """
        found = self.uses.get(name, [])
        known = [use for use in found if use.role is not None]
        if not known:
            return self._untold(found, by_type)
        role = min((use.role for use in known if use.role is not None), key=_PRIORITY.index)
        same = [use for use in known if use.role == role]
        first = same[0]
        made = self._context(Usage(first.operation.name, role, source="trace", calls=len(found)), first)
        if any(use.role == "weight" and self.flow.is_output(use.output) for use in known):
            made = replace(made, output=True)
        if role == "weight":
            made = self._weight(made, same)
        elif role in ("embedding", "table"):
            made = replace(made, axes=self._lookup(first))
        elif role == "norm_weight":
            made = replace(made, neutral=0.0 if first.piece.plus_one else 1.0)
        elif role == "norm_bias":
            made = replace(made, neutral=0.0)
        return _completed(made, by_type)

    def _untold(self, found: Sequence[Use], by_type: Usage | None) -> Usage | None:
        """The trace met the parameter in no operation, or in one that it does not understand: the type's word holds."""
        if by_type is None:
            return None if found else Usage("none", "unused", source="trace")
        context = self._context(replace(by_type, calls=len(found)), found[0]) if found else by_type
        return replace(context, operation=by_type.operation, source="type")

    def _context(self, usage: Usage, use: Use) -> Usage:
        writer = self.residuals.writers.get(use.operation.index)
        residual = None
        if writer is not None:
            norm = self._norms.get(writer.norm) if writer.norm is not None else None
            residual = Residual(writer.stream.name, writer.addition, len(writer.stream.additions), norm)
        return replace(
            usage,
            line=use.operation.line,
            follows=self.flow.follows(use.signal),
            activation=self.flow.activation(use.output) if use.output >= 0 else "",
            residual=residual,
            norm_follows=use.output >= 0 and self.flow.norm_follows(use.output),
            output=use.output >= 0 and self.flow.is_output(use.output),
        )

    def _weight(self, usage: Usage, same: Sequence[Use]) -> Usage:
        shape = self.shapes[same[0].piece.name]
        axes = next((found for use in same if (found := self._axes(use, shape)) is not None), None)
        return replace(usage, axes=axes, blocks=self._blocks(same, shape, axes) if axes is not None else None)

    def _axes(self, use: Use, shape: tuple[int, ...]) -> Axes | None:
        """Return the roles of the parameter's own axes from those of the view that is contracted."""
        if use.operand is None or use.piece.shadow is None:
            return None
        told: dict[int, dict[str, int]] = {axis: {} for axis in range(len(shape))}
        letters = use.operand.letters
        found = spans(use.piece.shadow, shape)
        if len(found) != len(letters):
            return None
        for letter, span in zip(letters, found, strict=True):
            for axis in span.axes:
                counts = told[axis]
                counts[letter] = counts.get(letter, 1) * (span.size if len(span.axes) == 1 else shape[axis])
        for letter, size in zip(letters, use.piece.shadow.shape, strict=True):
            if size == 1:
                _give_to_a_single(told, letter, shape)
        for counts in told.values():
            if "i" in counts and "k" in counts:
                counts["i"] *= counts.pop("k")  # the taps of a window lie beside what is summed
        roles = {axis: _strongest(counts) for axis, counts in told.items()}
        split = tuple(
            (axis, shape[axis] // counts[role])
            for axis, counts in told.items()
            if (role := roles[axis]) and counts[role] < _length(use, shape, axis) and shape[axis] % counts[role] == 0
        )

        def those(letter: str) -> tuple[int, ...]:
            return tuple(axis for axis, role in roles.items() if role == letter)

        axes = Axes(
            those("i"),
            those("o"),
            those("b"),
            those("k"),
            groups=use.operand.groups,
            stride=use.operand.stride,
            split=split,
        )
        return axes if _counts_all(axes, letters, found, [_length(use, shape, axis) for axis in roles]) else None

    def _blocks(self, same: Sequence[Use], shape: tuple[int, ...], axes: Axes) -> Blocks | None:
        """Return the parts of a weight that are used apart: slices of it, and ranges of what each slice makes."""
        for axis in (*axes.fan_out, *axes.fan_in):
            slices = self._slices(same, shape, axis)
            if axes.fan_out == (axis,) and not axes.split and axes.groups == 1:
                parts = [each for part, use in slices for each in self._ranges(part, use)]
            else:
                parts = [part for part, _ in slices]
            blocks = named_blocks(self.graph, self.flow, axis, parts)
            if blocks is not None:
                return blocks
        return None

    def _slices(self, same: Sequence[Use], shape: tuple[int, ...], axis: int) -> list[tuple[Part, Use | None]]:
        """Return the slices along an axis in which a weight is used, and what lies between them.

        Slices that overlap count as one (a prefix that is used in several lengths).
        """
        found: dict[tuple[int, int], Use] = {}
        for use in same:
            if use.piece.shadow is not None:
                found.setdefault(window(use.piece.shadow, shape, axis), use)
        parts: list[tuple[Part, Use | None]] = []
        end = 0
        for start, stop in sorted(found, key=lambda each: (each[0], -each[1])):
            if start < end:
                if stop > end:
                    return [(Part(0, shape[axis], same[0].output), same[0])]
                continue
            if start > end:
                parts.append((Part(end, start - end, -1), None))
            use = found[start, stop]
            parts.append((Part(start, stop - start, use.output), use))
            end = stop
        if end < shape[axis]:
            parts.append((Part(end, shape[axis] - end, -1), None))
        return parts

    def _ranges(self, part: Part, use: Use | None) -> list[Part]:
        """Return the parts of what a slice of a weight makes."""
        if use is None or use.operand is None:
            return [part]
        found = output_parts(self.graph, self.flow, use.output, use.operand.feature, part.size)
        return [replace(each, start=part.start + each.start) for each in found]

    def _lookup(self, use: Use) -> Axes | None:
        """A lookup sums one row: fan_in is 1, and what is not looked up is kept."""
        shape = self.shapes[use.piece.name]
        if use.piece.shadow is None or use.looked_up is None:
            return None
        rows = spans(use.piece.shadow, shape)[use.looked_up].axes if use.looked_up < use.piece.shadow.dim() else (0,)
        return Axes((), tuple(axis for axis in range(len(shape)) if axis not in rows))

    def _norm_weights(self) -> dict[int, str]:
        """Return the weight of each norm, by the index of its operation."""
        found: dict[int, str] = {}
        for name, places in self.uses.items():
            for use in places:
                if use.role == "norm_weight":
                    found[use.operation.index] = name
        return found


def _give_to_a_single(told: dict[int, dict[str, int]], letter: str, shape: tuple[int, ...]) -> None:
    """An axis of size one leaves no trace in strides: it goes to the first such axis that has no role yet."""
    for axis, counts in told.items():
        if shape[axis] == 1 and not counts:
            counts[letter] = 1
            return


def _counts_all(axes: Axes, letters: str, found: Sequence[Span], lengths: Sequence[int]) -> bool:
    """Tell whether the axes count as many terms as the operation sums; rows and columns may be scrambled."""
    groups = axes.groups if letters.startswith("i") else 1
    terms = prod(span.size for letter, span in zip(letters, found, strict=True) if letter in "ik") // groups
    counted = prod(lengths[axis] for axis in (*axes.fan_in, *axes.kernel)) // groups
    return counted == terms * prod(count for axis, count in axes.split if axis in axes.fan_in)


def _length(use: Use, shape: tuple[int, ...], axis: int) -> int:
    """Return how long the range of an axis is in which a use lies."""
    if use.piece.shadow is None:
        return shape[axis]
    start, stop = window(use.piece.shadow, shape, axis)
    return stop - start


def _strongest(counts: dict[str, int]) -> str:
    return next((letter for letter in "iokb" if letter in counts), "")


def _mixes_kernels(usage: Usage, by_type: Usage) -> bool:
    """Tell whether a product only mixes the kernels of a conditional convolution, whose own axes do not show in it."""
    mixed = usage.operation in MATRIX_PRODUCTS and by_type.operation.startswith("conv")
    return mixed and usage.role == by_type.role == "weight" and by_type.axes is None


def _completed(usage: Usage, by_type: Usage | None) -> Usage:
    """Take from the module's type what a trace cannot see: the padding row, gates of a layer that runs as a whole."""
    if by_type is None:
        return usage
    if _mixes_kernels(usage, by_type):
        return replace(usage, operation=by_type.operation, axes=None, blocks=None)
    if (usage.role in _ANY_OPERATION and by_type.role in _BY_NATURE) or by_type.role in _KNOWN.get(usage.role, ()):
        axes = by_type.axes if by_type.role == "bias" or usage.role == "weight" else usage.axes
        usage = replace(usage, role=by_type.role, axes=axes, neutral=by_type.neutral)
    if usage.axes is not None and by_type.axes is not None and replace(by_type.axes, split=()) == usage.axes:
        usage = replace(usage, axes=by_type.axes)  # matrices that interleave
    if usage.role == by_type.role and usage.axes is None and by_type.axes is not None:
        usage = replace(usage, axes=by_type.axes, blocks=by_type.blocks)  # it is computed from other tensors
    padding = by_type.padding if usage.role in ("embedding", "table") else None
    blocks = usage.blocks
    if blocks is None and by_type.blocks is not None and by_type.axes == usage.axes:
        blocks = by_type.blocks
    neutral = by_type.neutral if usage.role == by_type.role and by_type.neutral is not None else usage.neutral
    return replace(usage, padding=padding, blocks=blocks, neutral=neutral)
