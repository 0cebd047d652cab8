"""Lints on ties: broken ones, and ones that nobody meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.lints._subject import Subject
from initwise.lints.shared import SHARED
from initwise.model import read
from tests.lints.linting import found_by, told


def gpt2(**settings: Any) -> Any:
    """A small GPT-2 of transformers."""
    transformers = pytest.importorskip("transformers")
    small = {"n_layer": 2, "n_embd": 16, "n_head": 2, "vocab_size": 50, "n_positions": 8}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**(small | settings)))


def silent(model: nn.Module) -> bool:
    """Nothing is said about a model, read by module types."""
    subject = Subject(read(model))
    return [finding for lint in SHARED for finding in lint(subject)] == []


def test_a_tie_that_the_configuration_declares_holds() -> None:
    assert silent(gpt2())
    assert silent(gpt2(tie_word_embeddings=False))


@pytest.mark.parametrize(
    ("values", "measured"), [(lambda w: w.clone(), "two memories, with equal values"), (torch.randn_like, "with other")]
)
def test_a_declared_tie_that_is_two_memories_is_an_error(values: Any, measured: str) -> None:
    model = gpt2()
    model.lm_head.weight = nn.Parameter(values(model.transformer.wte.weight.detach()))
    (finding,) = found_by(SHARED, model)
    assert (finding.code, finding.severity, finding.parameter) == ("TIE701", "error", "lm_head.weight")
    assert "the configuration ties it to transformer.wte.weight" in finding.message
    assert measured in finding.measured
    model.tie_weights()
    assert silent(model)


def test_a_declared_tie_is_checked_without_values_and_inside_other_modules() -> None:
    with torch.device("meta"):
        model = gpt2()
        model.lm_head.weight = nn.Parameter(torch.empty(50, 16))
    (finding,) = found_by(SHARED, nn.ModuleDict({"decoder": model}))
    assert (finding.parameter, finding.measured) == ("decoder.lm_head.weight", "two tensors on the meta device")


class Config:
    """As older classes have it."""

    tie_word_embeddings = True


class Older(nn.Module):
    """A class that ties like those of older releases: a list of names, two getters, a flag."""

    _tied_weights_keys = ("head.weight",)

    def __init__(self) -> None:
        super().__init__()
        self.config = Config()
        self.embed = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20, bias=False)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def test_classes_that_declare_ties_by_a_flag_and_two_getters_are_understood() -> None:
    model = Older()
    assert told(found_by(SHARED, model)) == [("TIE701", "head.weight")]
    model.head.weight = model.embed.weight
    assert silent(model)
    untied = Older()
    untied.config.tie_word_embeddings = False
    assert silent(untied)


class Language(nn.Module):
    """An embedding, a layer and an output layer, tied by nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16)
        self.layer = nn.Linear(16, 16)
        self.head = nn.Linear(16, 40, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.layer(self.embed(x)))
        return result


def test_an_output_layer_that_is_a_copy_of_the_embedding_is_a_warning() -> None:
    model = Language()
    assert silent(model)
    model.head.weight = nn.Parameter(model.embed.weight.detach().clone())
    (finding,) = found_by(SHARED, model, torch.zeros(2, 3, dtype=torch.long))
    assert (finding.code, finding.severity, finding.parameter) == ("TIE701", "warning", "head.weight")
    assert finding.message == "it starts as a copy of embed.weight and is not tied to it"
    model.head.weight = model.embed.weight
    assert silent(model)


def test_equal_constants_frozen_copies_and_teachers_with_ties_of_their_own_are_no_broken_ties() -> None:
    zeros, frozen = Language(), Language()
    nn.init.zeros_(zeros.embed.weight)
    nn.init.zeros_(zeros.head.weight)
    frozen.head.weight = nn.Parameter(frozen.embed.weight.detach().clone(), requires_grad=False)
    student = Language()
    student.head.weight = student.embed.weight
    pair = nn.ModuleDict({"student": student, "teacher": copy.deepcopy(student)})
    assert silent(zeros)
    assert silent(frozen)
    assert silent(pair)


