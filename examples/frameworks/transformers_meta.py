"""transformers: a model from its configuration, built on meta (needs `transformers`).

python -m examples.frameworks.transformers_meta

Rotary frequencies and masks are in no checkpoint and in no plan; `materialize` has them from the configuration.
"""

from __future__ import annotations

from typing import Any

import torch

import initwise as iw


def config() -> Any:
    """A Llama of two layers, with a rotary base that is not the default."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        tie_word_embeddings=True,
    )


def main() -> tuple[Any, Any]:
    """On meta and materialized, against constructed for real and applied."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config())
    iw.materialize(model, iw.plan(model, "llama", seed=0))

    eager = AutoModelForCausalLM.from_config(config())
    iw.apply(eager, iw.plan(eager, "llama", seed=0))
    tokens = torch.arange(16).reshape(2, 8)
    print(f"weights and buffers: {iw.digest(model, buffers=True) == iw.digest(eager, buffers=True)}")
    print(f"logits: {torch.equal(model(tokens).logits, eager(tokens).logits)}")
    return model, eager


if __name__ == "__main__":
    main()
