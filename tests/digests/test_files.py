"""Files have the digest of the model that they hold, however they are cut, named and tied; or say why they cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

import initwise as iw
from initwise.digests import combined
from initwise.errors import DigestError


class Tied(nn.Module):
    """A tie whose first name is not the first in the alphabet, statistics, weight norm, and a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.wte = nn.Embedding(300, 16, dtype=torch.bfloat16)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(5, 6))
        self.head = nn.Linear(16, 300, bias=False)
        self.head.weight = self.wte.weight
        self.register_buffer("here", torch.ones(2), persistent=False)


def _stored(model: nn.Module, *without: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if name not in without}


@pytest.fixture
def model() -> Tied:
    return Tied()


def test_a_file_with_the_names_of_its_buffers_has_the_digest_of_the_model(model: Tied, tmp_path: Path) -> None:
    buffers = json.dumps([name for name, _ in model.named_buffers()])
    save_file(_stored(model, "head.weight"), tmp_path / "w.safetensors", {"buffers": buffers})
    assert iw.digest(tmp_path / "w.safetensors") == iw.digest(model)
    assert iw.digest(tmp_path, buffers=True) == iw.digest(model, buffers="persistent") != iw.digest(model)
    assert iw.digest(model, buffers=True) != iw.digest(model, buffers="persistent")


def test_a_model_says_what_a_file_does_not(model: Tied, tmp_path: Path) -> None:
    save_model(model, str(tmp_path / "w.safetensors"))  # keeps head.weight, the first in the alphabet
    assert iw.digest(tmp_path) != iw.digest(model)
    with torch.device("meta"):
        like = Tied()
    assert iw.digest(tmp_path, like=like) == iw.digest(model)
    assert iw.digest(tmp_path, like=like, buffers=True) == iw.digest(model, buffers="persistent")


def test_parts_with_an_index_have_the_digest_of_the_whole(model: Tied, tmp_path: Path) -> None:
    state = _stored(model, "wte.weight")
    names = sorted(state)
    for part in (0, 1):
        save_file({name: state[name] for name in names[part::2]}, tmp_path / f"{part}.safetensors")
    assert iw.digest(tmp_path, like=model) == iw.digest(model)
    index = {"weight_map": {name: f"{number % 2}.safetensors" for number, name in enumerate(names)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    save_file({"another": torch.ones(3)}, tmp_path / "consolidated.safetensors")  # not in the index: not read
    assert iw.digest(tmp_path, like=model) == iw.digest(model)
    assert iw.digest(tmp_path / "model.safetensors.index.json", like=model) == iw.digest(model)


def test_a_checkpoint_of_torch_counts_ties_once(model: Tied, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "w.pt")
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / "w.ckpt")
    assert iw.digest(tmp_path / "w.pt", like=model) == iw.digest(tmp_path / "w.ckpt", like=model) == iw.digest(model)
    plain = nn.Linear(3, 4)
    tied = nn.ModuleDict({"a": plain, "b": plain})
    torch.save(tied.state_dict(), tmp_path / "tied.pt")
    assert iw.digest(tmp_path / "tied.pt") == iw.digest(tied)


def test_files_of_real_models_have_their_digests(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=99, n_positions=16)
    gpt2 = transformers.GPT2LMHeadModel(config)
    gpt2.save_pretrained(tmp_path, max_shard_size="40KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert iw.digest(tmp_path) == iw.digest(gpt2)


def test_wrappers_pruning_and_older_weight_norm_keep_the_names_of_a_model(tmp_path: Path) -> None:
    model: Any = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    with pytest.warns(FutureWarning, match="weight_norm"):
        nn.utils.weight_norm(model[0])
    nn.utils.prune.l1_unstructured(model[1], "weight", 3)
    save_file(dict(model.state_dict()), tmp_path / "w.safetensors")
    assert iw.digest(tmp_path, like=model) == iw.digest(model)
    assert iw.digest(nn.DataParallel(model), buffers=True) == iw.digest(model, buffers=True)
    save_file({f"_orig_mod.{k}": v for k, v in model.state_dict().items()}, tmp_path / "w.safetensors")
    assert iw.digest(tmp_path, like=model) == iw.digest(model)


def _said(*arguments: Any, **options: Any) -> str:
    with pytest.raises(DigestError, match=r"^digest: \d problem") as error:
        iw.digest(*arguments, **options)
    return str(error.value)


def test_what_does_not_fit_the_model_is_told_at_once(model: Tied, tmp_path: Path) -> None:
    state = {**_stored(model, "body.0.bias"), "extra": torch.ones(2)}
    state["head.weight"] = state["head.weight"] + 1
    save_file(state, tmp_path / "w.safetensors")
    said = _said(tmp_path, like=model)
    assert "'extra' is in the files, and the model has no such tensor" in said
    assert "'body.0.bias' is a parameter of the model, and the files have no such tensor" in said
    save_file({**_stored(model), "head.weight": state["head.weight"]}, tmp_path / "w.safetensors")
    assert "'wte.weight' is tied in the model, and has two values in" in _said(tmp_path, like=model)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "this folder holds no weights; give a .safetensors file, an index" in _said(tmp_path)
    assert "there is no such file or folder; give" in _said(tmp_path / "none")
    (tmp_path / "w.safetensors").write_bytes(b"x" * 9)
    assert "w.safetensors: it cannot be read (SafetensorError: " in _said(tmp_path)
    (tmp_path / "w.npz").write_bytes(b"")
    assert "w.npz: this is no file of weights; give" in _said(tmp_path / "w.npz")
    torch.save({"model": nn.Linear(1, 1).state_dict(), "step": 1}, tmp_path / "w.pt")
    assert "it holds more than a dictionary of tensors; store model.state_dict()" in _said(tmp_path / "w.pt")
    for number in "12":
        (tmp_path / f"{number}.safetensors.index.json").write_text("[]", encoding="utf-8")
    assert "it holds 1.safetensors.index.json, 2.safetensors.index.json; give the path of one" in _said(tmp_path)
    assert "this is no index of weights (TypeError" in _said(tmp_path / "1.safetensors.index.json")


def test_an_index_and_its_files_must_agree(tmp_path: Path) -> None:
    index = tmp_path / "m.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}', encoding="utf-8")
    save_file({"a": torch.ones(2)}, tmp_path / "1.safetensors")
    assert "names 2.safetensors, and there is no such file" in _said(tmp_path)
    save_file({"a": torch.ones(2)}, tmp_path / "2.safetensors")
    assert "says that 'b' is in" in _said(tmp_path)
    index.unlink()
    assert "'a' is in" in _said(tmp_path)


def test_names_that_are_one_name_without_wrappers_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2), "_orig_mod.a": torch.ones(2)}, tmp_path / "w.safetensors")
    assert "have one canonical name, 'a'; give like= a model" in _said(tmp_path)


