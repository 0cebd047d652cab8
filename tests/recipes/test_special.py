"""SIREN, agents and adapters start as their papers say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ArgumentError
from initwise.model import read
from initwise.recipes import RECIPES


def _std(plan: iw.Plan, name: str) -> float:
    law = plan[name].law
    assert law is not None
    return law.std


class _Siren(nn.Module):
    def __init__(self, width: int, hidden: int, *, bias: bool, omega: float = 30.0) -> None:
        super().__init__()
        sizes = [2, *[width] * (hidden + 1), 3]
        self.omega = omega
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs, bias=bias) for inputs, outputs in pairwise(sizes))

    def forward(self, x: Tensor) -> tuple[Tensor, list[float]]:
        stds = []
        for layer in self.layers[:-1]:
            x = self.omega * layer(x)
            stds.append(float(x.std()))
            x = torch.sin(x)
        return self.layers[-1](x), stds


@pytest.mark.parametrize("omega", [30.0, 10.0])
def test_siren_has_the_bounds_of_its_paper(omega: float) -> None:
    recipe = RECIPES["siren"] if omega == 30 else iw.recipes.siren(omega=omega)
    plan = iw.plan(_Siren(64, 2, bias=True), recipe)
    bounds = {row.name: row.law.support[1] for row in plan if row.law is not None}
    hidden = math.sqrt(6 / 64) / omega
    assert bounds == pytest.approx(
        {
            "layers.0.weight": 1 / 2,
            "layers.0.bias": 1 / math.sqrt(2),
            **{f"layers.{index}.weight": hidden for index in (1, 2, 3)},
            **{f"layers.{index}.bias": 1 / 8 for index in (1, 2, 3)},
        }
    )


@pytest.mark.parametrize("omega", [30.0, 12.0])
def test_the_preactivations_of_a_siren_tend_to_the_fixed_point(omega: float) -> None:
    model = _Siren(512, 8, bias=False, omega=omega)
    iw.apply(model, iw.plan(model, iw.recipes.siren(omega=omega), seed=0))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        _, stds = model(torch.rand(2048, 2, generator=generator) * 2 - 1)
    assert stds[1:] == pytest.approx([0.8926] * 8, rel=0.12)  # the first of them still remembers its input
    assert sum(stds[4:]) / 5 == pytest.approx(0.8926, rel=0.03)


def test_the_first_layer_of_a_siren_is_the_one_that_reads_the_input() -> None:
    model = nn.ModuleDict({"head": nn.Linear(8, 3), "entry": nn.Linear(2, 8)})
    reading = read(model)
    recipe = iw.recipes.siren()
    registered = recipe.decide(reading)(reading["head.weight"])
    assert registered is not None
    assert registered[0] == iw.Uniform(-1 / 8, 1 / 8)
    traced = replace(
        reading,
        parameters=tuple(
            replace(each, usage=replace(each.usage, source="trace", follows="input"))
            if each.name == "entry.weight" and each.usage is not None
            else each
            for each in reading.parameters
        ),
    )
    decide = recipe.decide(traced)
    entry, head = decide(traced["entry.weight"]), decide(traced["head.weight"])
    assert entry is not None
    assert head is not None
    assert entry[0] == iw.Uniform(-1 / 2, 1 / 2)
    assert isinstance(head[0], iw.VarianceScaling)


def test_siren_says_that_it_wants_sines() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    told = iw.recipes.siren().warnings(read(model))
    assert told == (
        "siren: the model has ReLU; these bounds hold where every hidden layer computes sin(30 (W x + b))",
        "siren: '0.weight' is taken for the first layer because it was registered first; give inputs=, so that a "
        "forward pass shows which layer reads the input",
    )
    assert told[0] in iw.plan(model, "siren").notes


class _HeadFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.entry = nn.Linear(8, 3), nn.Linear(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(torch.sin(30 * self.entry(x)))
        return found


def test_a_forward_pass_shows_the_first_layer_of_a_siren() -> None:
    plan = iw.plan(_HeadFirst(), "siren", inputs=(torch.zeros(5, 2),))
    assert plan["entry.weight"].initializer == iw.Uniform(-1 / 2, 1 / 2)
    assert isinstance(plan["head.weight"].initializer, iw.VarianceScaling)
    assert not any(note.startswith("siren") for note in plan.notes)


@pytest.mark.parametrize(("omega", "message"), [(0, "must be positive"), (-1.0, "must be positive"), ("30", "number")])
def test_a_siren_needs_a_positive_omega(omega: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=rf"siren: omega is .*{message}"):
        iw.recipes.siren(omega=omega)


def _mlp(outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


class _SeparateNetworks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.critic, self.actor_mean = _mlp(1), _mlp(4)
        self.actor_logstd = nn.Parameter(torch.ones(1, 4))


class _SharedTrunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 400, 64))
        self.lstm = nn.LSTM(64, 64)
        self.actor, self.critic = nn.Linear(64, 4), nn.Linear(64, 1)


class _Extractor(nn.Module):
    """An agent whose networks and heads have nearly the same names, within a module called policy."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = nn.Module()
        self.policy.mlp_extractor = nn.ModuleDict({"policy_net": _mlp(64), "value_net": _mlp(64)})
        self.policy.action_net, self.policy.value_net = nn.Linear(64, 4), nn.Linear(64, 1)
        self.policy.log_std = nn.Parameter(torch.ones(4))


