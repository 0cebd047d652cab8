"""`write_weights` writes what `apply` and saving give, from a model on meta, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import safe_open
from torch import nn

import initwise as iw
from initwise.errors import ArgumentError, WriteError
from initwise.writing.files import ValuesError, _sharded
from initwise.writing.files._pipe import Pipe
from tests.writing.eager import on_meta
from tests.writing.files.streamed import INDEX, assert_holds, assert_streamed_equals_applied


class Net(nn.Module):
    """Ties, strides, padding rows, scalars, empty tensors, complex, half and double numbers, buffers of all kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, padding_idx=-2)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.norm = nn.BatchNorm1d(8)
        convolution: Any = nn.Conv2d(3, 4, 3)
        self.conv = convolution.to(memory_format=torch.channels_last)
        self.rnn = nn.LSTM(8, 8)
        self.rounded = nn.Linear(3, 3).bfloat16()
        self.wide = nn.Linear(3, 3).double()
        self.scalar = nn.Parameter(torch.zeros(()))
        self.turned = nn.Parameter(torch.zeros(5, 3).t())
        self.phases = nn.Parameter(torch.zeros(3, 2, dtype=torch.complex64))
        self.register_buffer("positions", torch.arange(8).expand(1, -1), persistent=False)
        self.register_buffer("mask", torch.ones(3, 3).tril().bool())
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("nothing", None)


RULES: list[Any] = ["torch-default", *(iw.rule(name, iw.Normal(std=0.3)) for name in ("scalar", "turned", "phases"))]


@pytest.mark.parametrize("most", ["5GB", "2KB", 1])
def test_files_hold_what_apply_writes_however_they_are_cut(tmp_path: Path, most: str | int) -> None:
    assert_streamed_equals_applied(Net, tmp_path, RULES, max_shard_size=most)


@pytest.mark.parametrize("size", [16, 24, 96, 1000])
def test_tensors_that_are_larger_than_a_buffer_are_drawn_run_by_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(_sharded, "Pipe", lambda: Pipe(size))
    assert_streamed_equals_applied(Net, tmp_path, RULES, max_shard_size="2KB")


def test_every_tensor_starts_at_a_multiple_of_its_elements_size(tmp_path: Path) -> None:
    model = on_meta(Net)
    iw.write_weights(model, iw.plan(model, RULES), tmp_path)
    data = (tmp_path / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    told = json.loads(data[8:begin])
    assert len(told) == 1 + len(model.state_dict()) - 1
    for name, value in model.state_dict().items():
        if name in told:
            assert (begin + told[name]["data_offsets"][0]) % value.dtype.itemsize == 0, name


@pytest.mark.parametrize("most", ["5GB", "2KB", 1024 + 128, 400, 1])
def test_a_state_is_cut_as_hugging_faces_libraries_cut_it(tmp_path: Path, most: str | int) -> None:
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.Linear(32, 8), nn.Linear(8, 8).double())
    made = iw.write_weights(model, iw.plan(model, "kaiming"), tmp_path, max_shard_size=most)
    theirs = split_torch_state_dict_into_shards(
        model.state_dict(), max_shard_size=most, filename_pattern="model{suffix}.safetensors"
    )
    ours = {}
    for name in made.files:
        if name != INDEX:
            with safe_open(tmp_path / name, "pt") as file:
                ours[name] = set(file.keys())
    assert ours == {name: set(tensors) for name, tensors in theirs.filename_to_tensors.items()}
    if theirs.is_sharded:
        told = json.loads((tmp_path / INDEX).read_text())
        assert told["weight_map"] == theirs.tensor_to_filename
        assert told["metadata"]["total_size"] == theirs.metadata["total_size"]


def _stack() -> Any:
    return nn.Sequential(nn.Linear(24, 40), nn.Linear(40, 24), nn.Linear(24, 24))


def test_laws_that_are_drawn_at_once_are_the_same_too(tmp_path: Path) -> None:
    rules = [
        iw.rule("0.weight", iw.Orthogonal()),
        iw.rule("1.weight", iw.Sparse(sparsity=0.5)),
        iw.rule("2.weight", iw.Custom(lambda shape, fans, draw: draw.normal(shape).cumsum(0))),
        iw.rule("*.bias", iw.Uniform(-0.5, 0.5)),
    ]
    assert_streamed_equals_applied(_stack, tmp_path, rules, max_shard_size=3000)


