"""What a prediction starts from: samples of parameters drawn from their laws, constants, and the model's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from initwise.errors import InitwiseError
from initwise.initializers import Keep, Product
from initwise.model import Graph, Parameter, Reading
from initwise.planning import Part, Plan, Row
from initwise.signals.forecast._axes import Axes
from initwise.signals.forecast._behind import behind, vectors
from initwise.signals.forecast._state import Widths
from initwise.writing import draw_sample, drawn

_STREAM = "signals"  # the label of the numbers that samples are drawn from


@dataclass(frozen=True, eq=False)
class Source:
    """Where the values of one parameter come from.

    Attributes:
        value: its value in the graph.
        row: its decision.
        kind: "drawn" element by element at any size, "whole" where its law needs all elements, "kept" where its own
            values are used, "unknown" where there are none.
        why: why it is unknown.
    """

    value: int
    row: Row
    parameter: Parameter = field(repr=False)
    kind: str
    why: str = ""

    @property
    def is_centred(self) -> bool:
        """Whether every block has mean 0, so that sums over sampled channels can be scaled."""
        return all(part.law is not None and part.law.mean == 0 for part in self.row.parts)


class Supply:
    """Samples of all values that no operation makes."""

    def __init__(self, graph: Graph, reading: Reading, plan: Plan, inputs: Mapping[int, Tensor]) -> None:
        self.graph = graph
        self.plan = plan
        self.inputs = inputs
        self.sources: dict[int, Source] = {}
        self.through: dict[int, Source] = {}  # values behind parametrized parameters
        self.vectors: dict[int, tuple[Source, nn.Module, str]] = {}  # singular vectors of those under spectral norm
        self.buffers = {value.name: value.index for value in graph.values if value.kind == "buffer"}
        known = {parameter.name: parameter for parameter in reading.parameters}
        self.frozen = frozenset(
            graph.counterparts[id(tensor)]
            for parameter in reading.parameters
            for tensor in parameter.tensors
            if not tensor.requires_grad and id(tensor) in graph.counterparts
        )
        for row in plan:
            self._add(row, known[row.name])

    def _add(self, row: Row, parameter: Parameter) -> None:
        if parameter.sources and not row.kept:
            for tensor in parameter.tensors:
                value = self.graph.counterparts.get(id(tensor))
                if value is not None:
                    self.through[value] = Source(value, row, parameter, "through")
        if parameter.sources:
            self._add_vectors(row, parameter)
        value = self.graph.parameters.get(row.name)
        if value is not None and value not in self.through:
            self.sources[value] = _source(value, row, parameter)

    def _add_vectors(self, row: Row, parameter: Parameter) -> None:
        """Note the singular vectors of spectral norms, which are those of the weight that is drawn."""
        for owner in parameter.owners:
            for path, module in owner.module.named_modules():
                inside = path.startswith(f"parametrizations.{owner.attribute}.")
                for name, weight in vectors(module).items():
                    value = self.buffers.get(".".join(each for each in (owner.module_name, path, name) if each))
                    if value is not None and (inside or (not path and weight == owner.attribute)):
                        self.vectors[value] = (Source(value, row, parameter, "through"), module, name)

    @cached_property
    def rigid(self) -> frozenset[int]:
        """The values that cannot be sampled in part."""
        found = {*self.through, *self.vectors}
        for source in self.sources.values():
            matrix = sum(size > 1 for size in source.row.shape) > 1
            if source.kind == "whole" or (matrix and (source.kind == "kept" or not source.is_centred)):
                found.add(source.value)
        return frozenset(found)

    @cached_property
    def cut(self) -> dict[int, int]:
        """The axis of each value along which its blocks have laws of their own."""
        return {source.value: source.row.parts[0].axis for source in self.sources.values() if len(source.row.parts) > 1}

    def sample(self, index: int, axes: Axes, widths: Widths, seed: int) -> Tensor | str:
        """Return the sample of a value that no operation makes, or why there is none."""
        value = self.graph.values[index]
        shape = widths.shape(axes.of(index))
        if index in self.inputs:
            return self.inputs[index]
        if index in self.sources:
            return _parameter(self.sources[index], shape, seed)
        if index in self.through or index in self.vectors:
            return self._behind(index, seed)
        if index in self.graph.filled:
            return self.graph.filled[index].clone()
        if value.tensor.is_meta:
            return f"{value.name!r} {_EMPTY}" if value.name else _NO_VALUES
        return _part(_single(value.tensor), shape)

    def _behind(self, index: int, seed: int) -> Tensor | str:
        """Return what stands behind a parametrized parameter: an original, or a singular vector of its weight."""
        source, module, name = self.vectors.get(index) or (self.through[index], None, "")
        row = source.row
        if row.kept and module is not None:
            own = module.get_buffer(name)
            return f"{name!r} of {row.name!r} {_EMPTY}" if own.is_meta else _single(own)
        try:
            found = behind(source.parameter, row, seed)
        except (InitwiseError, NotImplementedError, RuntimeError) as error:
            return f"{row.name!r} is parametrized, and cannot be drawn: {error}"
        values = found.buffers.get((id(module), name))
        if module is None:
            place = {value: identity for identity, value in self.graph.counterparts.items()}
            values = found.tensors.get(place[index])
        return f"{row.name!r} is parametrized in a way that is not known" if values is None else _single(values)


_EMPTY = "has no values on the meta device; build the model with memory"
_NO_VALUES = "a constant of the model is too large to hold, or was made where tracing does not see it"


def _source(value: int, row: Row, parameter: Parameter) -> Source:
    if row.kept:
        why = _missing(row, parameter)
        return Source(value, row, parameter, "unknown" if why else "kept", why)
    if any(isinstance(part.initializer, Keep) for part in row.parts):
        return Source(value, row, parameter, "whole")
    return Source(value, row, parameter, "drawn" if all(map(_is_elementwise, row.parts)) else "whole")


def _missing(row: Row, parameter: Parameter) -> str:
    """Return why a kept parameter has no values to count with."""
    if parameter.tensor.is_meta:
        return f"{row.name!r} is kept as it is, and has no values on the meta device; give it an initializer"
    if not bool(torch.isfinite(parameter.tensor.detach()).all()):
        return f"{row.name!r} is kept as it is, and holds infinities or NaN; give it an initializer"
    return ""


def _is_elementwise(part: Part) -> bool:
    try:
        draw, law = part.draw, part.law
    except InitwiseError:
        return False
    by_channel = isinstance(draw, Product) and draw.size > 0  # factors know their channels
    return draw is not None and law is not None and not by_channel


def _parameter(source: Source, shape: Sequence[int], seed: int) -> Tensor | str:
    row = source.row
    if source.kind == "unknown":
        return source.why
    if source.kind == "kept":
        return _resampled(source.parameter.tensor, shape, seed)
    if source.kind == "whole":
        try:
            values = drawn(source.parameter, row, seed)
        except InitwiseError as error:
            return f"{row.name!r}: {error}"
        if values.is_meta:
            return f"{row.name!r} is kept in part, and has no values on the meta device; give it an initializer"
        return _single(values)
    made = torch.empty(tuple(shape), dtype=_dtype(row.dtype))
    draw_sample(made, row, seed, label=_STREAM)
    return _unpadded(made, row)


def _unpadded(made: Tensor, row: Row) -> Tensor:
    """Return the sample with its padding row at zero."""
    if row.padding is None or not row.is_written(row.padding):
        return made
    shown = torch.ones(made.shape[0], *(1,) * (made.dim() - 1))
    return made * shown.index_fill(0, torch.tensor([row.padding % made.shape[0]]), 0.0)


def _resampled(tensor: Tensor, shape: Sequence[int], seed: int) -> Tensor:
    """Return elements of trained weights, drawn at random where not all are sampled: their own moments stay."""
    whole = _single(tensor.detach())
    if tuple(whole.shape) == tuple(shape):
        return whole.clone()
    generator = torch.Generator(device="cpu").manual_seed(seed)
    chosen = torch.randint(whole.numel(), tuple(shape), generator=generator)
    return whole.flatten()[chosen]


def _single(tensor: Tensor) -> Tensor:
    """Return a tensor in single precision, on the CPU; whole numbers stay what they are."""
    plain = tensor.detach().cpu()
    return plain.float() if plain.dtype in (torch.float16, torch.bfloat16) else plain


def _dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _part(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """Return evenly spaced elements along the axes that are sampled in part."""
    for axis, (full, length) in enumerate(zip(tensor.shape, shape, strict=True)):
        if length < full:
            tensor = tensor.index_select(axis, torch.linspace(0, full - 1, length).round().long())
    return tensor
