"""transformers: what the examples say, with the real library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import initwise as iw
from tests.frameworks.compared import differences, tensors

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the library

transformers: Any = pytest.importorskip("transformers", reason="transformers is not installed")


def test_a_configuration_on_meta_becomes_the_model_that_is_constructed_for_real() -> None:
    from examples.frameworks.transformers_meta import main

    model, eager = main()
    assert differences(model, eager) == []
    assert any("inv_freq" in name for name in tensors(model))
    assert model.lm_head.weight is model.model.embed_tokens.weight
    tokens = torch.arange(10).reshape(1, 10)
    assert torch.equal(model(tokens).logits, eager(tokens).logits)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """The example's models, with the folder of what they were loaded from."""
    from examples.frameworks.transformers_missing import main

    folder = tmp_path_factory.mktemp("heads")
    return folder, *main(folder)


def test_only_the_head_that_a_checkpoint_lacks_is_drawn(heads: tuple[Path, Any, Any]) -> None:
    folder, three, _ = heads
    backbone = transformers.BertModel.from_pretrained(folder / "backbone")
    assert differences(three.bert, backbone) == []
    whole = transformers.BertForSequenceClassification(three.config)
    iw.apply(whole, iw.plan(whole, "bert", seed=0))
    assert torch.equal(three.classifier.weight, whole.classifier.weight)
    assert not three.classifier.bias.any()


def test_a_head_with_another_number_of_classes_is_drawn_anew(heads: tuple[Path, Any, Any]) -> None:
    _, three, five = heads
    assert differences(five.bert, three.bert) == []
    whole = transformers.BertForSequenceClassification(five.config)
    iw.apply(whole, iw.plan(whole, "bert", seed=0))
    assert five.classifier.weight.shape == (5, 32)
    assert torch.equal(five.classifier.weight, whole.classifier.weight)