def test_digests_of_parts_combine_to_that_of_the_whole(tmp_path: Path) -> None:
    first, second = nn.Linear(2, 3), nn.Linear(3, 2)
    parts = iw.digest(nn.ModuleDict({"a": first})), iw.digest(nn.ModuleDict({"b": second}))
    assert combined(*parts) == iw.digest(nn.ModuleDict({"a": first, "b": second}))
    with pytest.raises(DigestError, match=r"'12' is no digest; give 32 hexadecimal digits"):
        combined("12", parts[0])


def test_a_shard_of_complex_numbers_that_is_the_whole_has_its_digest() -> None:
    model = nn.Module()
    model.register_parameter("weight", nn.Parameter(torch.randn(4, 3, dtype=torch.complex128)))
    flat = nn.Module()
    flat.register_parameter("weight", nn.Parameter(model.get_parameter("weight").detach().flatten()))
    assert iw.digest(flat, shards={"weight": iw.FlatRange((4, 3), 0)}) == iw.digest(model)
    with pytest.raises(DigestError, match="this process holds 24 elements of parameters in parts, which have 48"):
        iw.digest(flat, shards={"weight": iw.FlatRange((8, 3), 0)})


def test_a_buffer_that_two_modules_share_counts_once() -> None:
    first, both = nn.ModuleDict({"a": nn.Linear(2, 2)}), nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Module()})
    both["a"] = first["a"]
    shared = torch.arange(3.0)
    for module in both.values():
        module.register_buffer("scale", shared)
    assert iw.digest(both, buffers=True) == iw.digest(first, buffers=True) != iw.digest(first)


def test_buffers_that_files_speak_of_are_known_under_the_names_of_wrappers_too(tmp_path: Path) -> None:
    tensors, said = {"w": torch.ones(2), "s": torch.zeros(3)}, {"buffers": '["s"]'}
    save_file(tensors, tmp_path / "plain.safetensors", metadata=said)
    wrapped = {f"_orig_mod.{name}": each for name, each in tensors.items()}
    save_file(wrapped, tmp_path / "wrapped.safetensors", metadata=said)
    assert iw.digest(tmp_path / "wrapped.safetensors") == iw.digest(tmp_path / "plain.safetensors")
