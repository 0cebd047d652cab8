"""Example inputs: as a user gives them, in words, and built for a model."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.model.inputs import Example, as_example, candidates, example_inputs, mended, parse_inputs
from tests import peers  # noqa: F401 - makes torchvision and timm importable, before transformers looks for them

X = torch.zeros(2, 3)
IDS = torch.zeros(2, 16, dtype=torch.int64)


class Encoding(UserDict[str, Tensor]):
    """What a tokenizer returns is a mapping, not a dict."""


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (X, "2x3 float32"),
        ((X, IDS), "2x3 float32; 2x16 int64"),
        ([X, None], "2x3 float32; None"),
        (([X, X],), "[2x3 float32, 2x3 float32]"),
        ({"x": X}, "x: 2x3 float32"),
        (Encoding(input_ids=IDS), "input_ids: 2x16 int64"),
        (((X,), {"mask": IDS}), "2x3 float32; mask: 2x16 int64"),
        ((X, {"mask": IDS}), "2x3 float32; {mask: 2x16 int64}"),
        (torch.tensor(1.0), "scalar float32"),
        ("4x5", "4x5 float32"),
        (Example((X,), {}, "as I like it"), "as I like it"),
        ((), "no arguments"),
    ],
)
def test_inputs_are_taken_as_they_are_given(inputs: Any, words: str) -> None:
    assert as_example(inputs).description == words


def test_a_mapping_gives_keyword_arguments_and_a_tuple_positional_ones() -> None:
    named, placed, both = as_example(Encoding(x=X)), as_example((X, IDS)), as_example(((X,), {"y": IDS}))
    assert (named.args, named.kwargs["x"]) == ((), X)
    assert (placed.args[1], placed.kwargs) == (IDS, {})
    assert (both.args[0], both.kwargs["y"]) == (X, IDS)


def test_inputs_of_no_known_form_are_refused_with_what_is_allowed() -> None:
    with pytest.raises(ArgumentTypeError, match=r"inputs for Linear are 3 of type int; give a tensor, a tuple of"):
        as_example(3, nn.Linear(2, 2))
    with pytest.raises(ArgumentTypeError, match=r"forward's arguments, and 1 is of type int.*inputs=\(mapping,"):
        as_example({1: X})


@pytest.mark.parametrize(
    ("words", "described"),
    [
        ("2x3x224x224", "2x3x224x224 float32"),
        ("2 x 3 x 8", "2x3x8 float32"),
        ("7", "7 float32"),
        ("scalar", "scalar float32"),
        ("2x16 int <1000", "2x16 int64"),
        ("2x16 <1000", "2x16 int64"),
        ("2x4 bool", "2x4 bool"),
        ("2x3x8x8; 2x1 float16", "2x3x8x8 float32; 2x1 float16"),
        ("x: 2x3", "x: 2x3 float32"),
        ("2x3; mask=2x3 int32", "2x3 float32; mask: 2x3 int32"),
        (
            "input_ids: 2x16 int64 <50257; attention_mask: 2x16 int64<2",
            "input_ids: 2x16 int64; attention_mask: 2x16 int64",
        ),
    ],
)
def test_words_become_tensors(words: str, described: str) -> None:
    assert parse_inputs(words).description == described


def test_a_limit_bounds_the_integers() -> None:
    (ids,) = parse_inputs("1000 int <7").args
    assert ids.min() == 0
    assert ids.max() == 6
    assert parse_inputs("1000 int").args[0].max() == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", r"inputs '' describe no tensor; write a shape such as 2x3x224x224"),
        ("an image", r"'an image' is not understood; write a shape such as"),
        ("2x3 float23", r"'float23' is no dtype; allowed are float, .*did you mean 'float32'"),
        ("2x3 float32 <5", r"a limit \(<5\) is for integers, and this is float32"),
        ("2x3 int <0", r"nothing lies below <0"),
        ("x: 2; x: 3", r"'x' is given twice"),
        ("x: 2; 3x4", r"'3x4' has no name and follows one that has"),
    ],
)
def test_words_that_do_not_follow_the_form_are_refused(words: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse_inputs(words)


def test_words_that_are_none_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="are 3 of type int, not a string"):
        parse_inputs(3)  # type: ignore[arg-type]


class TwoTowers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Linear(5, 4)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.as_tensor(self.left(left) + self.right(right))


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.norm(inputs[0]))


PLAIN = [
    nn.Linear(3, 4),
    nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU()),
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 10)),
    nn.Conv3d(1, 2, 3),
    nn.ConvTranspose2d(3, 4, 2),
    nn.Sequential(nn.Embedding(11, 4), nn.Linear(4, 11)),
    nn.LSTM(5, 6),
    nn.GRU(5, 6, batch_first=True),
    nn.LSTMCell(5, 6),
    nn.MultiheadAttention(8, 2, kdim=6, vdim=4),
    nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
    nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 1),
    nn.Sequential(nn.BatchNorm1d(7), nn.ReLU()),
    nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3)),
    Norm(),
]


def _runs(model: nn.Module, example: Example) -> bool:
    try:
        model.eval()(*example.args, **example.kwargs)
    except (RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("model", PLAIN, ids=lambda model: str(model).split("(")[0])
def test_one_of_the_candidates_fits_a_plain_model(model: nn.Module) -> None:
    assert any(_runs(model, example) for example in candidates(model))


def test_a_model_of_several_arguments_or_without_layers_gets_no_candidates() -> None:
    assert example_inputs(TwoTowers()) is None
    assert example_inputs(nn.ReLU()) is None


LIBRARIES = {
    "timm:resnet18": "2x3x224x224 float32",
    "timm:eva02_tiny_patch14_336": "2x3x336x336 float32",
    "timm:tresnet_m": "2x3x224x224 float32",
    "torchvision:resnet18": "2x3x224x224 float32",
    "torchvision:ssd300_vgg16": "[3x224x224 float32]",
    "torchvision:raft_small": "1x3x128x128 float32; 1x3x128x128 float32",
    "torchvision:r3d_18": "1x3x16x224x224 float32",
    "transformers:GPT2Model": "input_ids: 2x16 int64; use_cache: False",
    "transformers:T5Model": "input_ids: 2x16 int64; decoder_input_ids: 2x16 int64; use_cache: False",
    "transformers:BertForMultipleChoice": "input_ids: 2x2x16 int64",
    "transformers:GPT2ForSequenceClassification": "input_ids: 1x16 int64; use_cache: False",
    "transformers:ViTModel": "pixel_values: 2x3x224x224 float32; bool_masked_pos: 2x196 bool",
    "transformers:CLIPModel": "input_ids: 1x16 int64; pixel_values: 1x3x224x224 float32",
    "transformers:WhisperModel": "input_features: 2x80x3000 float32; decoder_input_ids: 2x16 int64; use_cache: False",
    "transformers:HubertModel": "input_values: 2x15360 float32",
    "transformers:LayoutLMModel": "input_ids: 2x16 int64; bbox: 2x16x4 int64",
    "transformers:VivitModel": "pixel_values: 1x32x3x224x224 float32",
    "transformers:TimeSeriesTransformerModel": (
        "past_values: 2x55 float32; past_time_features: 2x55x0 float32; past_observed_mask: 2x55 int64;"
        " future_values: 2x24 float32; future_time_features: 2x24x0 float32; use_cache: False"
    ),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_models_of_libraries_get_what_their_configuration_asks_for(name: str) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("timm")
    from benchmarks.zoo.build import build
    from benchmarks.zoo.entries import Entry

    library, _, architecture = name.partition(":")
    example = example_inputs(build(Entry(library, architecture)))
    assert example is not None
    assert example.description == LIBRARIES[name]


def test_timm_models_get_images_of_the_size_and_channels_that_they_were_built_with() -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model("vit_tiny_patch16_224", img_size=96, in_chans=1)
    example = example_inputs(model)
    assert example is not None
    assert example.description == "2x1x96x96 float32"


class Compiled(nn.Module):
    """What `torch.compile` puts around a model, in what matters here."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._orig_mod(*args, **kwargs)


