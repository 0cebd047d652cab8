"""Decisions as values: `Row` for a parameter, `Part` for a block of one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import torch

from initwise.axes import Axes, Blocks
from initwise.errors import ArgumentError
from initwise.fans import Fans, fans
from initwise.initializers import (
    Custom,
    Fill,
    Given,
    Initializer,
    Keep,
    Law,
    MeanOfRows,
    NewRows,
    PerBlock,
    Product,
    Scaled,
    Target,
)
from initwise.random import Draw


@dataclass(frozen=True)
class Part:
    """A slice of a parameter along one axis, with what is drawn there; most parameters are one part, labelled ""."""

    label: str
    axis: int
    start: int
    stop: int
    initializer: Initializer
    target: Target
    whole: tuple[int, ...] = field(default=(), compare=False)

    @cached_property
    def draw(self) -> Draw | Fill | Product | None:
        """What is drawn for each element, by its place in the whole parameter; None for laws that are drawn at once."""
        draw = self.initializer.draw(self.target)
        whole = self.whole or self.target.shape
        return draw.placed(whole, self.axis, self.start) if isinstance(draw, Product) else draw

    @cached_property
    def law(self) -> Law | None:
        """What the values of this part follow; None where nothing is declared."""
        return self.initializer.law(self.target)


@dataclass(frozen=True)
class Row:
    """What was decided about one parameter, and why.

    Attributes:
        name: the parameter's canonical name in the model that was planned.
        canonical: the name its random numbers are drawn under (`names=` may map it to another).
        path: its name in `named_parameters()` of that model.
        aliases: the other names of a tied parameter.
        rule: the rule that decided, as one would write it.
        reason: the decision in words.
        source: "trace" where a forward pass showed the usage, "type" where the module's type says it, "" for unknown.
        line: the source line of the operation, as "file.py:123"; "" from types.
        context: what stands around the operation, in words: what precedes and follows, streams, the model's output.
        parts: the blocks of a packed parameter, or the whole as one part.
        law: mean, std, support and more of the values; over all blocks where they differ; None if not testable.
        fan_in, fan_out: the true fans, of each block where the parameter packs several; None where unknown.
    """

    name: str
    canonical: str
    path: str = field(compare=False)
    aliases: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool = field(compare=False)
    initializer: Initializer
    axes: Axes | None = None
    blocks: Blocks | None = None
    padding: int | None = None
    operation: str | None = field(default=None, compare=False)
    role: str | None = field(default=None, compare=False)
    rule: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    line: str = field(default="", compare=False)
    context: tuple[str, ...] = field(default=(), compare=False)
    kept: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", isinstance(self.initializer, Keep))

    def because(self, reason: str) -> Row:
        """Return the same decision with its reason; what was computed from the decision is kept."""
        row = replace(self, reason=reason)
        row.__dict__.update({name: self.__dict__[name] for name in ("parts", "law", "_fans") if name in self.__dict__})
        return row

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The blocks of a packed parameter, or the whole as one part."""
        return tuple(_parts(self))

    @cached_property
    def law(self) -> Law | None:
        """What the values follow, over all parts (of new rows beside old ones the new ones); None if undeclared."""
        if isinstance(self.initializer, NewRows):
            return self.parts[-1].law
        laws = [part.law for part in self.parts]
        known = [law for law in laws if law is not None]
        if len(known) < len(laws):
            return None
        return known[0] if all(law == known[0] for law in known) else _mixture(self, known)

    def is_written(self, index: int) -> bool:
        """Tell whether a row along the first axis is drawn, and not kept."""
        size = self.shape[0] if self.shape else 1
        return any(
            not isinstance(part.initializer, Keep) and (part.axis != 0 or part.start <= index % size < part.stop)
            for part in self.parts
        )

    @property
    def fan_in(self) -> int | float | None:
        """Terms summed into one output element; None where unknown, or where the blocks differ."""
        return self._fans[0]

    @property
    def fan_out(self) -> int | float | None:
        """Output elements that one input element feeds; None where unknown, or where the blocks differ."""
        return self._fans[1]

    @cached_property
    def _fans(self) -> tuple[int | float | None, int | float | None]:
        found = [part.target.fans for part in _for_fans(self)]
        if found[0] is None:
            return None, None
        ins, outs = ({getattr(each, side) for each in found} for side in ("fan_in", "fan_out"))
        return ins.pop() if len(ins) == 1 else None, outs.pop() if len(outs) == 1 else None


def _parts(row: Row) -> Iterator[Part]:
    if isinstance(row.initializer, NewRows):
        yield from _old_and_new(row, row.initializer)
        return
    if isinstance(row.initializer, MeanOfRows):
        raise ArgumentError(
            f"{row.initializer!r} is for rows beside old ones, and here all rows are drawn; give the number of the old "
            "(old_rows={name: count}, or a checkpoint that has them), or another initializer"
        )
    blocks = row.blocks or _stacked(row)
    if row.kept or blocks is None:
        if isinstance(_unscaled(row.initializer), PerBlock):
            raise ArgumentError(
                f"{row.initializer!r} names blocks, and this parameter packs none; give one initializer"
            )
        yield _part(row, "", 0, 0, row.shape[0] if row.shape else 1, row.initializer)
        return
    _check_cover(row, blocks)
    _check_names(row.initializer, blocks)
    for label, start, stop in blocks.slices():
        inner = _for_block(row.initializer, label, row.shape, (blocks.axis, start, stop))
        yield _part(row, label, blocks.axis, start, stop, inner)


