from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import initwise as iw
from initwise.errors import ApplyError, ArgumentError

ORTHOGONAL = [iw.rule("*weight", iw.Orthogonal()), iw.rule("*bias", iw.Zeros())]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def plain(activation: type[nn.Module], depth: int = 12) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Conv2d(32 if index else 3, 32, 3, padding=1), activation()]
    return nn.Sequential(*layers)


def compiled(model: nn.Module) -> Any:
    return torch.compile(model, backend="eager")


def stds(model: nn.Module, *inputs: Tensor, kind: Any = (nn.Conv2d, nn.Linear)) -> list[float]:
    found: list[float] = []
    handles = [
        each.register_forward_hook(lambda *call: found.append(call[2].detach().std(correction=0).item()))
        for each in model.modules()
        if isinstance(each, kind)
    ]
    with torch.no_grad():
        model(*inputs)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh, nn.SiLU])
def test_one_step_a_layer_gives_unit_variance_that_holds_for_other_samples(activation: type[nn.Module]) -> None:
    model = plain(activation)
    plan = iw.lsuv(model, noise(32, 3, 8, 8), iw.plan(model, ORTHOGONAL), tolerance=0.01, iterations=1)
    assert plan.notes == ()
    assert stds(model, noise(32, 3, 8, 8)) == pytest.approx([1.0] * 12, abs=0.01)
    assert all(0.9 <= each <= 1.05 for each in stds(model, noise(64, 3, 8, 8, seed=1)))
    assert {row.proof for row in iw.verify(model, plan, exact="required").rows} == {"bit for bit"}


def test_the_plan_is_told_stored_and_carried_out_again() -> None:
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    before = iw.plan(model, ORTHOGONAL, seed=7)
    after = iw.lsuv(model, noise(100, 20), before)
    assert (before["0.weight"].initializer, after.seed) == (iw.Orthogonal(), 7)
    assert isinstance(after["0.weight"].initializer, iw.Scaled)
    assert "by lsuv: the std of its output was" in after.explain("2.weight")
    assert [row.status for row in iw.diff(before, after).rows] == ["law differs", "same", "law differs", "same"]
    again = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    iw.apply(again, iw.Plan.from_dict(json.loads(json.dumps(after.to_dict()))))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert iw.lsuv(again, noise(100, 20), after) == after  # what is calibrated stays


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.shared = nn.Linear(16, 16)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.5)
        self.unused = nn.Linear(3, 3)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.first(x))
        for _ in range(3):
            x = x + self.drop(torch.relu(self.shared(x)))
        out: Tensor = self.norm(x)
        return out


def test_shared_weights_count_once_and_everything_else_is_what_it_was() -> None:
    model = Residual().train()
    model.first.weight.grad = torch.ones(16, 16)
    state, buffers = torch.get_rng_state(), {name: each.clone() for name, each in model.named_buffers()}
    hooks = [len(each._forward_hooks) for each in model.modules()]
    before = iw.plan(model, [*ORTHOGONAL, iw.rule("norm.weight", iw.Ones())])
    plan = iw.lsuv(model, noise(200, 16), before, tolerance=0.01)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(each, buffers[name]) for name, each in model.named_buffers())
    assert [len(each._forward_hooks) for each in model.modules()] == hooks
    assert model.training
    assert model.drop.training
    assert bool((model.first.weight.grad == 1).all())
    found = stds(model.eval(), noise(200, 16), kind=nn.Linear)
    assert found[:2] == pytest.approx([1, 1], abs=0.01)
    assert found[3] > 1.2  # the third use sees a stream that has grown
    assert plan.notes == ("lsuv: 'unused.weight' is not scaled: no product or convolution of the passes takes it",)
    assert iw.verify(model, plan).ok


def test_recurrent_layers_and_zeros_are_left_alone_with_a_note() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.zero, self.head = nn.LSTM(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.lstm(x)[0]
            out: Tensor = self.head(y + self.zero(y))
            return out

    model = Model()
    rules: list[Any] = ["torch-default", iw.rule("zero", weight=iw.Zeros(), bias=iw.Zeros())]
    before = iw.plan(model, rules)
    plan = iw.lsuv(model, noise(5, 20, 8), before)
    assert [row.name for row in plan if row.initializer != before[row.name].initializer] == ["head.weight"]
    told = [note for note in plan.notes if note.startswith("lsuv")]
    assert [note.partition(":")[2].split("'")[1] for note in told] == [
        "lstm.weight_ih_l0",
        "lstm.weight_hh_l0",
        "zero.weight",
    ]


@pytest.mark.parametrize("wrap", [nn.Module.train, compiled, nn.DataParallel])
def test_wrapped_models_are_calibrated_as_the_model_in_them(wrap: Callable[[nn.Module], nn.Module]) -> None:
    one, other = plain(nn.ReLU, 3), plain(nn.ReLU, 3)
    plans = [iw.lsuv(each, noise(8, 3, 8, 8), iw.plan(each, ORTHOGONAL)) for each in (one, wrap(other))]
    assert plans[0] == plans[1]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_weights_behind_parametrizations_are_scaled_through_them() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(20, 30)), nn.Tanh(), nn.Linear(30, 5))
    plan = iw.lsuv(model, noise(200, 20), iw.plan(model, ORTHOGONAL), tolerance=0.01)
    assert stds(model, noise(200, 20)) == pytest.approx([1, 1], abs=0.01)
    assert iw.verify(model, plan).ok