@pytest.mark.parametrize("wrap", [nn.DataParallel, Compiled, lambda model: Compiled(nn.DataParallel(model))])
def test_a_wrapped_model_gets_what_the_model_in_it_takes(wrap: Any) -> None:
    model = nn.Sequential(nn.Embedding(11, 4))
    words = [example.description for example in candidates(wrap(model))]
    assert words == ["2x16 int64", "2 int64"]


def test_parts_of_a_librarys_models_are_plain_modules() -> None:
    transformers = pytest.importorskip("transformers")
    layer = transformers.pytorch_utils.Conv1D(4, 3)
    assert example_inputs(layer) is None
    part = pytest.importorskip("timm").layers.Mlp(6)
    example = example_inputs(part)
    assert example is not None
    assert example.description == "2x6 float32"


def test_token_ids_are_of_the_vocabulary_and_end_the_text_as_the_model_expects() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BartConfig(vocab_size=50, encoder_layers=1, decoder_layers=1, d_model=16)
    example = example_inputs(transformers.BartForSequenceClassification(config))
    assert example is not None
    ids = example.kwargs["input_ids"]
    assert ids.max() < 50
    assert (ids == config.eos_token_id).sum(-1).tolist() == [1, 1]
    assert (ids[:, -1] == config.eos_token_id).all()


def test_placeholders_are_mended_to_the_number_that_the_model_asks_for() -> None:
    pytest.importorskip("transformers")
    from benchmarks.zoo.build import build
    from benchmarks.zoo.entries import Entry

    model: Any = build(Entry("transformers", "LlavaModel"))
    first = example_inputs(model)
    assert first is not None
    told = ValueError("Image features and image tokens do not match, tokens: 0, features: 576")
    better = mended(model, first, told)
    assert better is not None
    assert (better.kwargs["input_ids"] == model.config.image_token_index).sum() == 576
    assert better.kwargs["pixel_values"].shape == first.kwargs["pixel_values"].shape
    assert mended(model, better, ValueError(str(told).replace("tokens: 0", "tokens: 576"))) is None
    assert mended(model, first, ValueError("the cat sat on the mat")) is None


def test_candidates_are_the_same_each_time_and_leave_torchs_random_state_alone() -> None:
    model = nn.Sequential(nn.Embedding(11, 4), nn.Conv2d(3, 3, 3))
    state = torch.random.get_rng_state()
    one, two = list(candidates(model)), list(candidates(model))
    assert torch.equal(one[0].args[0], two[0].args[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_candidates_are_real_tensors_also_where_models_are_built_on_meta() -> None:
    with torch.device("meta"):
        found = [*candidates(nn.Conv2d(3, 4, 3)), *candidates(nn.Embedding(5, 4)), parse_inputs("2x3 int <5")]
    assert {example.args[0].device.type for example in found} == {"cpu"}
