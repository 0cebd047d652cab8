from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

import initwise as iw
from initwise.errors import ArgumentError

CLASSES = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)


def model(outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, outputs))


def bias(network: nn.Module) -> Tensor:
    found: Tensor = network.get_parameter("2.bias").detach()
    return found


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_the_loss_at_step_0_is_the_entropy_of_the_classes() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    network, targets = nn.Linear(64, 10), torch.tensor(digits.target)
    plan = iw.output_prior(network, iw.plan(network, "torch-default"), targets, zero_weight=True)
    counts = torch.bincount(targets).double()
    entropy = -float((counts / counts.sum() * (counts / counts.sum()).log()).sum())
    loss = F.cross_entropy(network(torch.tensor(digits.data).float()), targets).item()
    assert loss == pytest.approx(entropy, abs=2e-6)
    assert loss == pytest.approx(2.3024793, abs=2e-6)
    assert plan["weight"].initializer == iw.Zeros()
    assert iw.verify(network, plan, exact="required").ok


@pytest.mark.parametrize("batch", ["tuple", "mapping", "list"])
def test_classes_are_counted_over_tensors_and_loaders_alike(batch: str) -> None:
    network = model()
    pairs = DataLoader(TensorDataset(noise(100, 8), CLASSES), batch_size=7)
    made: dict[str, Any] = {
        "tuple": pairs,
        "mapping": [{"inputs": x, "labels": y} for x, y in pairs],
        "list": CLASSES.tolist(),
    }
    plan = iw.output_prior(network, iw.plan(network, "kaiming"), made[batch])
    expected = [math.log(p) for p in (0.5, 0.3, 0.2)]
    assert bias(network).tolist() == pytest.approx(expected, rel=1e-6)
    assert isinstance(plan["2.bias"].initializer, iw.Given)
    assert plan["2.weight"].initializer == iw.plan(network, "kaiming")["2.weight"].initializer


def test_classes_that_never_occur_get_a_small_probability_and_ignored_ones_none() -> None:
    network = model(4)
    targets = torch.cat([CLASSES, torch.full((40,), -100)])
    iw.output_prior(network, iw.plan(network, "kaiming"), targets, smoothing=1.0)
    p = bias(network).double().exp()
    assert p.tolist() == pytest.approx([50 / 101, 30 / 101, 20 / 101, 1 / 101], rel=1e-6)


def test_logits_for_zeros_and_ones_and_means_for_numbers() -> None:
    network = model(2)
    targets = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 0.0]] * 7)
    iw.output_prior(network, iw.plan(network, "kaiming"), targets, "sigmoid")
    assert bias(network).tolist() == pytest.approx([math.log(0.3 / 0.7), math.log(0.5 / 9.5)], rel=1e-6)
    iw.output_prior(network, iw.plan(network, "kaiming"), targets * 10, "mean", zero_weight=True)
    assert network(noise(5, 8)).tolist() == [[3.0, 0.0]] * 5
    single = model(1)
    iw.output_prior(single, iw.plan(single, "kaiming"), torch.tensor([1.0, 2.0, 6.0]), "mean")
    assert bias(single).item() == 3.0


def test_the_loss_at_step_0_is_the_variance_of_numbers_and_the_entropy_of_rare_positives() -> None:
    network, numbers = nn.Linear(4, 2), noise(64, 2) * torch.tensor([1.0, 3.0]) + 5
    iw.output_prior(network, iw.plan(network, "kaiming"), numbers, "mean", zero_weight=True)
    loss = F.mse_loss(network(noise(64, 4)), numbers)
    assert loss.item() == pytest.approx(numbers.var(0, correction=0).mean().item(), rel=1e-5)
    rare = torch.zeros(1000, 1)
    rare[::100] = 1.0
    detector = nn.Linear(4, 1)
    iw.output_prior(detector, iw.plan(detector, "kaiming"), rare, "sigmoid", zero_weight=True)
    assert detector.bias.item() == pytest.approx(-4.59512, abs=1e-5)  # Lin et al., with pi = 0.01
    logits = detector(noise(1000, 4))
    assert F.binary_cross_entropy_with_logits(logits[1:2], rare[1:2]).item() == pytest.approx(0.01005, abs=1e-5)
    entropy = -(0.01 * math.log(0.01) + 0.99 * math.log(0.99))
    assert F.binary_cross_entropy_with_logits(logits, rare).item() == pytest.approx(entropy, rel=1e-5)


