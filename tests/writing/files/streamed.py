"""The one question of all tests of streaming: do the files hold what `apply` and saving give, every bit of it?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

import initwise as iw
from tests.writing.eager import on_meta

INDEX = "model.safetensors.index.json"


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors in the files of a folder, read by the library of the format, and all metadata of the files."""
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                assert name not in tensors
                tensors[name] = file.get_tensor(name)
            metadata |= file.metadata()
    return tensors, metadata


def assert_same_bits(one: Tensor, other: Tensor, name: str = "") -> None:
    """Equal dtypes, shapes and bytes: NaNs and signs of zeros included."""
    assert (one.dtype, one.shape) == (other.dtype, other.shape), name
    first, second = (each.detach().contiguous().view(-1) for each in (one, other))
    assert torch.equal(first.view(torch.uint8), second.view(torch.uint8)), name


def assert_holds(folder: Path, model: nn.Module) -> None:
    """Hold the files of a folder against a model: its state under all names, ties once, and its digest."""
    tensors, metadata = read(folder)
    state = model.state_dict()
    aliases = {name: metadata[name] for name in state if name not in tensors}
    assert set(tensors) | set(aliases) == set(state)
    for name, value in state.items():
        assert_same_bits(tensors[aliases.get(name, name)], value, name)
    assert iw.digest(folder) == iw.digest(model)
    assert iw.digest(folder, buffers="persistent") == iw.digest(model, buffers="persistent")
    if (folder / INDEX).exists():
        weight_map = json.loads((folder / INDEX).read_text())["weight_map"]
        assert set(weight_map) == set(tensors)


def assert_streamed_equals_applied(
    make: Callable[[], Any],
    folder: Path,
    rules: str | Sequence[Any] = "torch-default",
    *,
    meta: bool = True,
    **options: Any,
) -> iw.Plan:
    """Write a model from meta, hold the files against the model in memory, and return the plan."""
    eager = make()
    plan = iw.plan(eager, rules, seed=3)
    model = on_meta(make) if meta else make()
    written = iw.write_weights(model, iw.plan(model, rules, seed=3), folder, **options)
    assert set(written.files) == {path.name for path in folder.glob("model*")}
    iw.apply(eager, plan)
    assert_holds(folder, eager)
    return plan
