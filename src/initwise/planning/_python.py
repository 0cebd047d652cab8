"""A plan as plain PyTorch code: the same laws, no initwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from initwise.errors import NotSupportedError
from initwise.initializers import (
    ICNR,
    BilinearKernel,
    Custom,
    DeltaOrthogonal,
    Dirac,
    Fill,
    Given,
    Identity,
    Initializer,
    Keep,
    Orthogonal,
    Scaled,
    Sparse,
)
from initwise.planning._python_helpers import HELPERS
from initwise.planning._python_rates import rate_line, reads_another
from initwise.planning._row import Part, Row
from initwise.random import NormalDraw, TruncatedNormalDraw, UniformDraw

HEAD = '''"""Initial weights in plain PyTorch: {parameters} parameters, {elements:,} elements."""

{imports}import torch
from torch import nn


@torch.no_grad()
def initialize(model):
    """Draw the parameters of `model` in place, from torch's global random generator."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
'''


def to_python(rows: Sequence[Row]) -> str:
    """Return code with a function `initialize(model)` that draws from the laws of `rows`.

    Raises:
        NotSupportedError: a function of the user's draws a parameter, or a parametrization computes it.
    """
    _refuse_functions(rows)
    _refuse_parametrized(rows)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        grouped.setdefault(tuple(_statements(row)), []).append(row.path)
    kept = "".join(f"    # left as it is: {path}\n" for path in grouped.pop((), ()))
    order = sorted(grouped, key=reads_another)  # what reads another parameter comes after it
    body = "".join(_loop(grouped[statements], statements) for statements in order)
    code = "\n\n".join([kept + (body or "    pass\n"), *_helpers(body)])
    imports = "".join(f"import {module}\n" for module in ("itertools", "math") if f"{module}." in code)
    return HEAD.format(parameters=len(rows), elements=sum(row.numel for row in rows), imports=imports) + code


def _helpers(code: str) -> list[str]:
    """Return the helpers that `code` calls, and those that they call."""
    found = []
    for name, helper in HELPERS.items():  # each comes before those it calls
        if f"{name}(" in code:
            found.append(helper)
            code += helper
    return found


def _refuse_functions(rows: Sequence[Row]) -> None:
    custom = [row.name for row in rows if any(_is_function(part.initializer) for part in row.parts)]
    if custom:
        raise NotSupportedError(
            f"to_python: {', '.join(map(repr, custom))} are drawn by functions of yours, whose code is not known here; "
            "call them yourself, or use another initializer"
        )


def _is_function(initializer: Initializer) -> bool:
    within = initializer.inner if isinstance(initializer, ICNR | Scaled) else None
    return _is_function(within) if within is not None else isinstance(initializer, Custom)


def _refuse_parametrized(rows: Sequence[Row]) -> None:
    hidden = [row.name for row in rows if not row.kept and _is_computed(row)]
    if hidden:
        raise NotSupportedError(
            f"to_python: {', '.join(map(repr, hidden))} are computed by parametrizations, which plain code cannot look "
            "through; remove them (parametrize.remove_parametrizations) and plan again, or use initwise.apply"
        )


def _is_computed(row: Row) -> bool:
    """Tell whether the path names an original behind a parametrization or a weight norm, not the parameter itself."""
    owner, _, last = row.path.rpartition(".")
    name = row.name.rpartition(".")[2]
    return owner.endswith(f"parametrizations.{name}") or last == f"{name}_v"


def _loop(paths: Sequence[str], statements: Sequence[str]) -> str:
    names = "".join(f"        {path!r},\n" for path in paths)
    return f"    for name in [\n{names}    ]:\n        p = parameters[name]\n" + "".join(
        f"        {line}\n" for line in statements
    )


def _statements(row: Row) -> Iterator[str]:
    """Return what to do with the tensor `p` of a row; nothing if it is left as it is."""
    written = [part for part in row.parts if not isinstance(part.initializer, Keep)]
    lines = dict.fromkeys(_line("p", part, row) for part in written)
    whole = len(written) == len(row.parts) and len(lines) == 1 and (row.blocks is None or _is_elementwise(written[0]))
    if whole:
        yield from lines
    else:
        yield from (
            _line(f"p.narrow({part.axis}, {part.start}, {part.stop - part.start})", part, row) for part in written
        )
    if row.padding is not None and row.is_written(row.padding):
        yield f"p[{row.padding}].zero_()"


def _is_elementwise(part: Part) -> bool:
    return part.draw is not None


def _line(p: str, part: Part, row: Row) -> str:
    if isinstance(part.initializer, Scaled):
        return _scaled(p, part.initializer, part, row)
    draw = part.initializer.draw(part.target)
    halves = f"torch.view_as_real({p})" if part.target.is_complex else p
    if isinstance(draw, Fill):
        return f"nn.init.constant_({p}, {draw.value!r})"
    if isinstance(draw, UniformDraw):
        return f"nn.init.uniform_({halves}, {draw.low!r}, {draw.high!r})"
    if isinstance(draw, NormalDraw):
        return f"nn.init.normal_({halves}, mean={draw.mean!r}, std={draw.std!r})"
    if isinstance(draw, TruncatedNormalDraw):
        low, high = draw.support
        return f"nn.init.trunc_normal_({halves}, mean={draw.mean!r}, std={draw.sigma!r}, a={low!r}, b={high!r})"
    return rate_line(p, part, row) or _structured(p, part, row)


def _scaled(p: str, initializer: Scaled, part: Part, row: Row) -> str:
    inner = _line("q", replace(part, initializer=initializer.inner), row)
    axis = "" if initializer.axis is None else f", axis={initializer.axis}"
    return f"_scaled({p}, {initializer.factor!r}, lambda q: {inner}{axis})"


def _structured(p: str, part: Part, row: Row) -> str:
    initializer = part.initializer
    axes = part.target.axes.normalized(part.target.shape) if part.target.axes is not None else None
    if isinstance(initializer, Orthogonal):
        return f"_orthogonal({p}, gain={initializer.gain!r}{f', batch={axes.batch!r}' if axes and axes.batch else ''})"
    if isinstance(initializer, DeltaOrthogonal):
        return f"_delta_orthogonal({p}, gain={initializer.gain!r}, groups={axes.groups if axes else 1})"
    if isinstance(initializer, Sparse):
        incoming = tuple(sorted((*axes.fan_in, *axes.kernel))) if axes else (1,)
        groups = axes.groups if axes else 1
        return (
            f"_sparse({p}, {initializer.sparsity!r}, std={initializer.std!r}, incoming={incoming!r}, groups={groups})"
        )
    if isinstance(initializer, Identity):
        return f"nn.init.eye_({p})"
    if isinstance(initializer, Dirac):
        return f"nn.init.dirac_({p}, groups={initializer.groups})"
    if isinstance(initializer, ICNR):
        small = replace(part, initializer=initializer.inner, target=initializer.small(part.target))
        return f"_icnr({p}, {initializer.scale**2}, lambda q: {_line('q', small, row)})"
    if isinstance(initializer, Given):
        return f"{p}.copy_(torch.tensor({list(initializer.listed)!r}, dtype=torch.float64).reshape({p}.shape))"
    if isinstance(initializer, BilinearKernel):
        groups = axes.groups if axes else max(part.target.shape[0] // part.target.shape[1], 1)
        return f"_interpolating({p}, groups={groups})"
    raise NotSupportedError(f"to_python: {initializer!r} has no counterpart in plain PyTorch")
