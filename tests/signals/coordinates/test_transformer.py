"""A real transformer: GPT-2 of transformers, with heads that get wider."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import initwise as iw

transformers = pytest.importorskip("transformers")
IDS = torch.randint(11, (4, 8), generator=torch.Generator().manual_seed(0))
WIDTHS = (32, 64, 128, 256)


def build(width: int, attention: str) -> nn.Module:
    config = transformers.GPT2Config(
        vocab_size=11,
        n_positions=8,
        n_embd=width,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        attn_implementation=attention,
    )
    model: nn.Module = transformers.GPT2LMHeadModel(config)
    return model


def check(attention: str, *, maximal: bool, steps: int = 2, seeds: int = 4) -> iw.signals.CoordinateCheck:
    models = {width: lambda width=width: build(width, attention) for width in WIDTHS}
    plan = None
    if maximal:
        plan = iw.recipes.mup(build(32, attention), rules=iw.Normal(std=0.1))
    return iw.coordinate_check(models, {"input_ids": IDS, "labels": IDS}, plan=plan, steps=steps, seeds=seeds)


def test_gpt2_is_stable_under_mup_with_the_factors_of_readout_and_attention() -> None:
    found = check("sdpa", maximal=True)
    assert found.ok, found.message
    assert found.notes == (
        "the check applied the plan's factors in the forward pass (attention, output); a model in training must do so "
        "too",
    )
    logits = found.find("transformer.h.1.attn", 0, "second_moment", output="attention logits")
    assert logits.slope is not None
    assert -1.3 < logits.slope < -0.7  # q·k / d_head of independent q and k: 1 / d_head


def test_gpt2_as_it_is_built_grows_with_width() -> None:
    found = check("sdpa", maximal=False)
    assert not found.ok
    for module in ("transformer.h.0.mlp.c_proj", "transformer.h.1.attn.c_proj", "lm_head"):
        row = found.find(module, 1, "update")
        assert row.verdict == "grows"
        assert row.slope is not None
        assert row.slope > 1
    assert found.message.startswith("grows with width: ")


def test_eager_attention_shows_the_same_logits_as_fused_attention() -> None:
    fused, eager = (check(attention, maximal=True, steps=1, seeds=2) for attention in ("sdpa", "eager"))
    logits = [
        [record.value for record in each.records if record.output == "attention logits" and record.step == 0]
        for each in (fused, eager)
    ]
    assert len(logits[0]) == 2 * len(WIDTHS) * 2
    torch.testing.assert_close(torch.tensor(logits[0]), torch.tensor(logits[1]), rtol=1e-3, atol=0.0)
