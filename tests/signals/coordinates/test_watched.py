"""What is measured of a forward pass, number by number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import initwise as iw
from tests.signals.coordinates.checking import BATCH, Models, mlp, sized

OPTIONS = {"steps": 1, "seeds": 2}


def by_hand(factor: float) -> Models:
    """An MLP whose readout shrinks with the width by hand, without a plan."""

    def build(width: int) -> nn.Module:
        model = mlp(width)
        nn.init.normal_(model.get_parameter("6.weight"), std=factor / width)
        nn.init.zeros_(model.get_parameter("6.bias"))
        return model

    return sized(build, (32, 512))


def test_without_a_plan_too_the_models_output_is_known_and_may_shrink() -> None:
    check = iw.coordinate_check(by_hand(1.0), BATCH, steps=1)
    row = check.find("6", 0, "second_moment")
    assert (row.verdict, row.allowed) == ("shrinks", True)


def test_the_change_of_an_output_must_not_shrink() -> None:
    def slow(model: nn.Module) -> torch.optim.Optimizer:
        head = model.get_submodule("6")
        width = head.in_features
        assert isinstance(width, int)
        return torch.optim.SGD(head.parameters(), lr=1e-2 / width**2)

    row = iw.coordinate_check(by_hand(1.0), BATCH, steps=1, optimizer=slow).find("6", 1, "update")
    assert (row.verdict, row.allowed) == ("shrinks", False)


def test_what_a_container_returns_after_an_in_place_change_is_another_activation() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Sequential(nn.Linear(16, width), nn.ReLU(inplace=True)), nn.Linear(width, 4))

    check = iw.coordinate_check(sized(build, (16, 32)), BATCH, **OPTIONS)  # type: ignore[arg-type]
    values = {record.module: record.value for record in check.records if record.step == 0 and record.size == 32}
    assert 0.3 < values["0"] / values["0.0"] < 0.7  # half of the elements are zero after the ReLU
    assert "" not in values or values[""] != values["1"]


def test_what_a_container_hands_on_is_not_told_twice() -> None:
    check = iw.coordinate_check(
        sized(lambda width: nn.Sequential(nn.Sequential(nn.Linear(16, width)), nn.Linear(width, 4)), (16, 32)),
        BATCH,
        **OPTIONS,  # type: ignore[arg-type]
    )
    assert {row.module for row in check} == {"0.0", "1"}


class Attends(nn.Module):
    """Causal attention of the inputs with themselves, by one kind of call."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.attention = nn.Identity()
        self.head = nn.Linear(4, width)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        q = x[:, None]  # one head
        hidden = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
        if self.kind == "causal":
            y = functional.scaled_dot_product_attention(q, q, q, is_causal=True)
        elif self.kind == "boolean":
            y = functional.scaled_dot_product_attention(q, q, q, attn_mask=~hidden)
        elif self.kind == "added":
            mask = torch.zeros(hidden.shape).masked_fill(hidden, torch.finfo(torch.float32).min)
            y = functional.scaled_dot_product_attention(q, q, q, mask, scale=0.5)
        else:
            scores = (q @ q.transpose(-1, -2) / 2).masked_fill(hidden, float("-inf"))
            y = scores.softmax(-1) @ q if self.kind == "method" else functional.softmax(scores, dim=-1) @ q
        out: Tensor = self.head(y)
        return out


@pytest.mark.parametrize("kind", ["causal", "boolean", "added", "method", "function"])
def test_the_second_moment_of_attention_logits_is_of_those_that_are_attended_to(kind: str) -> None:
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    check = iw.coordinate_check(sized(lambda width: Attends(kind, width), (8, 16)), x, **OPTIONS)  # type: ignore[arg-type]
    logits = x @ x.transpose(1, 2) / 2
    seen = torch.ones(5, 5, dtype=torch.bool).tril().expand_as(logits)
    expected = float(logits[seen].square().mean())
    found = [record.value for record in check.records if record.output == "attention logits" and record.step == 0]
    assert found == pytest.approx([expected] * 4, rel=1e-5)


def test_grouped_queries_share_their_keys() -> None:
    class Grouped(Attends):
        def forward(self, x: Tensor) -> Tensor:
            q, k = torch.stack([x, 2 * x, x, 2 * x], dim=1), torch.stack([x, 3 * x], dim=1)
            y = functional.scaled_dot_product_attention(q, k, k, enable_gqa=True)
            out: Tensor = self.head(y.sum(1))
            return out

    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    check = iw.coordinate_check(sized(lambda width: Grouped("", width), (8, 16)), x, **OPTIONS)  # type: ignore[arg-type]
    expected = float((x @ x.transpose(1, 2) / 2).square().mean()) * (1 + 4 + 9 + 36) / 4
    found = [record.value for record in check.records if record.output == "attention logits" and record.step == 0]
    assert found == pytest.approx([expected] * 4, rel=1e-5)
