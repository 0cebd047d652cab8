"""`gradinit`: the first step of training does better, within its bound, and the plan holds what was found."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from torch import Tensor, nn

import initwise as iw
from initwise.calibration._calls import as_calls
from initwise.calibration._together import Together
from initwise.errors import ArgumentError


def data(count: int = 128) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, 16, generator=torch.Generator().manual_seed(0))
    return x, (x[:, :4] + x[:, 4:8]).argmax(1)


def mlp(depth: int = 4) -> nn.Sequential:
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(16, 4))


def normal(model: nn.Module, std: float) -> iw.Plan:
    return iw.plan(model, [iw.rule(nn.Linear, weight=iw.Normal(std=std), bias=iw.Zeros())], seed=1)


def after_a_step(model: nn.Module, plan: iw.Plan, optimizer: Any) -> float:
    """The loss after one step of a real optimizer."""
    stepped, (x, y) = copy.deepcopy(model), data()
    iw.apply(stepped, plan)
    step = optimizer(stepped.parameters())
    F.cross_entropy(stepped(x), y).backward()
    step.step()
    return float(F.cross_entropy(stepped(x), y).detach())


def norm(model: nn.Module, plan: iw.Plan, power: int) -> float:
    made, (x, y) = copy.deepcopy(model), data()
    iw.apply(made, plan)
    gradients = torch.autograd.grad(F.cross_entropy(made(x), y), list(made.parameters()))
    return float(torch.cat([each.flatten() for each in gradients]).norm(power))


@pytest.mark.parametrize(("std", "eta"), [(0.15, 0.5), (0.7, 0.1)])
def test_the_loss_after_a_real_step_of_sgd_is_lower_and_the_gradient_within_its_bound(std: float, eta: float) -> None:
    model = mlp()
    start = normal(model, std)
    plan = iw.gradinit(model, data(), start, steps=60, learning_rate=0.05, eta=eta)
    before, after = (after_a_step(model, each, lambda held: torch.optim.SGD(held, lr=eta)) for each in (start, plan))
    assert after < before - 0.1
    assert norm(model, plan, 2) < 1.2
    told = plan["0.weight"].reason
    assert f"the loss after a step of SGD was {before:.3g}"[:-1] in told
    assert f"and is {after:.3g}"[:-1] in told


def test_the_loss_after_a_real_step_of_adam_is_lower() -> None:
    model = mlp()
    start = normal(model, 0.7)
    plan = iw.gradinit(model, data(), start, optimizer="adam", steps=60, learning_rate=0.05, eta=0.01, bound=20.0)
    before, after = (after_a_step(model, each, lambda held: torch.optim.Adam(held, lr=0.01)) for each in (start, plan))
    assert after < before - 0.3
    assert norm(model, plan, 1) < 24 < norm(model, start, 1)
    words = plan["0.weight"].reason.partition("the loss after a step of Adam was ")[2].replace(",", "").split()
    assert (float(words[0]), float(words[3])) == pytest.approx((before, after), rel=0.01)


@pytest.mark.parametrize(("optimizer", "power"), [("sgd", 2), ("adam", 1)])
def test_a_bound_that_is_not_reached_is_told(optimizer: Any, power: int) -> None:
    model = mlp()
    plan = iw.gradinit(model, data(), normal(model, 1.0), optimizer=optimizer, steps=2)
    told = plan["0.weight"].reason.partition("and the norm of the gradient ")[2].partition(",")[0]
    assert float(told) == pytest.approx(norm(model, plan, power), rel=1e-3)
    assert ", above its bound 1, 2 steps on 1 batch" in plan["0.weight"].reason


def test_gains_of_norms_are_scaled_biases_of_zero_are_not_and_the_model_holds_the_plan() -> None:
    model = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    start = iw.plan(model, "kaiming")
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    plan = iw.gradinit(model, data(), start, steps=5)
    assert torch.equal(torch.randn(3), expected)
    assert iw.verify(model, plan).ok
    changed = [row.name for row in plan if row != start[row.name]]
    assert changed == ["0.weight", "1.weight", "3.weight"]
    assert iw.Plan.from_dict(plan.to_dict()) == plan
    assert model.state_dict()["1.num_batches_tracked"] == 0
    assert all(each.grad is None for each in model.parameters())


def test_a_loss_of_the_users_takes_what_the_model_does_not() -> None:
    model, (x, y) = mlp(2), data()
    wanted = F.one_hot(y, 4).float()
    seen: list[Tensor] = []

    def loss(out: Tensor, target: Tensor) -> Tensor:
        seen.append(target)
        return F.mse_loss(out, target)

    by_loss = iw.gradinit(model, [[x, wanted]], normal(model, 0.5), loss=loss, steps=3)
    by_form = iw.gradinit(model, (x, wanted), normal(model, 0.5), steps=3)
    assert by_loss == by_form
    assert torch.equal(seen[0], wanted)


def test_labels_of_no_known_form_ask_for_a_loss() -> None:
    model, (x, y) = mlp(2), data()
    with pytest.raises(
        ArgumentError, match=r"gradinit: the batches have labels, and which loss takes them .*give loss="
    ):
        iw.gradinit(model, (x, torch.stack([y, y])), normal(model, 0.5))


def test_a_step_is_judged_by_a_batch_of_which_half_is_new() -> None:
    batches = [(torch.full((4, 16), value), torch.full((4,), int(value))) for value in (1.0, 2.0)]
    call = as_calls(Together("gradinit"), batches, mlp(), 4).after(0)
    assert call.example.args[0][:, 0].tolist() == [1, 1, 2, 2]
    assert call.targets[0].tolist() == [1, 1, 2, 2]


def test_scales_stay_above_the_least() -> None:
    model = mlp(2)
    plan = iw.gradinit(model, data(), normal(model, 2.0), steps=40, learning_rate=0.5, bound=1e-6)
    factors = [row.initializer.factors[0] for row in plan if isinstance(row.initializer, iw.Scaled)]
    assert len(factors) == 2
    assert min(factors) == 0.01


def test_without_batches_it_learns_on_noise() -> None:
    model = mlp(2)
    assert "3 steps on noise" in iw.gradinit(model, None, normal(model, 1.0), steps=3)["0.weight"].reason


def test_wrong_arguments_and_numbers_that_are_not_finite_are_named() -> None:
    model = mlp()
    with pytest.raises(ArgumentError, match=r"gradinit: optimizer is 'adan', .*did you mean 'adam'\?; .*bound is 0"):
        iw.gradinit(model, data(), normal(model, 1.0), optimizer="adan", bound=0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"gradinit: the loss is (nan|inf) at step 0; start from smaller weights"):
        iw.gradinit(model, data(), normal(model, 1e12), steps=1)
    with pytest.raises(ArgumentError, match=r"gradinit: the norm of the gradient is not finite at step 0; start"):
        iw.gradinit(model, data(), normal(model, 1.0), steps=1, loss=lambda out, y: (out - out).sum().sqrt())
    with pytest.raises(ArgumentError, match=r"gradinit: no layer to scale: '0\.weight': its law is zero"):
        iw.gradinit(model, data(), iw.plan(model, [iw.rule(nn.Linear, weight=iw.Zeros(), bias=iw.Zeros())]))