def test_the_head_is_what_makes_the_output_or_what_is_named() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.body = nn.Linear(16, 3), nn.Linear(8, 16)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(torch.relu(self.body(x)))
            return out

    network = Odd()
    traced = iw.plan(network, "kaiming", inputs=noise(2, 8))
    plan = iw.output_prior(network, traced, CLASSES)
    assert [row.name for row in plan if row.initializer != traced[row.name].initializer] == ["head.bias"]
    for head in ("head", "head.bias"):
        assert (
            iw.output_prior(network, iw.plan(network, "kaiming"), CLASSES, head=head)["head.bias"] == plan["head.bias"]
        )


def test_probabilities_of_classes_count_as_parts_and_another_index_can_be_left_out() -> None:
    network = model()
    soft = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    iw.output_prior(network, iw.plan(network, "kaiming"), [(noise(2, 8), soft), (noise(1, 8), soft[:1])])
    assert bias(network).exp().tolist() == pytest.approx([1 / 3, 1 / 2, 1 / 6], rel=1e-6)
    iw.output_prior(network, iw.plan(network, "kaiming"), torch.tensor([[0, 1], [2, 255]]), ignore_index=255)
    assert bias(network).exp().tolist() == pytest.approx([1 / 3] * 3, rel=1e-6)


class HeadFirst(nn.Module):
    """The head is registered before the body, which has as many outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.body(x)))
        return out


class HeadFirstOfTwo(HeadFirst):
    """Nobody knows what this takes."""

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        return super().forward(x + others[0])


def test_the_head_is_never_guessed_from_the_order_of_layers() -> None:
    seen, unseen = HeadFirst(), HeadFirstOfTwo()
    plan = iw.output_prior(seen, iw.plan(seen, "kaiming"), CLASSES)
    assert isinstance(plan["head.bias"].initializer, iw.Given)
    assert plan["body.bias"].initializer == iw.Zeros()
    with pytest.raises(ArgumentError, match="no forward pass shows which layer makes the model's output; say which is"):
        iw.output_prior(unseen, iw.plan(unseen, "kaiming"), CLASSES)
    assert isinstance(
        iw.output_prior(unseen, iw.plan(unseen, "kaiming"), CLASSES, head="head")["head.bias"].initializer, iw.Given
    )


def test_a_head_that_is_tied_to_the_embedding_has_no_bias_and_the_error_says_so() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.body = nn.Embedding(12, 12), nn.Linear(12, 12)
            self.head = nn.Linear(12, 12, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: Tensor) -> Tensor:
            out: Tensor = self.head(self.body(self.embedding(ids)))
            return out

    network, ids = Tied(), torch.arange(12)
    before = iw.digest(network)
    with pytest.raises(
        ArgumentError,
        match=r"the head 'head' has no bias \(and its weight is tied: 'embedding.weight'\); build it with",
    ):
        iw.output_prior(network, iw.plan(network, "kaiming", inputs=ids), ids)
    assert iw.digest(network) == before


@pytest.mark.parametrize(
    ("targets", "arguments", "said"),
    [
        (torch.tensor([0, 3]), {}, "a target is 3, and the head has the classes 0 to 2"),
        (torch.tensor([0, -1]), {}, "a target is -1, and the head has the classes 0 to 2"),
        (torch.tensor([0.5]), {}, "targets are torch.float32 of shape (1,); kind='softmax' takes class indices"),
        (torch.tensor([[0.5, 0.5, 0.5]]), {}, "or probabilities of the 3 classes along the last axis, whose sum is 1"),
        (CLASSES, {"ignore_index": 1.5}, "ignore_index is 1.5; give an integer"),
        ([], {}, "targets is empty"),
        (torch.tensor([], dtype=torch.long), {}, "targets is empty"),
        (torch.full((3,), -100), {}, "every target is -100"),
        (3, {}, "targets is 3 of type int"),
        ([{"x": torch.ones(3)}], {}, "a batch has the keys x"),
        (torch.tensor([[0.0, 2.0, 1.0]]), {"kind": "sigmoid"}, "a target is 2.0; allowed are 0 to 1"),
        (torch.tensor([0.0, 2.0]), {"kind": "mean"}, "targets have shape (2,), and the head has 3 outputs"),
        (CLASSES, {"head": "2.x"}, "there is no module '2.x'"),
        (CLASSES, {"head": "1"}, "the head '1' has no bias"),
        (CLASSES, {"kind": "softmin"}, "kind is 'softmin'"),
        (CLASSES, {"smoothing": 0}, "smoothing is 0, and must be above 0"),
    ],
)
def test_targets_and_heads_that_cannot_be_are_refused(targets: Any, arguments: Any, said: str) -> None:
    network = model()
    before = bias(network).clone()
    with pytest.raises(ArgumentError, match=re.escape(said)):
        iw.output_prior(network, iw.plan(network, "kaiming"), targets, **arguments)
    assert torch.equal(bias(network), before)
