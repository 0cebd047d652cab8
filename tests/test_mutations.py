"""The wrong-initialization mutations: which mutants there are, and how they are counted."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import initwise as iw
from benchmarks.faults.control import classes, noise, tokens
from benchmarks.faults.mutated import MODELS, Mutable, Tagger, lenet, make
from benchmarks.faults.mutations import OPERATORS, changed_plan, outcomes, places, same
from benchmarks.faults.mutations_page import Mutant, Outcome, page
from initwise.initializers import Target


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 64), nn.ReLU(), nn.Linear(64, 5)
    )


SMALL = Mutable("small", small, "kaiming", noise(8, 3, 8, 8), classes)


def law(initializer: Any, fans: Any = None) -> Any:
    return initializer.law(Target((64, 32), fans=fans))


def test_there_are_ten_models_and_fifteen_operators() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS) == 10
    assert len(OPERATORS) == 15


def test_layers_are_the_first_the_middle_and_the_last_with_a_weight() -> None:
    model = lenet()
    assert places(model, iw.plan(model, "kaiming", seed=0)) == ("0.weight", "7.weight", "11.weight")
    tagger = Tagger(50, 8, 3)
    assert places(tagger, iw.plan(tagger, "keras-rnn", seed=0)) == (
        "lstm.weight_ih_l0",
        "lstm.weight_ih_l1",
        "head.weight",
    )


def test_a_tied_head_is_no_last_layer() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.body = nn.Embedding(10, 4), nn.Linear(4, 4)
            self.head = nn.Linear(4, 10, bias=False)
            self.head.weight = self.words.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(self.body(self.words(ids)))
            return out

    model = Tied()
    assert places(model, iw.plan(model, "gpt2", seed=0)) == ("body.weight",) * 3


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (iw.Normal(std=0.05), True),
        (iw.Normal(std=0.0505), True),
        (iw.Normal(std=0.052), False),
        (iw.Normal(mean=0.01, std=0.05), False),
        (iw.Uniform(-0.05 * math.sqrt(3), 0.05 * math.sqrt(3)), False),
        (iw.TruncatedNormal(std=0.05), False),
        (iw.Zeros(), False),
        (iw.Orthogonal(gain=0.05 * math.sqrt(64)), False),
    ],
)
def test_laws_are_the_same_within_two_percent_of_one_family(other: iw.Normal, equal: bool) -> None:
    assert same(law(iw.Normal(std=0.05)), law(other)) is equal


def test_a_weight_without_a_declared_law_has_no_equivalent_mutant() -> None:
    assert not same(None, law(iw.Zeros()))


def test_constants_are_the_same_where_their_value_is() -> None:
    assert same(law(iw.Zeros()), law(iw.Constant(0.0)))
    assert not same(law(iw.Zeros()), law(iw.Ones()))


def test_a_mutant_that_is_the_original_and_one_that_cannot_be_are_skipped() -> None:
    model = small()
    plan = iw.plan(model, [iw.rule("*.weight", iw.XavierUniform()), iw.rule("*.bias", iw.Zeros())], seed=0)
    assert changed_plan(model, plan, "3.weight", OPERATORS["glorot_uniform"], seed=1) is None
    assert changed_plan(model, plan, "0.weight", OPERATORS["identity"], seed=1) is None
    changed = changed_plan(model, plan, "3.weight", OPERATORS["he_uniform"], seed=1)
    assert changed is not None
    assert [row.name for row in changed if not row.kept] == ["3.weight"]


def test_operators_have_keras_laws() -> None:
    model = small()
    plan = iw.plan(model, [iw.rule("*", iw.Zeros())], seed=0)
    stds = {}
    for name, operator in OPERATORS.items():
        changed = changed_plan(model, plan, "3.weight", operator, seed=1)
        row = changed["3.weight"] if changed is not None else plan["3.weight"]
        assert row.law is not None
        stds[name] = row.law.std
    fan_in, fan_out = 288, 64
    assert stds["truncated_normal"] == pytest.approx(0.05 * 0.8796, rel=1e-3)
    assert stds["random_uniform"] == pytest.approx(0.05 / math.sqrt(3))
    assert stds["lecun_normal"] == stds["variance_scaling"] == pytest.approx(1 / math.sqrt(fan_in))
    assert stds["glorot_normal"] == stds["glorot_uniform"] == pytest.approx(math.sqrt(2 / (fan_in + fan_out)))
    assert stds["he_normal"] == stds["he_uniform"] == pytest.approx(math.sqrt(2 / fan_in))


def test_verify_finds_every_mutant_by_its_bits_and_large_ones_by_their_law_and_the_model_is_put_back() -> None:
    model = make(SMALL, seed=0)
    some = {name: OPERATORS[name] for name in ("ones", "identity", "he_uniform", "glorot_normal")}
    found = list(outcomes(SMALL, model, operators=some))
    assert len(found) == 3 * 4 - 1  # no identity on the convolution
    assert all(outcome.required for outcome in found)
    assert all(outcome.verified for outcome in found if outcome.mutant.place == "middle")  # 18,432 elements
    assert all(outcome.seen for outcome in found if outcome.mutant.operator == "ones")
    assert iw.verify(model, iw.plan(model, "kaiming", seed=0)).ok


def test_a_finding_about_a_block_of_a_packed_weight_names_the_weight() -> None:
    tagger = Mutable("tagger", lambda: Tagger(50, 8, 3), "keras-rnn", tokens(50, 2, 4))
    found = outcomes(tagger, make(tagger, seed=0), operators={"ones": iw.Ones()})
    assert [(each.mutant.parameter, each.required, each.verified) for each in found] == [
        ("lstm.weight_ih_l0", True, True),
        ("lstm.weight_ih_l1", True, True),
        ("head.weight", True, True),
    ]


def test_the_page_counts_by_operator_model_and_place_and_names_what_is_missed() -> None:
    mutants = (Mutant("a", "first", "0.weight", "zeros"), Mutant("a", "last", "2.weight", "ones"))
    found = (Outcome(mutants[0], True, True, True, True), Outcome(mutants[1], True, False, False, True))
    text = page(found)
    assert "| zeros | 1 / 1 | 1 / 1 | 1 / 1 | 1 / 1 |" in text
    assert "| a | 2 / 2 | 1 / 2 | 1 / 2 | 2 / 2 |" in text
    assert "| last | 1 / 1 | 0 / 1 | 0 / 1 | 1 / 1 |" in text
    assert "| **all** | 2 / 2 | 1 / 2 | 1 / 2 | 2 / 2 |" in text
    assert text.endswith("Not found by verify:\n\n- a, last layer, `2.weight`: ones\n")
