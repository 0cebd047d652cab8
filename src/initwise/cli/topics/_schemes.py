"""Initializers and the names of torch.nn.init, explained: formula, law on an example, and where the fans differ."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

import initwise.initializers as values
from initwise.cli.topics._scheme_facts import OTHER_NAMES, REMARKS, TORCH_NAMES
from initwise.cli.topics._source import place_of
from initwise.cli.topics._topic import Section, Topic
from initwise.errors import FanError
from initwise.fans import torch_fans
from initwise.findings import Column, Table
from initwise.gains import gain
from initwise.initializers import Initializer, Target
from initwise.planning import plan
from initwise.rules import rule

_LAYERS: tuple[tuple[str, Any, str], ...] = (
    ("Linear(512, 2048)", lambda: nn.Linear(512, 2048), "weight"),
    ("Conv2d(64, 128, 3)", lambda: nn.Conv2d(64, 128, 3), "weight"),
    ("Conv2d(64, 64, 3, groups=64)", lambda: nn.Conv2d(64, 64, 3, groups=64), "weight"),
    ("ConvTranspose2d(128, 64, 4, stride=2)", lambda: nn.ConvTranspose2d(128, 64, 4, stride=2), "weight"),
    ("MultiheadAttention(512, 8)", lambda: nn.MultiheadAttention(512, 8), "in_proj_weight"),
    ("LSTM(256, 512)", lambda: nn.LSTM(256, 512), "weight_hh_l0"),
    ("Bilinear(64, 32, 128)", lambda: nn.Bilinear(64, 32, 128), "weight"),
    ("Embedding(1000, 256)", lambda: nn.Embedding(1000, 256), "weight"),
)


def scheme_names() -> tuple[str, ...]:
    """All initializers, then the names of torch.nn.init."""
    return (*_classes(), *TORCH_NAMES, "calculate_gain")


def scheme(name: str) -> Topic | None:
    """The explanation of an initializer, by our name, by PyTorch's or by another; None if it is none."""
    bare = name.rpartition(".")[2].removesuffix("_")
    if bare in ("calculate_gain", "gain"):
        return _gain_topic()
    lowered = {key.lower(): key for key in _classes()}
    spelled = TORCH_NAMES.get(bare) or TORCH_NAMES.get(f"{bare}_") or OTHER_NAMES.get(bare.lower().replace("_", ""))
    found = spelled or lowered.get(bare.lower().replace("_", ""))
    return None if found is None else _explained(found, _classes()[found])


def _classes() -> dict[str, type[Initializer]]:
    exported = ((name, getattr(values, name)) for name in values.__all__)
    return {
        name: value
        for name, value in exported
        if isinstance(value, type) and issubclass(value, Initializer) and not inspect.isabstract(value)
    }


def _explained(name: str, kind: type[Initializer]) -> Topic:
    summary, *rest = _prose(kind)
    sections = [Section(_call(f"iw.{name}", kind), tuple(rest))] if rest else []
    torch_names = [key for key, ours in TORCH_NAMES.items() if ours == name and key.endswith("_")]
    if _needs_fans(kind):
        sections.append(Section("Fans: PyTorch's on a bare tensor, and the plan's", _FANS_WORDS, _fans_table(kind())))
    if torch_names:
        sections.append(_in_torch(torch_names))
    if REMARKS.get(name):
        sections.append(Section("To know", REMARKS[name]))
    return Topic(name, "initializer", summary, tuple(sections))


_FANS_WORDS = (
    "torch.nn.init, and initwise.init which stands in for it, see a tensor's shape alone.",
    "A plan knows the layer, and takes the fans of what is really summed; for packed weights, of each block.",
)


def _prose(kind: type[Initializer]) -> list[str]:
    """The docstring without its doctests and the errors it lists."""
    document = inspect.getdoc(kind) or kind.__name__
    lines = document.split("\n>>>")[0].split("\nRaises:")[0].strip().splitlines()
    return [line for index, line in enumerate(lines) if index != 1 or line.strip()]


def _needs_fans(kind: type[Initializer]) -> bool:
    try:
        kind().law(Target((4, 4)))
    except FanError:
        return True
    except Exception:  # noqa: BLE001 - it needs arguments, or another shape: either way no fans
        return False
    return False


def _fans_table(initializer: Initializer) -> Table:
    columns = (
        Column("weight of"),
        Column("shape"),
        Column("PyTorch's fans"),
        Column("true fans"),
        Column("PyTorch's std", "right"),
        Column("plan's std", "right"),
    )
    return Table("", columns, tuple(_fans_row(initializer, *layer) for layer in _LAYERS))


def _fans_row(initializer: Initializer, written: str, build: Any, attribute: str) -> tuple[str, ...]:
    with torch.device("meta"):
        layer = build()
    row = plan(layer, [rule("*", values.Keep()), rule(attribute, initializer)])[attribute]
    bare = torch_fans(row.shape)
    on_bare = initializer.law(Target(row.shape, fans=bare))
    std = row.law.std if row.law else 0.0
    return (
        written,
        str(tuple(row.shape)),
        f"{bare.fan_in}, {bare.fan_out}",
        f"{row.fan_in}, {row.fan_out}",
        f"{on_bare.std:.4g}" if on_bare else "",
        f"{std:.4g}",
    )


def _in_torch(names: list[str]) -> Section:
    lines = []
    for name in names:
        function = getattr(nn.init, name)
        lines += [_call(f"torch.nn.init.{name}", function), f"    {place_of(function)}"]
    return Section("In torch.nn.init; the drop-in, initwise.init, has its name, arguments and law", tuple(lines))


def _call(name: str, function: Any) -> str:
    """How it is called, without annotations: PyTorch's fill lines."""
    parameters = inspect.signature(function).parameters.values()
    return f"{name}({', '.join(str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters)})"


def _gain_topic() -> Topic:
    columns = (
        Column("nonlinearity"),
        Column("exact", "right"),
        Column("backward", "right"),
        Column("PyTorch's", "right"),
    )
    names = ("linear", "relu", "leaky_relu", "tanh", "sigmoid", "selu", "gelu", "silu", "mish", "elu", "softplus")
    table = Table("", columns, tuple((name, *_gains(name)) for name in names))
    summary = "The factor by which a weight's std grows to make up for a nonlinearity."
    words = (
        "Exact: 1/√E f(z)² for z ~ N(0, 1), which keeps the second moment on the way forward;",
        "backward: 1/√E f'(z)², which keeps the gradient's. initwise.gain(f) takes any name or function.",
        f"PyTorch's: torch.nn.init.calculate_gain ({place_of(nn.init.calculate_gain)}); a dash where it raises.",
    )
    said = (
        "“calculate_gain('selu') gives self-normalizing networks.”",
        "    No. They need the gain 1 (LecunNormal), not 3/4.",
        "“xavier_uniform_(gain=calculate_gain('relu')) is He's law.”",
        "    No. Only where fan_in equals fan_out.",
    )
    return Topic("gain", "function", summary, (Section("Gains", words, table), Section("Often said, and not so", said)))


def _gains(name: str) -> tuple[str, str, str]:
    try:
        theirs = f"{nn.init.calculate_gain(name):.5g}"  # type: ignore[arg-type]
    except ValueError:
        theirs = "-"
    return f"{gain(name):.5g}", f"{gain(name, direction='backward'):.5g}", theirs
