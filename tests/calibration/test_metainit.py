"""`metainit`: the gradient quotient falls, the plan holds what was found, and all else is as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError


def mlp(width: int, depth: int, classes: int = 10) -> nn.Sequential:
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, classes))


def normal(model: nn.Module, std: float, seed: int = 0) -> iw.Plan:
    return iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=std), bias=iw.Zeros())], seed=seed)


def quotient(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """The published formula, as it stands, on a model's own parameters; the Hessian's product by finite differences."""
    held = list(model.double().parameters())
    gradient = torch.autograd.grad(F.cross_entropy(model(x.double()), y), held)
    size = 1e-6
    with torch.no_grad():
        for one, by in zip(held, gradient, strict=True):
            one.add_(size * by)
    moved = torch.autograd.grad(F.cross_entropy(model(x.double()), y), held)
    with torch.no_grad():
        for one, by in zip(held, gradient, strict=True):
            one.sub_(size * by)
    total = 0.0
    for here, there in zip(gradient, moved, strict=True):
        turned = (there - here) / size
        sign = torch.where(here >= 0, 1.0, -1.0)
        total += float(((here - turned) / (here + 1e-5 * sign) - 1).abs().sum())
    model.float()
    return total / sum(each.numel() for each in held)


def factor(plan: iw.Plan, name: str) -> float:
    made = plan[name].initializer
    assert isinstance(made, iw.Scaled)
    return made.factors[0]


def told(plan: iw.Plan, name: str = "0.weight") -> tuple[float, float]:
    """The quotients that a reason tells, before and after."""
    words = plan[name].reason.partition("the gradient quotient was ")[2].replace(",", "").split()
    return float(words[0]), float(words[3])


def test_a_deep_network_of_twice_the_variance_is_found_its_norms_on_noise() -> None:
    model = mlp(64, 20)
    start = normal(model, 2 / 64**0.5)
    plan = iw.metainit(model, None, start)
    before, after = told(plan)
    assert 1e5 < before < 1e6
    assert after < 1
    x, y = torch.randn(32, 64), torch.randint(10, (32,))
    assert quotient(model, x, y) < 1
    iw.apply(model, start)
    assert quotient(model, x, y) > 1e4


def test_the_quotient_that_is_told_is_that_of_the_published_formula() -> None:
    model, x = mlp(8, 3, 4), torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    y = x[:, :4].argmax(1)
    start = normal(model, 0.5)
    plan = iw.metainit(model, (x, y), start, steps=1)
    iw.apply(model, start)
    assert told(plan)[0] == pytest.approx(quotient(model, x, y), rel=0.02)


def test_the_model_holds_exactly_the_plan_and_weights_keep_their_numbers() -> None:
    model = mlp(16, 3)
    first = next(model.parameters())
    start = normal(model, 1.0)
    plan = iw.metainit(model, None, start, steps=10)
    report = iw.verify(model, plan)
    assert report.ok
    before = first.detach() / factor(plan, "0.weight")
    iw.apply(model, start)
    torch.testing.assert_close(before, first.detach())
    assert isinstance(plan["0.weight"].initializer, iw.Scaled)
    assert plan["0.bias"].initializer == iw.Zeros()
    assert iw.Plan.from_dict(plan.to_dict()) == plan


def test_everything_but_the_weights_is_as_it_was() -> None:
    norm = nn.BatchNorm1d(8)
    model = nn.Sequential(nn.Linear(6, 8), norm, nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
    model[0].weight.grad = torch.ones(8, 6)
    model[4].eval()
    plan = iw.plan(model, "kaiming")
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    iw.metainit(model, None, plan, steps=3)
    assert torch.equal(torch.randn(4), expected)
    assert norm.state_dict()["running_mean"].abs().sum() == 0
    assert norm.state_dict()["num_batches_tracked"] == 0
    assert torch.equal(model[0].weight.grad, torch.ones(8, 6))
    assert model[4].weight.grad is None
    assert [module.training for module in model] == [True, True, True, True, False]
    assert all(each.requires_grad and each.is_leaf for each in model.parameters())


def test_a_call_that_fails_leaves_the_model_as_it_was() -> None:
    model = mlp(6, 2, 3)
    before = iw.digest(model)
    with pytest.raises(ArgumentError, match=r"metainit: forward raised RuntimeError with 4x5 float32"):
        iw.metainit(model, torch.randn(4, 5), normal(model, 0.1))
    assert iw.digest(model) == before


def test_zeros_frozen_and_kept_layers_are_left_alone_and_the_notes_say_so() -> None:
    model = mlp(6, 4, 3)
    next(model[2].parameters()).requires_grad = False
    rules = [
        iw.rule(nn.Linear, weight=iw.Normal(std=1.0), bias=iw.Zeros()),
        iw.rule("4", weight=iw.Keep()),
        iw.rule("6", weight=iw.Zeros()),
    ]
    start = iw.plan(model, rules, include_frozen=True)
    plan = iw.metainit(model, None, start, steps=3)
    assert [plan[f"{place}.weight"] == start[f"{place}.weight"] for place in (0, 2, 4, 6)] == [False, True, True, True]
    assert plan.notes[-3:] == (
        "metainit: '2.weight' is not scaled: it is frozen",
        "metainit: '4.weight' is not scaled: it is kept as it is",
        "metainit: '6.weight' is not scaled: its law is zero, which no factor changes",
    )
    assert iw.verify(model, plan).ok


def test_a_weight_that_no_gradient_reaches_is_left_alone_and_the_notes_say_so() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.used(x)
            return made

    model = Beside()
    start = normal(model, 1.0)
    plan = iw.metainit(model, None, start, steps=2)
    assert plan["unused.weight"] == start["unused.weight"]
    assert plan.notes[-1] == "metainit: 'unused.weight' is not scaled: nothing that is differentiated moves it"


def test_noise_is_made_in_the_dtype_of_the_model() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).bfloat16()
    plan = iw.metainit(model, None, normal(model, 0.5), steps=2)
    assert "on noise" in plan["0.weight"].reason
    assert iw.verify(model, plan).ok


def test_a_tied_weight_has_one_scale_and_both_uses_count() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(12, 8)
            self.head = nn.Linear(8, 12, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: Tensor) -> Tensor:
            made: Tensor = self.head(self.embedding(ids))
            return made

    model = Tied()
    start = iw.plan(model, [iw.rule("embedding", weight=iw.Normal(std=1.0))])
    plan = iw.metainit(model, torch.arange(12).reshape(3, 4), start, steps=10)
    assert len(plan.rows) == 1
    assert factor(plan, "embedding.weight") < 0.95
    assert model.head.weight is model.embedding.weight


def test_attention_that_is_fused_is_differentiated_twice_all_the_same() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(8, 24)
            self.head = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.head(F.scaled_dot_product_attention(*self.project(x).chunk(3, -1)).mean(1))
            return made

    model = Attention()
    assert iw.verify(model, iw.metainit(model, torch.randn(4, 5, 8), normal(model, 0.5), steps=2)).ok


class Once(torch.autograd.Function):
    """A function with a first derivative only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class Through(nn.Module):
    def __init__(self, operation: Any) -> None:
        super().__init__()
        self.body, self.head, self.operation = nn.Linear(4, 4), nn.Linear(4, 3), operation

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.operation(self.body(x)))
        return made