def test_packed_weights_keep_the_laws_of_their_blocks() -> None:
    model = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    rules: list[Any] = [
        "torch-default",
        iw.rule("*.in_proj_weight", iw.PerBlock(v=iw.Orthogonal(), rest=iw.Normal(std=0.1))),
    ]
    plan = iw.lsuv(model, noise(8, 10, 16), iw.plan(model, rules), tolerance=0.01)
    assert {row.name for row in plan if isinstance(row.initializer, iw.Scaled)} == {
        "self_attn.in_proj_weight",
        "self_attn.out_proj.weight",
        "linear1.weight",
        "linear2.weight",
    }
    with torch.no_grad():
        packed = nn.functional.linear(noise(8, 10, 16), model.self_attn.in_proj_weight, model.self_attn.in_proj_bias)
    assert packed.std(correction=0).item() == pytest.approx(1, abs=0.01)
    assert iw.verify(model, plan).ok


def test_several_batches_count_together_and_labels_are_left_out() -> None:
    data = torch.utils.data.TensorDataset(noise(64, 20) * torch.arange(64)[:, None], torch.zeros(64))
    one, other = (nn.Linear(20, 5) for _ in range(2))
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    plans = [
        iw.lsuv(one, loader, iw.plan(one, ORTHOGONAL), tolerance=0.01),
        iw.lsuv(other, data.tensors[0], iw.plan(other, ORTHOGONAL), tolerance=0.01),
    ]
    factors = [plan["weight"].initializer.factors[0] for plan in plans]  # type: ignore[attr-defined]
    assert factors[0] == pytest.approx(factors[1], rel=1e-6)
    assert "64 samples in 4 batches" in plans[0]["weight"].reason


def test_layers_that_need_no_scaling_between_others_are_passed_over() -> None:
    model = nn.Sequential(*(nn.Linear(32, 32, bias=False) for _ in range(5)))
    gains = (3.0, 1.0, 1.0, 1.0, 5.0)
    laws = [iw.rule(f"{place}.weight", iw.Orthogonal(gain=gain)) for place, gain in enumerate(gains)]
    plan = iw.lsuv(model, noise(512, 32), iw.plan(model, laws))
    assert [isinstance(row.initializer, iw.Scaled) for row in plan] == [True, False, False, False, True]
    assert stds(model, noise(512, 32)) == pytest.approx([1.0] * 5, abs=0.1)


def test_the_mean_moves_into_the_bias_where_asked() -> None:
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    before = iw.plan(model, ["kaiming", iw.rule("*.bias", iw.Uniform(-1, 1))])
    plan = iw.lsuv(model, noise(300, 20), before, mean=True, tolerance=0.02)
    assert plan.notes == ()
    found: list[Tensor] = []
    for layer in (model[0], model[2]):
        layer.register_forward_hook(lambda *call: found.append(call[2].detach()))
    model(noise(300, 20))
    assert [each.mean().item() for each in found] == pytest.approx([0, 0], abs=0.02)
    assert [each.std(correction=0).item() for each in found] == pytest.approx([1, 1], abs=0.02)
    assert iw.verify(model, plan, exact="required").ok


def test_a_layer_without_variance_is_named_and_the_model_stays_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    rules = [iw.rule("*.weight", iw.Orthogonal()), iw.rule("*.bias", iw.Zeros()), iw.rule("0.bias", iw.Constant(-100))]
    before = [each.detach().clone() for each in model.parameters()]
    with pytest.raises(ArgumentError, match=re.escape("lsuv: the std of the output of '2.weight' is 0")):
        iw.lsuv(model, noise(10, 20), iw.plan(model, rules))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    large = iw.plan(model, [iw.rule("*.weight", iw.Normal(std=1e36)), iw.rule("*.bias", iw.Zeros())])
    with pytest.raises(ArgumentError, match=r"the std of the output of '0.weight' is (nan|inf): it is not finite"):
        iw.lsuv(model, noise(10, 20) * 1e3, large)


@pytest.mark.parametrize(
    ("batches", "arguments", "said"),
    [
        ([], {}, "lsuv: batches is empty"),
        (3, {}, "lsuv: batches is 3 of type int"),
        (noise(4, 7), {}, "linear in '0' raised RuntimeError with 4x7 float32"),
        (noise(4, 20) * float("nan"), {}, "batch 0 holds NaN or infinities"),
        (noise(4, 20), {"tolerance": 0.0}, "tolerance is 0.0, and must be between 0 and 1"),
        (noise(4, 20), {"iterations": 0}, "iterations is 0, and must be at least 1"),
    ],
)
def test_arguments_that_cannot_be_are_refused(batches: Any, arguments: Any, said: str) -> None:
    model = nn.Sequential(nn.Linear(20, 30))
    with pytest.raises(ArgumentError, match=re.escape(said)):
        iw.lsuv(model, batches, iw.plan(model, ORTHOGONAL), **arguments)


def test_a_plan_for_another_model_is_refused() -> None:
    model = nn.Linear(4, 4)
    with pytest.raises(ApplyError, match="weight"):
        iw.lsuv(model, noise(4, 4), iw.plan(nn.Linear(4, 5), ORTHOGONAL))
    with pytest.raises(ArgumentError, match="on the meta device"):
        iw.lsuv(nn.Linear(4, 4, device="meta"), noise(4, 4), iw.plan(model, ORTHOGONAL))
    with pytest.raises(ArgumentError, match="lsuv: plan is 'xavier'"):
        iw.lsuv(model, noise(4, 4), "xavier")  # type: ignore[arg-type]
