"""Checkpoints of `torch.distributed.checkpoint` that one process writes."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

if not dist.is_available():
    pytest.skip("this build of torch has no torch.distributed", allow_module_level=True)

from torch.distributed.checkpoint.filesystem import FileSystem, FileSystemReader
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

import initwise as iw
from initwise.writing.files import _place, _shares
from initwise.writing.files._folder import locked
from tests.shards.models import RULES, Network, by_one_process
from tests.writing.files.checkpoints import on_meta, save, wrong

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")  # said by `load` of one process
UNFINISHED = "initwise-unfinished.json"


@pytest.mark.parametrize("rules", RULES)
def test_a_checkpoint_holds_what_apply_gives_under_all_names(rules: str, tmp_path: Path) -> None:
    plan, want = by_one_process(RULES[rules])
    assert save(on_meta(), plan, tmp_path) == ("__0_0.distcp", ".metadata")
    assert wrong(Network(), tmp_path, want) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == [".metadata", "__0_0.distcp", "initwise.json"]


def test_a_model_in_memory_is_only_read(tmp_path: Path) -> None:
    plan, want = by_one_process()
    model = Network()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    save(model, plan, tmp_path)
    assert wrong(Network(), tmp_path, want) == []
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_tied_tensors_are_stored_once(tmp_path: Path) -> None:
    plan, want = by_one_process()
    save(on_meta(), plan, tmp_path)
    metadata: Any = FileSystemReader(tmp_path).read_metadata()
    places = {
        index.fqn: (info.relative_path, info.offset)
        for index, info in metadata.storage_data.items()
        if index.fqn in {"table.weight", "head.weight"}
    }
    assert places["table.weight"] == places["head.weight"]
    assert metadata.planner_data == {name: (name,) for name in want}  # keys are looked up by it
    dcp_to_torch_save(tmp_path, tmp_path / "one.pt")
    assert set(torch.load(tmp_path / "one.pt")) == set(want)


def test_the_folder_says_how_to_make_the_weights_again(tmp_path: Path) -> None:
    plan, _ = by_one_process()
    save(on_meta(), plan, tmp_path)
    about = json.loads((tmp_path / "initwise.json").read_text())
    assert (about["plan_digest"], about["seed"], about["layout"]) == (plan.digest(), "3", "dcp")


def test_files_have_a_bounded_size(tmp_path: Path) -> None:
    plan, want = by_one_process()
    files = save(on_meta(), plan, tmp_path, max_shard_size=20_000)
    assert len(files) > 4
    assert wrong(Network(), tmp_path, want) == []
    weights = sum(each.nbytes for name, each in want.items() if name != "head.weight")
    assert len(files) - 1 <= weights // 20_000 + 4  # and not one for each tensor


@pytest.mark.parametrize("rules", RULES)
def test_boxes_share_their_memory(rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = by_one_process(RULES[rules])
    draw = _shares.Box.values
    places: list[int] = []

    def values(box: _shares.Box, memory: bytearray | None = None) -> Tensor:
        made = draw(box, memory)
        places.append(made.data_ptr())
        return made

    monkeypatch.setattr(_shares.Box, "values", values)
    save(on_meta(), plan, tmp_path, max_shard_size=20_000)
    assert len(places) > 10
    assert len(set(places)) == 1


def test_a_model_of_transformers_has_its_configuration_beside_it(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=11, n_positions=4)
    model = on_meta(lambda: transformers.GPT2LMHeadModel(config))
    plan = iw.plan(model, "gpt2", seed=1)
    save(model, plan, tmp_path)
    whole = transformers.GPT2LMHeadModel(config)
    iw.apply(whole, plan)
    want = {name: each.clone() for name, each in whole.state_dict().items()}
    made = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.from_pretrained(tmp_path))
    assert wrong(made, tmp_path, want) == []


def test_an_interrupted_run_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, want = by_one_process()
    with monkeypatch.context() as patch:
        patch.setattr(_shares.Box, "values", _failing(RuntimeError("the power is gone"), after=5))
        patch.setattr(_place.Place, "give_up", lambda place: None)  # as if the process were no more
        with pytest.raises(iw.WriteError, match="RuntimeError: the power is gone"):
            save(on_meta(), plan, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["__0_0.distcp", UNFINISHED, "initwise.json"]
    (tmp_path / "__7_0.distcp").write_bytes(b"of an eighth rank")
    assert save(on_meta(), plan, tmp_path) == ("__0_0.distcp", ".metadata")
    assert wrong(Network(), tmp_path, want) == []


def test_an_interrupt_stays_one_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = by_one_process()
    monkeypatch.setattr(_shares.Box, "values", _failing(KeyboardInterrupt(), after=5))
    with pytest.raises(KeyboardInterrupt):
        save(on_meta(), plan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, want = by_one_process()
    with monkeypatch.context() as patch:
        patch.setattr(FileSystem, "create_stream", _full_after(30_000))
        with pytest.raises(iw.WriteError, match="writing failed: No space left on device; nothing of it stays; mend"):
            save(on_meta(), plan, tmp_path)
    assert list(tmp_path.iterdir()) == []
    save(on_meta(), plan, tmp_path)
    assert wrong(Network(), tmp_path, want) == []


def test_too_small_a_disk_is_told_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = by_one_process()
    monkeypatch.setattr(shutil, "disk_usage", _no_room)
    with pytest.raises(iw.WriteError, match=r"are to be written, and 12 bytes are free on that disk; free space, or"):
        save(on_meta(), plan, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (".metadata", r"holds a checkpoint already; choose another folder, or delete these files"),
        ("model-00001-of-00002.safetensors", r"holds weights already \(model-00001-of-00002.safetensors\)"),
        ("__0_0.distcp", r"holds a part of something that is not whole \(__0_0.distcp\); choose another folder"),
        (UNFINISHED, r"holds a part of something that is not whole \(initwise-unfinished.json\)"),
    ],
)
def test_a_folder_that_holds_something_else_stays_as_it_is(there: str, said: str, tmp_path: Path) -> None:
    plan, _ = by_one_process()
    (tmp_path / there).write_text("{}")
    with pytest.raises(iw.WriteError, match=said):
        save(on_meta(), plan, tmp_path)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(there, "{}")]


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    plan, _ = by_one_process()
    (tmp_path / "out").write_text("")
    with pytest.raises(iw.WriteError, match=r"out: File exists; give the path of a folder"):
        save(on_meta(), plan, tmp_path / "out")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    plan, _ = by_one_process()
    with (
        locked(tmp_path),
        pytest.raises(iw.WriteError, match="another process is writing here; wait for it"),
    ):
        save(on_meta(), plan, tmp_path)


def test_processes_of_torchrun_without_a_process_group_are_told_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = by_one_process()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(iw.WriteError, match=r"torchrun started 2 processes, and .* call torch.distributed.init_proc"):
        save(on_meta(), plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    plan, _ = by_one_process()
    with pytest.raises(iw.ArgumentError, match='write_weights: layout is \'zip\'; give "safetensors" or "dcp"'):
        iw.write_weights(on_meta(), plan, tmp_path, layout="zip")  # type: ignore[arg-type]


def test_values_that_nothing_tells_are_named_before_a_folder_is_made(tmp_path: Path) -> None:
    model: Any = on_meta(lambda: nn.Linear(2, 2))
    plan = iw.plan(model, [iw.rule("weight", iw.Keep()), iw.rule("bias", iw.Zeros())])
    with pytest.raises(iw.WriteError, match="'weight'"):
        save(model, plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _failing(error: BaseException, after: int) -> Any:
    draw, turns = _shares.Box.values, iter(range(after))

    def values(box: _shares.Box, memory: bytearray | None = None) -> Tensor:
        if next(turns, None) is None:
            raise error
        return draw(box, memory)

    return values


def _full_after(size: int) -> Any:
    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > size and not str(self.name).endswith(".tmp"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    @contextmanager
    def create_stream(_: FileSystem, path: Path, mode: str) -> Iterator[io.IOBase]:
        with Full(path, mode) as stream:
            yield stream

    return create_stream


def _no_room(path: Path) -> Any:
    return type("Usage", (), {"free": 12})