def test_a_model_without_second_derivatives_is_named() -> None:
    model = Through(Once.apply)
    with pytest.raises(
        ArgumentError, match=r"cannot be differentiated twice, .*: Once is marked @once_differentiable.*iw\.lsuv"
    ):
        iw.metainit(model, None, normal(model, 0.5), steps=1)


def test_the_operation_without_a_second_derivative_is_named_where_torch_names_it() -> None:
    model = Through(lambda x: x / (1 + torch.cdist(x, x, p=3.0).mean()))
    with pytest.raises(ArgumentError, match=r"cannot be differentiated twice, .*_cdist_backward has no derivative"):
        iw.metainit(model, None, normal(model, 0.5), steps=1)


def test_a_quotient_that_is_not_finite_is_refused() -> None:
    model = mlp(8, 20, 3)
    with pytest.raises(ArgumentError, match=r"metainit: the (gradient quotient|loss) is (nan|inf) at step 0"):
        iw.metainit(model, None, normal(model, 40.0), steps=2)


def test_nothing_to_scale_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    plan = normal(model, 1.0)
    model.requires_grad_(requires_grad=False)
    with pytest.raises(ArgumentError, match=r"metainit: no layer to scale: '0\.weight': it is frozen"):
        iw.metainit(model, None, plan)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda out: out, r"metainit: the loss has shape \(5, 3\); it must be a scalar"),
        (lambda out: 1.0, r"metainit: the loss returned a float"),
        (lambda out: out.detach().sum(), r"metainit: the loss has no gradient"),
        (lambda out: out.sum() * float("nan"), r"metainit: the loss is nan at step 0"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss: Any, words: str) -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(ArgumentError, match=words):
        iw.metainit(model, torch.randn(5, 4), normal(model, 1.0), loss=loss, steps=1)


def test_wrong_arguments_are_told_together() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    words = r"steps is 0, .*learning_rate is -1, .*momentum is 1, and must be at least 0 and below 1"
    with pytest.raises(ArgumentError, match=words):
        iw.metainit(model, None, normal(model, 1.0), steps=0, learning_rate=-1, momentum=1)
    with pytest.raises(ArgumentTypeError, match=r"metainit: batches is 3 of type int; give one batch"):
        iw.metainit(model, 3, normal(model, 1.0))
    with pytest.raises(ArgumentError, match=r"metainit: batches is empty"):
        iw.metainit(model, [], normal(model, 1.0))


def test_a_model_of_unknown_inputs_asks_for_a_batch() -> None:
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            made: Tensor = self.layer(one + other)
            return made

    model = Picky()
    with pytest.raises(ArgumentError, match=r"batches is None, and nothing is known of what Picky takes; give a batch"):
        iw.metainit(model, None, normal(model, 1.0))