HEADS: dict[Callable[[], nn.Module], tuple[str, str]] = {
    _SeparateNetworks: ("actor_mean.4.weight", "critic.4.weight"),
    _SharedTrunk: ("actor.weight", "critic.weight"),
    _Extractor: ("policy.action_net.weight", "policy.value_net.weight"),
}


@pytest.mark.parametrize("build", HEADS)
def test_an_agent_is_orthogonal_with_gains_by_layer(build: Callable[[], nn.Module]) -> None:
    plan = iw.plan(build(), "rl")
    gains = {row.name: row.initializer.gain for row in plan if isinstance(row.initializer, iw.Orthogonal)}
    policy, value = HEADS[build]
    recurrent = {name: 1.0 for name in ("lstm.weight_ih_l0", "lstm.weight_hh_l0") if name in plan}
    special = {policy: 0.01, value: 1.0, **recurrent}
    assert gains == {**dict.fromkeys(gains, math.sqrt(2)), **special}
    assert len(gains) > len(special)
    assert all(row.initializer == iw.Zeros() for row in plan if row.name not in gains)


def test_the_heads_of_an_agent_can_be_named() -> None:
    model = nn.ModuleDict({"trunk": _mlp(64), "first": _mlp(4), "second": nn.Linear(64, 1)})
    plan = iw.plan(model, iw.recipes.rl(policy="first", value="second.weight"))
    assert plan["first.4.weight"].initializer == iw.Orthogonal(gain=0.01)
    assert plan["first.0.weight"].initializer == iw.Orthogonal(gain=math.sqrt(2))
    assert plan["second.weight"].initializer == iw.Orthogonal()
    alone = iw.plan(model, iw.recipes.rl(policy=None, value="second"))
    assert alone["first.4.weight"].initializer == iw.Orthogonal(gain=math.sqrt(2))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            RECIPES["rl"],
            r'value head has none of the usual names.*rl\(value="\.\.\."\).*are \'pi\', \'other\'',
        ),
        (
            iw.recipes.rl(value="nothing"),
            r"value=Name\('nothing'\) matches no layer with a weight; the layers",
        ),
        (iw.recipes.rl(policy="pi", value="pi"), r"'pi.weight' would be both the policy's head and the value's"),
    ],
)
def test_an_agent_whose_heads_cannot_be_told_is_an_error_that_says_what_to_give(recipe: Any, message: str) -> None:
    model = nn.ModuleDict({"pi": nn.Linear(4, 2), "other": nn.Linear(4, 1)})
    with pytest.raises(iw.PlanError, match=message):
        iw.plan(model, recipe)


def test_a_value_projection_of_attention_is_no_value_head() -> None:
    attention = nn.ModuleDict({name: nn.Linear(4, 4) for name in "qkv"})
    model = nn.ModuleDict({"attention": attention, "actor": nn.Linear(4, 2)})
    with pytest.raises(iw.PlanError, match="the value head has none of the usual names"):
        iw.plan(model, "rl")


def test_a_selector_of_a_head_that_means_nothing_is_refused_at_once() -> None:
    with pytest.raises(ArgumentError, match="rl: policy: "):
        iw.recipes.rl(policy=3)