class Block(nn.Module):
    """A layer with attention and a feed-forward."""

    def __init__(self, ff: nn.Module | None = None) -> None:
        super().__init__()
        self.attention = nn.Linear(8, 8)
        self.ff = ff if ff is not None else nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.ff(self.attention(x))
        return result


def test_a_layer_listed_six_times_is_one_finding_that_names_the_places_and_the_way_out() -> None:
    model = nn.Sequential(*[Block()] * 6)
    (finding,) = found_by(SHARED, model, torch.zeros(1, 8))
    assert (finding.code, finding.severity, finding.parameter) == ("TIE702", "warning", "0.attention.weight")
    assert finding.message == "* is one Block in 6 places: 6 parameters, 352 values"
    assert finding.measured == "0, 1, 2, 3, ... are one object"
    assert finding.fix == "Make one for each: [Block(...) for _ in range(6)], not [layer] * 6."
    assert silent(nn.Sequential(*[Block() for _ in range(6)]))


def test_a_feed_forward_shared_by_all_layers_is_told_apart_from_the_layers() -> None:
    ff = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
    model = nn.ModuleDict({"layers": nn.ModuleList([Block(ff) for _ in range(3)])})
    (finding,) = found_by(SHARED, model)
    assert finding.parameter == "layers.0.ff.0.weight"
    assert finding.message.startswith("layers.*.ff is one Sequential in 3 places: 4 parameters")


def test_a_parameter_of_three_layers_that_is_one_tensor_is_told_as_a_parameter() -> None:
    layers = [nn.Linear(4, 4) for _ in range(5)]
    for layer in layers[1:3]:
        layer.weight = layers[0].weight
    (finding,) = found_by(SHARED, nn.Sequential(*layers))
    assert finding.message == "*.weight is one parameter in 3 places: 16 values"
    assert "register the shared one once" in finding.fix


def test_two_of_many_layers_may_share_and_two_of_two_do_not_by_design() -> None:
    layer = nn.Linear(4, 4)
    assert silent(nn.Sequential(layer, nn.Linear(4, 4), layer))
    assert told(found_by(SHARED, nn.Sequential(layer, layer))) == [("TIE702", "0.weight")]


def test_one_layer_that_is_called_often_is_no_tie() -> None:
    class Often(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(4):
                x = self.layer(x)
            return x

    assert found_by(SHARED, Often(), torch.zeros(1, 8)) == []


def test_one_head_on_every_level_of_a_pyramid_is_meant_and_one_perceptron_for_two_inputs_is_not() -> None:
    assert silent(nn.ModuleDict({"heads": nn.ModuleList([nn.Conv2d(8, 4, 1)] * 3)}))
    assert not silent(nn.ModuleDict({"in_mlps": nn.ModuleList([nn.Linear(1, 8)] * 2)}))


def test_ties_that_are_declared_and_heads_and_embeddings_of_many_layers_are_meant() -> None:
    class Declared(nn.Module):
        _tied_weights_keys = {r"layers\.(?![0])\d+": "layers.0"}  # noqa: RUF012 - as classes of transformers have it

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(4, 4)] * 3)

    assert silent(Declared())
    assert silent(nn.ModuleDict({"declared": Declared()}))
    assert silent(nn.ModuleDict({"bbox_embed": nn.ModuleList([nn.Linear(4, 4)] * 6)}))
    assert silent(nn.ModuleDict({"tables": nn.ModuleList([nn.Embedding(9, 4)] * 3)}))
    attention = nn.ModuleDict({"heads": nn.ModuleList([nn.Linear(4, 4)] * 3)})
    assert told(found_by(SHARED, attention)) == [("TIE702", "heads.0.weight")]