def _old_and_new(row: Row, initializer: NewRows) -> Iterator[Part]:
    """Return the old rows, kept, and the new ones, drawn with the fans of the whole parameter."""
    after = initializer.after
    if row.blocks is not None or not row.shape or row.shape[0] <= after:
        packed = f", which packs {' '.join(row.blocks.names)}" if row.blocks is not None else ""
        raise ArgumentError(
            f"{initializer!r}: the parameter has shape {row.shape}{packed}; one that packs nothing and has more than "
            f"{after} rows is needed"
        )
    whole = _known_fans(row.shape, row.axes) if row.axes is not None else None
    for label, start, stop, inner in (("old", 0, after, Keep()), ("new", after, row.shape[0], initializer.inner)):
        target = Target((stop - start, *row.shape[1:]), row.dtype, whole, row.axes)
        yield Part(label, 0, start, stop, inner, target, row.shape)


def _for_fans(row: Row) -> tuple[Part, ...]:
    """Return the parts whose fans are the row's; a packed parameter that is kept whole is cut for this all the same."""
    if not row.kept or row.blocks is None:
        return row.parts
    axis = row.blocks.axis
    return tuple(_part(row, label, axis, start, stop, row.initializer) for label, start, stop in row.blocks.slices())


def _stacked(row: Row) -> Blocks | None:
    """Return a stack of matrices (experts, heads) as blocks `0 1 2 ...`, for laws that concern one matrix."""
    if row.kept or row.axes is None or len(row.axes.batch) != 1:
        return None
    batch = row.axes.normalized(row.shape).batch
    if isinstance(_unscaled(row.initializer), Custom | Given) or _is_elementwise(row):
        return None
    count = row.shape[batch[0]]
    return Blocks(batch[0], tuple(map(str, range(count))), (1,) * count)


def _is_elementwise(row: Row) -> bool:
    return row.initializer.draw(_part(row, "", 0, 0, row.shape[0], row.initializer).target) is not None


def _check_cover(row: Row, blocks: Blocks) -> None:
    size = row.shape[blocks.axis] if 0 <= blocks.axis < len(row.shape) else 0
    if sum(blocks.sizes) != size:
        raise ArgumentError(f"the blocks {blocks!r} cover {sum(blocks.sizes)} of {size} along axis {blocks.axis}")


def _check_names(initializer: Initializer, blocks: Blocks) -> None:
    initializer = _unscaled(initializer)
    if not isinstance(initializer, PerBlock):
        return
    given = [name for name, _ in initializer.blocks]
    unknown = [name for name in given if name not in blocks.names]
    if unknown:
        raise ArgumentError(f"{initializer!r} names {_quoted(unknown)}; the blocks here are {_quoted(blocks.names)}")
    missing = [name for name in blocks.names if initializer.block(name) is None]
    if missing:
        raise ArgumentError(
            f"{initializer!r} says nothing about {_quoted(missing)}; add them, or rest=... for all others"
        )


def _for_block(initializer: Initializer, label: str, shape: tuple[int, ...], cut: tuple[int, int, int]) -> Initializer:
    """Return what a block gets that is cut out along an axis, from a start to a stop: its own factors and numbers."""
    axis, start, stop = cut
    if isinstance(initializer, PerBlock):
        return initializer.block(label) or Keep()
    if isinstance(initializer, Scaled):
        inner = _for_block(initializer.inner, label, shape, cut)
        return initializer.part(inner, axis, start, stop, shape[axis])
    return initializer.part(shape, axis, start, stop) if isinstance(initializer, Given) else initializer


def _unscaled(initializer: Initializer) -> Initializer:
    """Return what stands within factors."""
    return _unscaled(initializer.inner) if isinstance(initializer, Scaled) else initializer


def _part(row: Row, label: str, axis: int, start: int, stop: int, initializer: Initializer) -> Part:
    shape = tuple(stop - start if index == axis else size for index, size in enumerate(row.shape))
    known = _known_fans(shape, row.axes) if row.axes is not None else None
    return Part(label, axis, start, stop, initializer, Target(shape, row.dtype, known, row.axes), row.shape)


@lru_cache(maxsize=4096)
def _known_fans(shape: tuple[int, ...], axes: Axes) -> Fans:
    return fans(shape, axes)


def _mixture(row: Row, laws: list[Law]) -> Law:
    """Return the law of an element of any part: the parts' laws, weighted by their sizes."""
    weights = [math.prod(part.target.shape) / row.numel for part in row.parts]
    mean = math.fsum(weight * law.mean for weight, law in zip(weights, laws, strict=True))
    square = math.fsum(
        weight * (law.std**2 + (law.mean - mean) ** 2) for weight, law in zip(weights, laws, strict=True)
    )
    support = min(law.support[0] for law in laws), max(law.support[1] for law in laws)
    text = "; ".join(f"{' '.join(labels)}: {law}" for law, labels in _by_law(row, laws).items())
    return Law(mean, math.sqrt(square), support, name="by block", iid=False, text=text)


def _by_law(row: Row, laws: list[Law]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for part, law in zip(row.parts, laws, strict=True):
        grouped.setdefault(law.describe(), []).append(part.label)
    return grouped


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