def test_a_model_in_memory_gives_its_values_where_the_plan_keeps_them_and_is_not_written_to(tmp_path: Path) -> None:
    model = _stack()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plan = iw.plan(model, ["kaiming", iw.rule("1.weight", iw.Keep())], seed=1)
    iw.write_weights(model, plan, tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    iw.apply(model, plan)
    assert_holds(tmp_path, model)


@pytest.mark.parametrize("law", [iw.Normal(std=0.02), iw.MeanOfRows()])
def test_new_rows_are_drawn_beside_the_old_ones_in_memory(tmp_path: Path, law: Any) -> None:
    model = nn.Sequential(nn.Embedding(12, 8), nn.Linear(8, 8))
    plan = iw.plan(model, ["torch-default", iw.rule("0.weight", iw.NewRows(law, after=9))], seed=2)
    iw.write_weights(model, plan, tmp_path)
    iw.apply(model, plan)
    assert_holds(tmp_path, model)
    absent = on_meta(lambda: nn.Sequential(nn.Embedding(12, 8), nn.Linear(8, 8)))
    with pytest.raises(ValuesError, match=r"'0\.weight' keeps some of its rows, and they are not in memory here; load"):
        iw.write_weights(absent, plan, tmp_path / "absent")


class _Kept(nn.Module):
    """What no law draws: float8, integers, no elements; all of it stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in {
            "eighths": torch.arange(6.0).reshape(2, 3).t().to(torch.float8_e4m3fn),
            "counts": torch.arange(5),
            "empty": torch.zeros(0, 4),
        }.items():
            self.register_parameter(name, nn.Parameter(value, requires_grad=False))


def test_frozen_parameters_of_any_dtype_are_stored_as_they_are(tmp_path: Path) -> None:
    model = _Kept()
    written = iw.write_weights(model, iw.plan(model, "kaiming"), tmp_path)
    assert_holds(tmp_path, model)
    assert written.rechecked == 6 + 5


@pytest.mark.parametrize("wrap", [nn.utils.parametrizations.weight_norm, nn.utils.spectral_norm])
def test_what_a_parametrization_computes_is_solved_from_a_model_in_memory(tmp_path: Path, wrap: Any) -> None:
    torch.manual_seed(0)  # spectral_norm draws its vectors
    model = nn.Sequential(wrap(nn.Linear(8, 4)), nn.Linear(4, 4))
    plan = iw.plan(model, "torch-default", seed=1)
    iw.write_weights(model, plan, tmp_path)
    iw.apply(model, plan)
    assert_holds(tmp_path, model)


def test_what_cannot_be_known_from_meta_is_named_all_together_and_nothing_is_made(tmp_path: Path) -> None:
    def make() -> Any:
        return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 4)), _Random(), nn.Linear(4, 4))

    model = on_meta(make)
    plan = iw.plan(model, ["torch-default", iw.rule("2.weight", iw.Keep())])
    with pytest.raises(ValuesError, match=r"3 problems\n") as caught:
        iw.write_weights(model, plan, tmp_path / "new")
    said = str(caught.value)
    assert "'0.weight' is computed by a parametrization, which needs memory; give a model on the CPU" in said
    assert "'1.noise' (buffer, (3,) float32) has no values: " in said
    assert "'2.weight' (kept by the plan, (4, 4) float32) has no values: " in said
    assert not (tmp_path / "new").exists()


class _Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(3))


def test_build_tells_what_a_model_on_meta_cannot(tmp_path: Path) -> None:
    model = on_meta(_Random)
    iw.write_weights(model, iw.plan(model, "kaiming", seed=5), tmp_path / "files", build=_Random)
    other = on_meta(_Random)
    iw.materialize(other, iw.plan(other, "kaiming", seed=5), build=_Random)
    assert_holds(tmp_path / "files", other)


class _Extra(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}


def test_a_plan_of_another_model_and_a_state_that_is_no_tensor_are_refused(tmp_path: Path) -> None:
    plan = iw.plan(nn.Linear(3, 3), "kaiming")
    with pytest.raises(WriteError, match=r"'weight' was planned with shape \(3, 3\) and has \(4, 3\); plan again"):
        iw.write_weights(nn.Linear(3, 4), plan, tmp_path)
    with pytest.raises(WriteError, match=r"'_extra_state': its state is a dict; files of weights hold tensors only"):
        iw.write_weights(_Extra(3, 3), plan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_dtype_that_files_lack_is_told_before_a_byte_is_written(tmp_path: Path) -> None:
    model = nn.Linear(3, 3, dtype=torch.complex128)
    with pytest.raises(WriteError, match=r"weight: safetensors has no dtype torch\.complex128; allowed are"):
        iw.write_weights(model, iw.plan(model, iw.rule("*", iw.Normal(std=0.1))), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("5 apples", r"write_weights: max_shard_size is '5 apples'; give a number and B, KB, MB"),
        ("", r"max_shard_size is ''; give a number"),
        ("-1GB", r"max_shard_size is '-1GB'; give a number"),
        (0, r"max_shard_size is 0; a part must have room for at least one byte"),
        ("0.1B", r"a part must have room for at least one byte"),
        (True, r'max_shard_size is True; give words such as "5GB", or a number of bytes'),
        (2.5, r"max_shard_size is 2\.5; give words"),
    ],
)
def test_sizes_that_are_none_are_told(tmp_path: Path, size: Any, message: str) -> None:
    model = nn.Linear(3, 3)
    with pytest.raises(ArgumentError, match=message):
        iw.write_weights(model, iw.plan(model, "kaiming"), tmp_path, max_shard_size=size)


def test_what_is_no_model_or_no_plan_is_told(tmp_path: Path) -> None:
    model = nn.Linear(3, 3)
    with pytest.raises(ArgumentError, match=r"write_weights: the model is 5; give a torch\.nn\.Module"):
        iw.write_weights(5, iw.plan(model, "kaiming"), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="write_weights"):
        iw.write_weights(model, "kaiming", tmp_path)  # type: ignore[arg-type]


def test_a_folder_that_is_no_path_is_refused() -> None:
    model = nn.Linear(3, 2)
    with pytest.raises(iw.ArgumentError, match="write_weights: the folder is None; give a path"):
        iw.write_weights(model, iw.plan(model, "kaiming"), None)  # type: ignore[arg-type]


def test_a_model_in_the_place_of_the_plan_is_shown_in_one_line(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(
        iw.ArgumentError, match=r"plan is Sequential\(   \(0\): Linear.* of type Sequential; give iw\.plan"
    ):
        iw.write_weights(model, model, tmp_path)  # type: ignore[arg-type]
