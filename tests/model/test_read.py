"""`read` finds every parameter once, under its canonical name, and changes nothing."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.utils import parametrizations, prune

from initwise.errors import PlanError
from initwise.model import canonical_name, read, walk


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight


class _Compiled(nn.Module):
    """What `torch.compile` returns, as far as names go."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model


def _names(model: nn.Module) -> list[str]:
    return [parameter.name for parameter in read(model).parameters]


def test_parameters_come_in_the_order_of_named_parameters() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.LSTM(3, 4, num_layers=2, bidirectional=True))
    assert _names(model) == [name for name, _ in model.named_parameters()]


def test_a_parameter_registered_twice_is_one_parameter_with_an_alias() -> None:
    reading = read(_Tied())
    tied = reading["embed.weight"]
    assert [p.name for p in reading.parameters] == ["embed.weight", "body.weight", "body.bias"]
    assert tied.aliases == ("head.weight",)
    assert reading["head.weight"] is tied
    assert [(owner.module_name, owner.attribute) for owner in tied.owners] == [("embed", "weight"), ("head", "weight")]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_two_parameter_objects_over_the_same_memory_are_one_parameter(device: str) -> None:
    with torch.device(device):
        model = _Tied()
        model.head.weight = nn.Parameter(model.embed.weight.detach())
    assert read(model)["embed.weight"].aliases == ("head.weight",)


def test_views_of_different_parts_of_one_memory_are_different_parameters() -> None:
    memory = torch.zeros(8)
    model = nn.Module()
    model.a, model.b = nn.Parameter(memory[:4]), nn.Parameter(memory[4:])
    assert _names(model) == ["a", "b"]


def test_a_module_registered_twice_gives_aliases() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert [(p.name, p.aliases) for p in read(model).parameters] == [
        ("0.weight", ("2.weight",)),
        ("0.bias", ("2.bias",)),
    ]


def test_a_module_that_holds_its_parent_is_read_once() -> None:
    model: Any = nn.Sequential(nn.Linear(2, 2))
    model[0].parent = model
    assert _names(model) == ["0.weight", "0.bias"]


def test_paths_are_those_of_torch() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.ModuleDict({"a": nn.LSTM(2, 2), "b": shared}), nn.Sequential())
    assert dict(walk(model)) == dict(model.named_modules(remove_duplicate=False))


def test_empty_parameters_are_not_tied_to_each_other() -> None:
    model = nn.Module()
    model.a, model.b = nn.Parameter(torch.empty(0)), nn.Parameter(torch.empty(0))
    assert _names(model) == ["a", "b"]


def test_reading_a_meta_model_needs_no_memory() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(2**20, 2**20), nn.LayerNorm(2**20))
    assert read(model)["0.weight"].shape == (2**20, 2**20)


@pytest.mark.parametrize(
    ("path", "parallel", "name"),
    [
        ("layers.0.weight", False, "layers.0.weight"),
        ("_orig_mod.layers.0._checkpoint_wrapped_module.weight", False, "layers.0.weight"),
        ("_fsdp_wrapped_module.layers.0._fsdp_wrapped_module.weight", False, "layers.0.weight"),
        ("module.weight", False, "module.weight"),
        ("module.weight", True, "weight"),
        ("module.module.weight", True, "module.weight"),
        ("_orig_mod.module.weight", True, "weight"),
        ("_orig_mod", False, ""),
        ("_forward_module._orig_mod.fc.weight", False, "fc.weight"),  # Lightning Fabric has a model twice
        ("_original_module.fc.weight", False, "fc.weight"),
        ("_forward_module.module.module.weight", True, "module.weight"),
        ("_original_module.module.weight", True, "module.weight"),
    ],
)
def test_wrappers_leave_the_canonical_name_alone(path: str, parallel: bool, name: str) -> None:
    assert canonical_name(path, parallel=parallel) == name


def test_compiling_or_checkpointing_a_model_changes_no_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    expected = _names(model)
    assert _names(_Compiled(copy.deepcopy(model))) == expected
    wrapped = copy.deepcopy(model)
    wrapped[1] = checkpoint_wrapper(wrapped[1])
    assert _names(wrapped) == expected
    assert read(wrapped)["1.0.weight"].path == "1._checkpoint_wrapped_module.0.weight"
    assert read(wrapped).modules["1"] is wrapped[1]._checkpoint_wrapped_module


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_truly_compiled_model_has_the_same_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    assert _names(torch.compile(model)) == ["0.weight", "0.bias"]  # type: ignore[arg-type]


def test_module_is_dropped_only_at_a_data_parallel_root() -> None:
    model = nn.Linear(2, 2)
    assert _names(nn.DataParallel(model)) == ["weight", "bias"]
    assert _names(_Compiled(nn.DataParallel(model))) == ["weight", "bias"]
    assert _names(nn.ModuleDict({"module": model})) == ["module.weight", "module.bias"]


def test_names_that_collide_are_an_error_that_names_both() -> None:
    model = nn.Module()
    model.weight = nn.Parameter(torch.zeros(2))
    model._orig_mod = nn.Linear(2, 2, bias=False)
    with pytest.raises(PlanError, match=r"'weight' and '_orig_mod.weight' have one canonical name, 'weight'"):
        read(model)


def test_lazy_modules_are_an_error_until_they_ran() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 3))
    with pytest.raises(PlanError, match=r"'0.weight' is not initialized: LazyLinear .* run one forward pass first"):
        read(model)
    model(torch.zeros(1, 5))
    assert read(model)["0.weight"].shape == (3, 5)


def test_a_parametrized_weight_has_its_own_name_and_its_layers_axes() -> None:
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(3, 4)), parametrizations.spectral_norm(nn.Linear(4, 2))
    )
    reading = read(model)
    weight, spectral = reading["0.weight"], reading["1.weight"]
    assert sorted(p.name for p in reading.parameters) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    assert weight.parametrized
    assert weight.originals == ("0.parametrizations.weight.original0", "0.parametrizations.weight.original1")
    assert weight.shape == (4, 3)
    assert weight.module is model[0]
    assert weight.operation == "linear"
    assert spectral.parametrized
    assert not reading["0.bias"].parametrized
    assert reading["0.parametrizations.weight.original0"] is weight


def test_the_legacy_weight_norm_and_spectral_norm_are_seen() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        normed = nn.utils.weight_norm(nn.Linear(3, 4))
        spectral = nn.utils.spectral_norm(nn.Linear(3, 4))
    assert read(normed)["weight"].originals == ("weight_g", "weight_v")
    assert read(normed)["weight"].shape == (4, 3)
    assert read(spectral)["weight_orig"].parametrized


def test_suffixes_of_weight_norm_mean_nothing_without_it() -> None:
    model = nn.Module()
    model.weight_g, model.weight_v = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(2))
    assert _names(model) == ["weight_g", "weight_v"]


def test_a_pruned_weight_keeps_the_axes_of_its_layer() -> None:
    model = prune.l1_unstructured(nn.Linear(4, 4), "weight", amount=0.5)
    weight = read(model)["weight_orig"]
    assert weight.operation == "linear"
    assert not weight.parametrized


def test_reading_changes_nothing() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.BatchNorm1d(4), nn.Dropout()).train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    versions = [p._version for p in model.parameters()]
    read(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert versions == [p._version for p in model.parameters()]
    assert model.training


def test_what_belongs_to_no_known_layer_has_no_usage() -> None:
    model = nn.ParameterDict({"token": nn.Parameter(torch.zeros(1, 1, 8))})
    token = read(model)["token"]
    assert (token.usage, token.axes, token.role, token.operation, token.blocks, token.padding) == (None,) * 6
