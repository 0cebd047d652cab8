"""One parameter explained: its operation, fans, rule, law and source line."""

from __future__ import annotations

from collections.abc import Iterator

from initwise.errors import FanError
from initwise.fans import torch_fans
from initwise.model import Usage
from initwise.planning._row import Row
from initwise.recipes import RECIPES

_ROLES = {"fan_in": "summed over", "fan_out": "kept", "batch": "looped over", "kernel": "a window"}


def around(usage: Usage) -> Iterator[str]:
    """Yield in words what stands around the operation that uses a parameter."""
    if usage.follows:
        yield f"follows {usage.follows}"
    if usage.activation:
        yield f"{usage.activation} follows"
    if usage.norm_follows:
        yield "a norm follows"
    if usage.residual is not None:
        place = f"{usage.residual.index + 1} of {usage.residual.writers}"
        closed = f", behind the norm {usage.residual.norm}" if usage.residual.norm else ""
        yield f"writer {place} into the residual stream {usage.residual.stream}{closed}"
    if usage.output:
        yield "makes the model's output"
    if usage.calls > 1:
        yield f"used {usage.calls} times in one pass"


def explained(row: Row) -> str:
    """Return what is known of one parameter and why it gets what it gets, a fact a line."""
    facts = [(name, value) for name, value in _facts(row) if value]
    width = max(len(name) for name, _ in facts)
    return "\n".join([row.name, *(f"  {name:<{width}}  {value}" for name, value in facts)])


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    yield "also called", ", ".join(row.aliases)
    yield "shape", f"{' x '.join(map(str, row.shape)) or 'scalar'}, {str(row.dtype).removeprefix('torch.')}"
    yield "operation", _operation(row)
    yield "source line", row.line
    yield "role", row.role or "unknown"
    yield "axes", _axes(row)
    yield "fans", _fans(row)
    yield "blocks", _blocks(row)
    yield "around it", "; ".join(row.context)
    yield "rule", row.rule
    recipe = RECIPES.get(row.rule.removeprefix("recipe "))
    yield "after", recipe.source if recipe is not None else ""
    yield "law", _law(row)
    yield "reason", row.reason


def _operation(row: Row) -> str:
    if row.operation is None:
        return "unknown: neither a traced pass nor the module's type tells"
    how = {"trace": "as a forward pass showed", "type": "by its module's type"}.get(row.source, "")
    return f"{row.operation}{f', {how}' if how else ''}"


def _axes(row: Row) -> str:
    if row.axes is None:
        return ""
    told = [
        f"{'axis' if len(axes) == 1 else 'axes'} {' and '.join(map(str, axes))} {words}"
        for role, words in _ROLES.items()
        if (axes := getattr(row.axes, role))
    ]
    told += [f"{row.axes.groups} groups"] if row.axes.groups > 1 else []
    told += [f"strides of product {row.axes.stride}"] if row.axes.stride > 1 else []
    told += [f"axis {axis} holds {count} side by side" for axis, count in row.axes.split]
    return ", ".join(told)


def _fans(row: Row) -> str:
    if row.fan_in is None or row.fan_out is None:
        return ""
    each = " of each block" if row.blocks is not None else ""
    said = f"fan_in {row.fan_in:g}, fan_out {row.fan_out:g}{each}"
    try:
        other = torch_fans(row.shape)
    except (FanError, ValueError):
        return said
    if (other.fan_in, other.fan_out) == (row.fan_in, row.fan_out):
        return said
    return f"{said} (torch.nn.init would take {other.fan_in} and {other.fan_out})"


def _blocks(row: Row) -> str:
    if row.blocks is None:
        return ""
    return f"along axis {row.blocks.axis}: " + ", ".join(
        f"{name} {stop - start}" for name, start, stop in row.blocks.slices()
    )


def _law(row: Row) -> str:
    if row.kept:
        return "kept as it is"
    if row.law is None:
        return f"{row.initializer!r}, not declared"
    low, high = row.law.support
    return f"{row.law.describe()}: mean {row.law.mean:.6g}, std {row.law.std:.6g}, support [{low:.6g}, {high:.6g}]"
