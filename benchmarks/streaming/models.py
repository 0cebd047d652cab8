"""The models that are streamed, on meta: nothing of them is in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_LLAMA_2_7B = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
}
_LLAMA_3_1_70B = {
    "vocab_size": 128256,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
}
SHAPES: dict[str, dict[str, Any]] = {"Llama-2-7B": _LLAMA_2_7B, "Llama-3.1-70B": _LLAMA_3_1_70B}


def llama(name: str, layers: int | None = None) -> nn.Module:
    """A model of that name in bfloat16, by the numbers of its config.json; with fewer layers where that is said."""
    import transformers

    shape = SHAPES[name] | ({} if layers is None else {"num_hidden_layers": layers})
    config = transformers.LlamaConfig(**shape, dtype="bfloat16", tie_word_embeddings=False)
    with torch.device("meta"):
        model: nn.Module = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return model
