"""Small models that others wrote, with a batch; and all of a model that a calibration must not change."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests import peers  # noqa: F401 - makes timm and transformers importable


def tokens(rows: int = 4, length: int = 12, most: int = 90) -> Tensor:
    return torch.randint(0, most, (rows, length), generator=torch.Generator().manual_seed(0))


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _timm(name: str, **arguments: Any) -> nn.Module:
    made: nn.Module = pytest.importorskip("timm").create_model(name, num_classes=7, **arguments)
    return made


def resnet() -> tuple[nn.Module, Any]:
    return _timm("resnet10t"), noise(4, 3, 32, 32)


def vit() -> tuple[nn.Module, Any]:
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 4}
    return _timm("vit_tiny_patch16_224", drop_rate=0.1, drop_path_rate=0.1, **sizes), noise(4, 3, 32, 32)


def convnext() -> tuple[nn.Module, Any]:
    return _timm("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)), noise(4, 3, 64, 64)


def _language(name: str, **arguments: Any) -> tuple[nn.Module, Any]:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(vocab_size=90, **arguments)
    ids = tokens()
    suffix = {"T5": "ForConditionalGeneration", "Llama": "ForCausalLM", "Mamba": "ForCausalLM"}.get(name, "LMHeadModel")
    return getattr(transformers, f"{name}{suffix}")(config), {"input_ids": ids, "labels": ids}


def gpt2() -> tuple[nn.Module, Any]:
    return _language("GPT2", n_layer=2, n_embd=32, n_head=4, n_positions=32)


def llama() -> tuple[nn.Module, Any]:  # grouped queries
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    return _language("Llama", num_attention_heads=4, num_key_value_heads=2, **sizes)


def t5() -> tuple[nn.Module, Any]:
    return _language("T5", d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0)


def mamba() -> tuple[nn.Module, Any]:
    return _language("Mamba", hidden_size=32, state_size=8, num_hidden_layers=2)


def wav2vec2() -> tuple[nn.Module, Any]:
    transformers = pytest.importorskip("transformers")
    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(16, 16),
        conv_stride=(5, 4),
        conv_kernel=(10, 4),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        mask_time_prob=0.0,
        vocab_size=20,
    )
    return transformers.Wav2Vec2ForCTC(config), {"input_values": noise(2, 800)}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(90, 16), nn.LSTM(16, 24, num_layers=2, dropout=0.3, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.lstm(self.embedding(ids))[0])
        return out


def lstm() -> tuple[nn.Module, Any]:
    return Recurrent(), tokens()


class Everything(nn.Module):
    """One block that is used twice, residuals, dropout, batch norm, a buffer that counts, a layer that stays frozen."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.norm = nn.Linear(12, 16), nn.Linear(16, 16), nn.BatchNorm1d(16)
        self.drop, self.frozen, self.head = nn.Dropout(0.2), nn.Linear(16, 16), nn.Linear(16, 3)
        self.frozen.requires_grad_(False)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        x = self.drop(self.stem(x))
        for _ in range(2):
            x = x + torch.relu(self.norm(self.block(x)))
        out: Tensor = self.head(x + self.frozen(x))
        return out


def everything() -> tuple[nn.Module, Any]:
    return Everything(), noise(16, 12)


MODELS: tuple[Callable[[], tuple[nn.Module, Any]], ...] = (
    resnet,
    vit,
    convnext,
    gpt2,
    llama,
    t5,
    mamba,
    wav2vec2,
    lstm,
    everything,
)


def prepared(model: nn.Module) -> nn.Module:
    """Give a model gradients, hooks and mixed modes, which a calibration must leave alone."""
    model.train()
    for place, module in enumerate(model.modules()):
        module.training = place % 3 != 0
    for place, parameter in enumerate(model.parameters()):
        if parameter.requires_grad and place % 2:
            parameter.grad = torch.full_like(parameter, 0.5)
    next(model.children()).register_forward_hook(lambda module, args, output: None)
    return model


def around(model: nn.Module) -> dict[str, Any]:
    """Return all that is to stay: everything but the values of parameters."""
    return {
        "buffers": {name: each.clone() for name, each in model.named_buffers()},
        "objects": {name: id(each) for name, each in [*model.named_parameters(), *model.named_buffers()]},
        "gradients": {
            name: None if each.grad is None else (id(each.grad), each.grad.clone())
            for name, each in model.named_parameters()
        },
        "trained": {name: (each.requires_grad, each.is_leaf) for name, each in model.named_parameters()},
        "modes": {name: each.training for name, each in model.named_modules()},
        "hooks": {
            name: (list(each._forward_hooks.values()), list(each._forward_pre_hooks.values()))
            for name, each in model.named_modules()
        },
        "torch": torch.get_rng_state(),
        "numpy": repr(np.random.get_state()),  # noqa: NPY002 - the state that a library may draw from
        "python": random.getstate(),
        "attributes": {name: sorted(vars(each)) for name, each in model.named_modules()},
    }


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Return where two values of `around` differ."""
    if isinstance(before, Tensor):
        same = isinstance(after, Tensor) and torch.equal(before, after)
        return [] if same else [path]
    if isinstance(before, dict):
        keys = before.keys() | after.keys()
        return [each for key in keys for each in differences(before.get(key), after.get(key), f"{path}/{key}")]
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return [each for pair in zip(before, after, strict=True) for each in differences(*pair, path)]
    return [] if before == after else [path]
