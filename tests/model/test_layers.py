"""Each layer of torch.nn says how its parameters are used; others are known by name or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from initwise.axes import Axes, Blocks
from initwise.fans import Fans, fans
from initwise.model import read, usages

# layer, attribute, role, fans of the weight (of one block where it packs several)
LAYERS: list[tuple[nn.Module, str, str, Fans | None]] = [
    (nn.Linear(5, 7), "weight", "weight", Fans(5, 7)),
    (nn.Linear(5, 7), "bias", "bias", None),
    (nn.Bilinear(3, 4, 5), "weight", "weight", Fans(12, 5)),
    (nn.Conv1d(4, 8, 3), "weight", "weight", Fans(12, 24)),
    (nn.Conv2d(4, 8, (3, 5), groups=2), "weight", "weight", Fans(30, 60)),
    (nn.Conv2d(64, 64, 3, groups=64), "weight", "weight", Fans(9, 9)),
    (nn.Conv3d(2, 3, 3), "weight", "weight", Fans(54, 81)),
    (nn.ConvTranspose1d(6, 4, 5, stride=2), "weight", "weight", Fans(15, 20)),
    (nn.ConvTranspose2d(256, 16, 4, stride=2), "weight", "weight", Fans(1024, 256)),
    (nn.ConvTranspose3d(4, 6, 3, groups=2), "weight", "weight", Fans(54, 81)),
    (nn.Embedding(100, 8), "weight", "embedding", Fans(1, 8)),
    (nn.EmbeddingBag(100, 8), "weight", "embedding", Fans(1, 8)),
    (nn.LSTM(3, 5), "weight_ih_l0", "weight", Fans(3, 5)),
    (nn.LSTM(3, 5, proj_size=2), "weight_hh_l0", "recurrent", Fans(2, 5)),
    (nn.LSTM(3, 5, proj_size=2), "weight_hr_l0", "weight", Fans(5, 2)),
    (nn.GRU(3, 5, 2, bidirectional=True), "weight_ih_l1_reverse", "weight", Fans(10, 5)),
    (nn.GRU(3, 5), "bias_hh_l0", "bias", None),
    (nn.RNN(3, 5), "weight_hh_l0", "recurrent", Fans(5, 5)),
    (nn.LSTMCell(3, 5), "weight_ih", "weight", Fans(3, 5)),
    (nn.GRUCell(3, 5), "weight_hh", "recurrent", Fans(5, 5)),
    (nn.RNNCell(3, 5), "bias_ih", "bias", None),
    (nn.MultiheadAttention(8, 2), "in_proj_weight", "weight", Fans(8, 8)),
    (nn.MultiheadAttention(8, 2, kdim=3, vdim=4), "k_proj_weight", "weight", Fans(3, 8)),
    (nn.MultiheadAttention(8, 2), "in_proj_bias", "bias", None),
    (nn.MultiheadAttention(8, 2, add_bias_kv=True), "bias_k", "bias", None),
    (nn.LayerNorm(8), "weight", "norm_weight", None),
    (nn.RMSNorm(8), "weight", "norm_weight", None),
    (nn.GroupNorm(2, 8), "bias", "norm_bias", None),
    (nn.BatchNorm2d(8), "weight", "norm_weight", None),
    (nn.SyncBatchNorm(8), "bias", "norm_bias", None),
    (nn.InstanceNorm1d(8, affine=True), "weight", "norm_weight", None),
    (nn.PReLU(3), "weight", "slope", None),
]


def _block_shape(shape: tuple[int, ...], blocks: Blocks | None) -> tuple[int, ...]:
    return shape if blocks is None else (blocks.sizes[0], *shape[1:])


@pytest.mark.parametrize(
    ("layer", "attribute", "role", "expected"), LAYERS, ids=[f"{type(row[0]).__name__}.{row[1]}" for row in LAYERS]
)
def test_each_layer_tells_roles_and_true_fans(
    layer: nn.Module, attribute: str, role: str, expected: Fans | None
) -> None:
    parameter = read(layer)[attribute]
    assert parameter.role == role
    assert (parameter.axes is None) == (expected is None)
    if parameter.axes is not None:
        assert fans(_block_shape(parameter.shape, parameter.blocks), parameter.axes) == expected


@pytest.mark.parametrize(
    ("layer", "names"),
    [(nn.LSTM(3, 5), "ifgo"), (nn.LSTMCell(3, 5), "ifgo"), (nn.GRU(3, 5), "rzn"), (nn.GRUCell(3, 5), "rzn")],
)
def test_gates_are_blocks_in_the_order_torch_packs_them(layer: nn.Module, names: str) -> None:
    packed = read(layer).parameters
    assert all(p.blocks == Blocks(0, tuple(names), (5,) * len(names)) for p in packed)
    assert len(packed) == 4


def test_what_packs_nothing_has_no_blocks() -> None:
    assert all(p.blocks is None for p in read(nn.RNN(3, 5)).parameters)
    assert read(nn.LSTM(3, 5, proj_size=2))["weight_hr_l0"].blocks is None


def test_query_key_and_value_are_blocks_of_the_packed_projection() -> None:
    reading = read(nn.MultiheadAttention(8, 2))
    expected = Blocks(0, ("q", "k", "v"), (8, 8, 8))
    assert reading["in_proj_weight"].blocks == reading["in_proj_bias"].blocks == expected
    assert reading["out_proj.weight"].blocks is None


@pytest.mark.parametrize("layer", [nn.Embedding(9, 2, padding_idx=3), nn.EmbeddingBag(9, 2, padding_idx=3)])
def test_the_padding_row_is_known(layer: nn.Module) -> None:
    assert read(layer)["weight"].padding == 3


def test_no_layer_of_torch_nn_is_unknown() -> None:
    model = nn.ModuleList([layer for layer, *_ in LAYERS] + [nn.TransformerDecoderLayer(8, 2, 16)])
    model.append(nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10], div_value=2.0))
    assert [p.name for p in read(model).parameters if p.usage is None] == []


class _Scaled(nn.Linear):
    """A subclass, as users write them."""


def test_a_subclass_is_read_like_its_base() -> None:
    assert read(_Scaled(3, 4))["weight"].axes == Axes(fan_in=(1,), fan_out=(0,))
    assert read(_Scaled(3, 4))["weight"].kind == "_Scaled"


def test_torchs_private_subclasses_are_called_by_their_public_base() -> None:
    assert read(nn.MultiheadAttention(4, 2))["out_proj.weight"].kind == "Linear"


def _foreign(module: str, name: str) -> Any:
    """Return a class that another library might define, without importing it."""
    return type(name, (nn.Module,), {"__module__": module})


def test_the_x_at_w_layer_of_transformers_is_recognised_by_name() -> None:
    usage = usages(_foreign("transformers.pytorch_utils", "Conv1D")())["weight"]
    assert usage.axes is not None
    assert fans((768, 2304), usage.axes) == Fans(768, 2304)
    assert usages(_foreign("elsewhere", "Conv1D")()) == {}


@pytest.mark.parametrize(
    ("module", "name", "neutral"),
    [
        ("transformers.models.llama.modeling_llama", "LlamaRMSNorm", 1.0),
        ("transformers.models.t5.modeling_t5", "T5LayerNorm", 1.0),
        ("transformers.models.gemma.modeling_gemma", "GemmaRMSNorm", 0.0),
        ("transformers.models.gemma3.modeling_gemma3", "Gemma3RMSNorm", 0.0),
        ("timm.layers.norm", "RmsNorm", 1.0),
    ],
)
def test_norms_of_other_libraries_are_known_with_the_value_that_does_nothing(
    module: str, name: str, neutral: float
) -> None:
    assert usages(_foreign(module, name)())["weight"].neutral == neutral


def test_a_norm_that_adds_one_to_its_weight_is_not_taken_for_its_base_class() -> None:
    kind = type(
        "NemotronLayerNorm1P", (nn.LayerNorm,), {"__module__": "transformers.models.nemotron.modeling_nemotron"}
    )
    assert usages(kind(4))["weight"].neutral == 0.0


def test_an_unknown_norm_of_a_known_library_is_not_guessed() -> None:
    assert usages(_foreign("transformers.models.new.modeling_new", "NewRMSNorm")()) == {}