def test_a_part_that_the_model_holds_once_and_hands_to_its_layers_is_meant_and_a_layer_is_not() -> None:
    ff = nn.Linear(8, 8)
    assert silent(nn.ModuleDict({"ff": ff, "layers": nn.ModuleList([Block(ff) for _ in range(3)])}))
    layer = Block()
    listed = nn.ModuleDict({"layer": layer, "layers": nn.ModuleList([layer] * 3)})
    assert told(found_by(SHARED, listed)) == [("TIE702", "layer.attention.weight")]


def test_ties_are_seen_through_wrappers_and_parametrizations() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    found = found_by(SHARED, torch.compile(nn.Sequential(*[layer] * 3), backend="eager"))  # type: ignore[arg-type]
    assert [finding.code for finding in found] == ["TIE702"]
    assert "* is one " in found[0].message


STOCK = """
    DetrForObjectDetection ConditionalDetrForObjectDetection DeformableDetrForObjectDetection RTDetrForObjectDetection
    DFineForObjectDetection GroundingDinoForObjectDetection DabDetrForObjectDetection AlbertForMaskedLM
    T5ForConditionalGeneration BartForConditionalGeneration BertForMaskedLM GPT2LMHeadModel MarianMTModel
    Gemma2ForCausalLM Qwen2VLForConditionalGeneration WhisperForConditionalGeneration BlipForConditionalGeneration
    LlavaForConditionalGeneration
"""


@pytest.mark.parametrize("name", STOCK.split())
def test_stock_models_of_transformers_are_silent(name: str) -> None:
    pytest.importorskip("transformers")
    assert silent(_built("transformers", name))


@pytest.mark.parametrize(
    "name",
    [
        *("timm:resnet18", "timm:vit_tiny_patch16_224", "timm:beit_base_patch16_224", "timm:coat_small"),
        *("timm:xcit_nano_12_p16_224", "torchvision:retinanet_resnet50_fpn", "torchvision:raft_small"),
        *("torchvision:fcos_resnet50_fpn", "torchvision:maskrcnn_resnet50_fpn", "torchvision:ssd300_vgg16"),
    ],
)
def test_stock_models_of_timm_and_torchvision_are_silent(name: str) -> None:
    library, _, model = name.partition(":")
    peers = pytest.importorskip("tests.peers")
    pytest.importorskip(library)
    assert peers is not None
    assert silent(_built(library, model))


def _built(library: str, name: str) -> nn.Module:
    from initwise.cli._libraries import LIBRARIES

    settings = {"use_pretrained_backbone": False, "use_timm_backbone": False} if library == "transformers" else {}
    with torch.device("meta"):
        try:
            built: nn.Module = LIBRARIES[library](name, settings)()
        except Exception:  # noqa: BLE001 - most have no backbone
            built = LIBRARIES[library](name, {})()
    return built


def test_the_findings_have_entries_in_the_catalogue() -> None:
    from initwise.findings import CATALOGUE

    for code in ("TIE701", "TIE702"):
        names: dict[str, Any] = {}
        exec(CATALOGUE[code].example, names)  # noqa: S102 - the examples are ours
        assert code in {finding.code for finding in found_by(SHARED, names["model"])}


def test_one_module_under_all_keys_of_a_dictionary_is_found() -> None:
    (finding,) = found_by(SHARED, nn.ModuleDict(dict.fromkeys(["a", "b", "c"], nn.Linear(4, 4))))
    assert (finding.code, finding.parameter) == ("TIE702", "a.weight")
    assert silent(nn.ModuleDict({key: nn.Linear(4, 4) for key in "abc"}))
    one = nn.Linear(4, 4)
    assert silent(nn.ModuleDict({"a": one, "b": one, "c": nn.Linear(4, 4)}))


def test_a_head_that_starts_as_a_copy_of_a_frozen_table_is_meant() -> None:
    torch.manual_seed(0)
    model: Any = nn.ModuleDict({"table": nn.Embedding(50, 16), "head": nn.Linear(16, 50, bias=False)})
    with torch.no_grad():
        model["head"].weight.copy_(model["table"].weight)
    assert not silent(model)
    model["table"].weight.requires_grad_(requires_grad=False)
    assert silent(model)
