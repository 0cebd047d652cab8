"""Real models streamed from meta: every weight as `apply` gives it, and `from_pretrained` takes the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import initwise as iw
from tests.writing.files.streamed import INDEX, assert_same_bits, assert_streamed_equals_applied

transformers = pytest.importorskip("transformers")
torchvision = pytest.importorskip("torchvision")


def _gpt2(**options: Any) -> Any:
    sizes = {"n_layer": 2, "n_embd": 32, "n_head": 2, "vocab_size": 101, "n_positions": 16}
    words = {"bos_token_id": 0, "eos_token_id": 0}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **words, **options))


def _small(name: str, **options: Any) -> Any:
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 101,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    config = getattr(transformers, f"{name}Config")(**sizes | options)
    return getattr(transformers, f"{name}ForCausalLM")(config)


def _mamba() -> Any:
    config = transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=101, state_size=4)
    return transformers.MambaForCausalLM(config)


LANGUAGE = {
    "gpt2": (_gpt2, "gpt2"),
    "llama": (lambda: _small("Llama"), "auto"),
    "tied llama": (lambda: _small("Llama", tie_word_embeddings=True), "auto"),
    "llama in bfloat16": (lambda: _small("Llama").bfloat16(), "auto"),
    "mixtral": (lambda: _small("Mixtral", num_local_experts=4), "auto"),
    "mamba": (_mamba, "auto"),
}
SLOW = {"llama", "llama in bfloat16", "mixtral", "mamba"}


def _marked(names: dict[str, Any]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in names]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _marked(LANGUAGE))
def test_from_pretrained_takes_the_folder_with_every_weight_as_applied(name: str, tmp_path: Path) -> None:
    make, recipe = LANGUAGE[name]
    plan = assert_streamed_equals_applied(make, tmp_path, recipe, max_shard_size=12_000)
    assert (tmp_path / INDEX).exists()
    model = make()
    iw.apply(model, plan)
    loaded, said = type(model).from_pretrained(tmp_path, output_loading_info=True, local_files_only=True)
    assert not any(said.values()), said
    state = model.state_dict()
    assert loaded.state_dict().keys() == state.keys()
    for key, value in loaded.state_dict().items():
        assert_same_bits(value, state[key], key)
    assert loaded.config.architectures == [type(model).__name__]
    assert iw.digest(loaded) == iw.digest(tmp_path) == iw.digest(model)


@pytest.mark.filterwarnings("ignore")
def test_transformers_takes_no_folder_that_is_not_whole(tmp_path: Path) -> None:
    assert_streamed_equals_applied(_gpt2, tmp_path, "gpt2", max_shard_size=12_000)
    next(tmp_path.glob("model-00002-of-*")).unlink()
    with pytest.raises(OSError, match=r"model-00002-of-0"):
        transformers.GPT2LMHeadModel.from_pretrained(tmp_path, local_files_only=True)
    (tmp_path / INDEX).unlink()
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):
        transformers.GPT2LMHeadModel.from_pretrained(tmp_path, local_files_only=True)


def test_the_configuration_is_the_models_own_and_stays_as_it_was(tmp_path: Path) -> None:
    model = _gpt2(embd_pdrop=0.25)
    before = model.config.to_dict()
    iw.write_weights(model, iw.plan(model, "gpt2"), tmp_path)
    told = json.loads((tmp_path / "config.json").read_text())
    wanted = {"architectures": ["GPT2LMHeadModel"], "dtype": "float32", "embd_pdrop": 0.25, "model_type": "gpt2"}
    assert {key: told[key] for key in wanted} == wanted
    assert model.config.to_dict() == before
    assert transformers.AutoConfig.from_pretrained(tmp_path).n_embd == 32


VISION = {"resnet50": "torch-default", "vit_b_16": "auto"}


@pytest.mark.long
@pytest.mark.parametrize("name", VISION)
def test_models_of_vision_are_streamed_as_applied(name: str, tmp_path: Path) -> None:
    assert_streamed_equals_applied(getattr(torchvision.models, name), tmp_path, VISION[name], max_shard_size="20MB")
    assert (tmp_path / INDEX).exists()
    assert not (tmp_path / "config.json").exists()