def _entropy_deficit(*rules: iw.Rule) -> float:
    policy = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Tanh(), nn.Linear(64, 4, bias=False))
    agent = nn.ModuleDict({"pi": policy, "v": nn.Linear(64, 1)})
    iw.apply(agent, iw.plan(agent, ["rl", *rules], seed=0))
    states = torch.randn(8192, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return math.log(4) - float(torch.distributions.Categorical(logits=policy(states)).entropy().mean())


def test_a_small_policy_head_starts_from_the_uniform_policy() -> None:
    assert _entropy_deficit() == pytest.approx(1.7e-5, rel=0.3)
    assert _entropy_deficit(iw.rule("pi.2.weight", iw.Orthogonal())) == pytest.approx(0.147, rel=0.3)


class _Adapter(nn.Module):
    """An adapter as peft builds it: dictionaries of layers, by the adapter's name, beside the base layer."""

    def __init__(self, base: nn.Module, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.base_layer = base.requires_grad_(False)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(inputs, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, outputs)})
        self.lora_embedding_A, self.lora_embedding_B = nn.ParameterDict(), nn.ParameterDict()

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.lora_B["default"](self.lora_A["default"](x))
        base: Tensor = self.base_layer(x)
        return base + change


class _EmbeddingAdapter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base_layer = nn.Embedding(50, 16).requires_grad_(False)
        self.lora_embedding_A = nn.ParameterDict({"default": nn.Parameter(torch.ones(4, 50))})
        self.lora_embedding_B = nn.ParameterDict({"default": nn.Parameter(torch.ones(16, 4))})


class _BareEmbedding(nn.Embedding):
    def __init__(self) -> None:
        super().__init__(50, 16)
        self.lora_A, self.lora_B = nn.Parameter(torch.ones(4, 50)), nn.Parameter(torch.ones(16, 4))


class _Bare(nn.Linear):
    def __init__(self, *, transposed: bool = False) -> None:
        super().__init__(100, 25)
        down, up = (torch.ones(100, 4), torch.ones(4, 25)) if transposed else (torch.ones(4, 100), torch.ones(25, 4))
        self.lora_A, self.lora_B = nn.Parameter(down), nn.Parameter(up)


def test_an_adapter_changes_nothing_yet_and_the_base_is_left_alone() -> None:
    model = _Adapter(nn.Linear(100, 25), 100, 25, 4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    iw.initialize(model, "lora", seed=0)
    x = torch.randn(7, 100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(x), model.base_layer(x))
    after = model.state_dict()
    assert {name for name in after if not torch.equal(before[name], after[name])} == {
        "lora_A.default.weight",
        "lora_B.default.weight",
        "lora_B.default.bias",
    }
    plan = iw.plan(model, "lora")
    assert plan["lora_A.default.weight"].law is not None
    assert plan["lora_A.default.weight"].law.support == pytest.approx((-0.1, 0.1))


@pytest.mark.parametrize("transposed", [False, True])
def test_bare_matrices_of_an_adapter_are_read_in_either_layout(transposed: bool) -> None:
    plan = iw.plan(_Bare(transposed=transposed), "lora")
    assert plan["lora_A"].initializer == iw.Uniform(-0.1, 0.1)
    assert plan["lora_B"].initializer == iw.Zeros()
    assert plan["weight"].initializer == plan["bias"].initializer == iw.Keep()
    assert plan["weight"].reason == "not an adapter's matrix: LoRA starts from the weights that are there"


@pytest.mark.parametrize(
    ("build", "down", "up"),
    [
        (_EmbeddingAdapter, "lora_embedding_A.default", "lora_embedding_B.default"),
        (_BareEmbedding, "lora_A", "lora_B"),
    ],
)
def test_adapters_of_embeddings_are_the_other_way_round(build: Callable[[], nn.Module], down: str, up: str) -> None:
    plan = iw.plan(build(), "lora")
    assert plan[down].initializer == iw.Zeros()
    assert plan[up].initializer == iw.Normal()


def test_a_model_without_adapters_is_an_error() -> None:
    with pytest.raises(iw.PlanError, match="recipe 'lora': the model has no adapter: no parameter lies under a lora_A"):
        iw.plan(nn.Linear(3, 4), "lora")


def test_a_convolutions_adapter_has_its_fans() -> None:
    model = nn.ModuleDict({"lora_A": nn.Conv2d(4, 2, 5, bias=False), "lora_B": nn.Conv2d(2, 8, 1, bias=False)})
    assert _std(iw.plan(model, "lora"), "lora_A.weight") == pytest.approx(1 / math.sqrt(3 * 100))
