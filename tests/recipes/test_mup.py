"""Maximal updates: laws and factors by base shapes as Tables 3 and 8 of Tensor Programs V say, and what they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.axes import Blocks
from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.initializers import Initializer, Target
from initwise.model import Usage, read
from initwise.recipes import Multiplier, Recipe
from initwise.recipes.parametrization._rescaled import rescaled

mup = iw.recipes.mup


class _Mlp(nn.Module):
    def __init__(self, width: int, inputs: int = 8, outputs: int = 3, *, bias: bool = True) -> None:
        super().__init__()
        sizes = [inputs, width, width, width]
        self.layers = nn.ModuleList(nn.Linear(one, two, bias=bias) for one, two in pairwise(sizes))
        self.head = nn.Linear(width, outputs, bias=bias)
        self.scale = 1.0  # the readout's multiplier

    def activations(self, x: Tensor) -> list[Tensor]:
        found = []
        for layer in self.layers:
            x = torch.relu(layer(x))
            found.append(x)
        product = self.scale * nn.functional.linear(x, self.head.weight)
        return [*found, product if len(list(self.head.parameters())) == 1 else product + self.head.bias]


def _stds(plan: iw.Plan) -> dict[str, float]:
    return {row.name: row.law.std for row in plan if row.law is not None and row.law.std > 0}


def _factors(plan: iw.Plan, kind: str) -> dict[str, float]:
    return {each.target: each.value for each in plan.multipliers if each.kind == kind}


def test_an_mlp_follows_table_8() -> None:
    plan = iw.plan(_Mlp(256), mup(_Mlp(64)))
    assert _stds(plan) == pytest.approx(
        {
            "layers.0.weight": 1 / math.sqrt(8),
            "layers.1.weight": 1 / math.sqrt(256),
            "layers.2.weight": 1 / math.sqrt(256),
            "head.weight": 1 / math.sqrt(64),
        }
    )
    assert _factors(plan, "learning_rate") == {"layers.1.weight": 1 / 4, "layers.2.weight": 1 / 4}
    assert _factors(plan, "weight_decay") == {"layers.1.weight": 4, "layers.2.weight": 4}
    assert _factors(plan, "output") == {"head": 1 / 4}
    assert plan.notes == (
        "mup: the forward pass must multiply the product of 'head' by the factors in plan.multipliers (kind 'output'), "
        "which an initialization cannot; or use readout='weights'",
    )
    assert "; muP hidden, 4 times the base's fan_in: its std / sqrt(4)" in plan["layers.1.weight"].reason
    assert "; muP output: as the base's" in plan["head.weight"].reason


def test_sgd_scales_learning_rates_in_its_own_way() -> None:
    plan = iw.plan(_Mlp(256), mup(_Mlp(64), optimizer="sgd"))
    wide = {f"layers.{index}.bias": 4.0 for index in range(3)}
    assert _factors(plan, "learning_rate") == {**wide, "layers.0.weight": 4.0, "head.weight": 4.0}
    assert _factors(plan, "weight_decay") == {**dict.fromkeys(wide, 0.25), "layers.0.weight": 0.25, "head.weight": 0.25}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_readout_can_scale_by_its_weights_instead(optimizer: Any) -> None:
    plan = iw.plan(_Mlp(256), mup(_Mlp(64), optimizer=optimizer, readout="weights"))
    assert _stds(plan)["head.weight"] == pytest.approx(1 / math.sqrt(64) / 4)
    assert _factors(plan, "learning_rate")["head.weight"] == 1 / 4
    assert _factors(plan, "output") == {}
    assert plan.notes == ()


def test_a_rectangular_growth_goes_by_the_fan_in() -> None:
    def build(width: int, middle: int) -> nn.Module:
        return nn.Sequential(nn.Linear(8, width), nn.Linear(width, middle), nn.Linear(middle, width))

    plan = iw.plan(build(64, 240), mup(build(32, 80), optimizer="sgd"))
    assert _stds(plan) == pytest.approx({"0.weight": 1 / math.sqrt(8), "1.weight": 1 / 8, "2.weight": 240**-0.5})
    rates = _factors(plan, "learning_rate")
    assert (rates["1.weight"], rates["2.weight"]) == pytest.approx((3 / 2, 2 / 3))


RULES: tuple[Any, ...] = (
    None,
    "gpt2",
    "xavier",
    "torch-default",
    "keras-default",
    "flax-default",
    iw.Normal(std=0.02),
    iw.Orthogonal(gain=1.5),
    iw.TruncatedNormal(std=0.02),
    iw.XavierUniform(),
    iw.LecunUniform(),
)


@pytest.mark.parametrize("rules", RULES, ids=repr)
@pytest.mark.parametrize("build", [_Mlp, lambda width: nn.Sequential(nn.Linear(8, width), nn.LSTM(width, width))])
def test_any_rules_are_carried_to_the_width(build: Callable[[int], nn.Module], rules: Any) -> None:
    base, plan = iw.plan(build(32), mup(build(32), rules=rules)), iw.plan(build(128), mup(build(32), rules=rules))
    small, large = _stds(base), _stds(plan)
    assert small.keys() == large.keys()
    hidden = {name for name in small if "weight" in name and name not in {"layers.0.weight", "0.weight", "head.weight"}}
    assert hidden
    assert large == pytest.approx({name: std / (2 if name in hidden else 1) for name, std in small.items()})


@pytest.mark.parametrize("rules", RULES, ids=repr)
def test_at_the_bases_width_the_rules_are_as_they_are(rules: Any) -> None:
    recipe = mup(_Mlp(64), _Mlp(128), rules=rules)
    plan = iw.plan(_Mlp(64), recipe)
    own = iw.LecunNormal() if rules is None else rules
    selected = [iw.rule("*weight", own), iw.rule("*bias", iw.Zeros())] if isinstance(own, Initializer) else own
    assert {row.name: row.initializer for row in plan} == {
        row.name: row.initializer for row in iw.plan(_Mlp(64), selected)
    }
    assert not plan.multipliers
    assert not plan.notes


def _gpt2(width: int, **changes: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_layer=2, n_embd=width, n_head=2, vocab_size=99, n_positions=32, **changes)
        )


def test_a_tied_gpt2_keeps_its_embedding_and_scales_its_head() -> None:
    plan = iw.plan(_gpt2(64), mup(_gpt2(16), rules="gpt2"))
    stds = _stds(plan)
    assert stds["transformer.wte.weight"] == stds["transformer.wpe.weight"] == pytest.approx(0.02)
    assert stds["transformer.h.0.attn.c_attn.weight"] == pytest.approx(0.02 / 2)
    assert stds["transformer.h.1.mlp.c_proj.weight"] == pytest.approx(0.02 / math.sqrt(2 * 2) / 2)
    hidden = {
        f"transformer.h.{block}.{name}.weight"
        for block in range(2)
        for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    assert _factors(plan, "learning_rate") == dict.fromkeys(hidden, 0.25)
    assert _factors(plan, "output") == {"lm_head": 0.25}
    assert _factors(plan, "attention") == {f"transformer.h.{block}.attn": math.sqrt(8 / 32) for block in range(2)}
    told = "\n".join(plan.notes)
    assert "mup: 'transformer.wte.weight' is an embedding and a readout at once" in told
    assert "head sizes differ from the base's in 'transformer.h.0.attn', 'transformer.h.1.attn': divide" in told


@pytest.mark.parametrize("options", [{"readout": "weights"}, {"zero_readout": True}])
def test_a_tied_readout_cannot_be_scaled_by_its_weights(options: Any) -> None:
    with pytest.raises(iw.PlanError, match=r"'transformer.wte.weight' is an embedding and a readout at once.*untie"):
        iw.plan(_gpt2(64), mup(_gpt2(16), **options))


def _llama(width: int, heads: int = 4) -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=heads, vocab_size=99,
        num_key_value_heads=heads // 2,
    )  # fmt: skip
    with torch.device("meta"):
        return transformers.LlamaForCausalLM(config)


def test_an_untied_llama_follows_table_8() -> None:
    plan = iw.plan(_llama(128), mup(_llama(32), zero_query=True))
    stds = _stds(plan)
    assert stds["model.embed_tokens.weight"] == 1
    assert stds["model.layers.0.self_attn.k_proj.weight"] == pytest.approx(1 / math.sqrt(128))
    assert stds["model.layers.1.mlp.down_proj.weight"] == pytest.approx(1 / math.sqrt(256))
    assert stds["lm_head.weight"] == pytest.approx(1 / math.sqrt(32))
    assert plan["model.layers.0.self_attn.q_proj.weight"].initializer == iw.Zeros()
    rates = _factors(plan, "learning_rate")
    assert set(rates.values()) == {0.25}
    assert set(rates) == {row.name for row in plan if len(row.shape) == 2 and row.name.startswith("model.layers")}
    assert _factors(plan, "output") == {"lm_head": 0.25}
    assert _factors(plan, "attention") == {f"model.layers.{layer}.self_attn": 0.5 for layer in range(2)}


def test_more_heads_of_the_same_size_change_no_logits() -> None:
    plan = iw.plan(_llama(128, heads=16), mup(_llama(32, heads=4)))
    assert _factors(plan, "attention") == {}
    assert not any("head size" in note for note in plan.notes)


def test_a_packed_query_starts_at_zero_and_key_and_value_do_not() -> None:
    def build(width: int) -> nn.Module:
        return nn.ModuleDict({"attention": nn.MultiheadAttention(width, 2), "head": nn.Linear(width, 5)})

    plan = iw.plan(build(64), mup(build(16), zero_query=True, zero_readout=True))
    parts = {part.label: part.law.std for part in plan["attention.in_proj_weight"].parts if part.law is not None}
    assert parts == pytest.approx({"q": 0, "k": 1 / 8, "v": 1 / 8})
    assert plan["head.weight"].initializer == iw.Zeros()
    assert _factors(plan, "attention") == {"attention": 0.5}
    with pytest.raises(iw.PlanError, match="zero_query: no query projection is found"):
        iw.plan(_Mlp(64), mup(_Mlp(16), zero_query=True))


class _Fused(nn.Module):
    """Attention whose packed projection is a bare parameter, of which only a forward pass tells the use."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Parameter(torch.ones(width, 3 * width))


def test_what_a_forward_pass_of_the_model_shows_holds_for_its_base() -> None:
    blocks = Blocks(axis=1, names=("q", "k", "v"), sizes=(64, 64, 64))
    usage = Usage("matmul", "weight", iw.Axes(fan_in=(0,), fan_out=(1,)), blocks, source="trace")
    reading = read(_Fused(64))
    traced = replace(reading, parameters=(replace(reading["qkv"], usage=usage),))
    decided = mup(_Fused(16), zero_query=True, rules=iw.XavierNormal()).decide(traced)(traced["qkv"])
    assert decided is not None
    assert decided[0] == iw.PerBlock(q=iw.Zeros(), rest=iw.XavierNormal())
    (rate, decay) = mup(_Fused(16)).multipliers(traced)
    assert (rate.target, rate.value, decay.value) == ("qkv", 0.25, 4.0)


def test_convolutions_are_hidden_by_their_channels_and_depthwise_ones_are_vectors() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, width, 3, bias=False),
            nn.Conv2d(width, width, 3, groups=width, bias=False),
            nn.Conv2d(width, width, 3, groups=4, bias=False),
            nn.BatchNorm2d(width),
        )

    plan = iw.plan(build(32), mup(build(8), optimizer="sgd"))
    assert _stds(plan) == pytest.approx({"0.weight": 27**-0.5, "1.weight": 1 / 3, "2.weight": 72**-0.5})
    assert _factors(plan, "learning_rate") == dict.fromkeys(("0.weight", "1.weight", "3.weight", "3.bias"), 4.0)
    adam = iw.plan(build(32), mup(build(8)))
    assert _factors(adam, "learning_rate") == {"2.weight": 0.25}


def test_a_base_may_be_a_model_a_reading_or_shapes() -> None:
    small = _Mlp(16)
    shapes = {name: tuple(value.shape) for name, value in small.named_parameters()}
    with torch.device("meta"):
        meta = _Mlp(16)
    plans = [iw.plan(_Mlp(64), mup(base)) for base in (small, meta, read(small), shapes)]
    assert all(plan == plans[0] and plan.multipliers == plans[0].multipliers for plan in plans)
    assert all(plan.notes == plans[0].notes for plan in plans)


def test_a_delta_says_which_axes_are_widths() -> None:
    def build(width: int, middle: int) -> nn.Module:
        return nn.Sequential(nn.Linear(8, width), nn.Linear(width, middle), nn.Linear(middle, width))

    plan = iw.plan(build(64, 16), mup(build(32, 16), build(48, 16)))
    assert _factors(plan, "output") == {"1": 0.5}
    with pytest.raises(iw.PlanError, match=r"'1.weight' .*differs from base, \(16, 32\), in axis 0, and delta"):
        iw.plan(build(64, 32), mup(build(32, 16), build(48, 16)))


class _Extra(_Mlp):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.extra = nn.Linear(width, 2)


class _Bare(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.ones(width, width))


@pytest.mark.parametrize(
    ("model", "base", "message"),
    [
        (_Mlp(64), _Extra(16), r"base has a parameter 'extra\.weight' that the model does not have; .*architecture"),
        (_Extra(64), _Mlp(16), r"base has no parameter 'extra\.weight', which the model has; base has no parameter"),
        (
            nn.Conv1d(4, 8, 3),
            {"weight": (8, 4), "bias": (8,)},
            r"'weight' has shape \(8, 4, 3\) here and \(8, 4\) in base: other numbers of axes",
        ),
        (nn.Embedding(50, 8), nn.Embedding(20, 8), r"axis 0, which is looked up, stacked or a window and no width"),
        (nn.Conv1d(4, 8, 5), nn.Conv1d(4, 8, 3), r"in axis 2, which is looked up, stacked or a window and no width"),
        (_Bare(8), _Bare(4), r"in axis 0 and axis 1, and nothing tells which of them is contracted; plan with inputs="),
    ],
)
def test_a_base_of_another_architecture_is_an_error(model: nn.Module, base: Any, message: str) -> None:
    with pytest.raises(iw.PlanError, match=rf"recipe 'mup': .*{message}"):
        iw.plan(model, mup(base))


def test_a_base_that_is_not_narrower_is_told() -> None:
    same = iw.plan(_Mlp(64), mup(_Mlp(64)))
    assert same.notes == (
        "mup: the model differs from base in no axis: nothing is wide, and the base's rules hold as they are; "
        "give a narrower base",
    )
    (wider, _) = iw.plan(_Mlp(16), mup(_Mlp(64))).notes
    assert wider.startswith(
        "mup: base is wider than the model in 'layers.0.weight', 'layers.0.bias', 'layers.1.weight'"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mup(3), ArgumentTypeError, r"mup: base is 3 of type int; give the narrow model"),  # type: ignore[arg-type]
        (lambda: mup({"weight": 3}), ArgumentTypeError, r"base\['weight'\] is 3; give a tuple"),  # type: ignore[dict-item]
        (lambda: mup({}, "x"), ArgumentTypeError, r"mup: delta is 'x' of type str"),  # type: ignore[arg-type]
        (lambda: mup({}, optimizer="lion"), ArgumentError, r"optimizer is 'lion', .*'adam', 'sgd'"),  # type: ignore[arg-type]
        (lambda: mup({}, readout="none"), ArgumentError, r"readout is 'none', .*'multiplier', 'weights'"),  # type: ignore[arg-type]
        (lambda: mup({}, zero_query=1), ArgumentTypeError, r"zero_query is 1 of type int"),  # type: ignore[arg-type]
        (lambda: mup({}, rules="gtp2"), ArgumentError, r"recipe 'gtp2' is not known; did you mean 'gpt2'"),
        (lambda: mup({}, rules="gpt2"), ArgumentError, r"rules='gpt2' reads layers, and base is a mapping"),
        (lambda: mup({}, rules=3), ArgumentTypeError, r"mup: rules is 3; give a recipe"),  # type: ignore[arg-type]
        (lambda: mup({}, rules="mup"), ArgumentError, r"rules is mup itself"),
    ],
)
def test_wrong_arguments_are_refused_at_once(make: Callable[[], Recipe], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_the_name_alone_says_what_to_give() -> None:
    with pytest.raises(iw.PlanError, match=r"needs the shapes of a base model: .*iw.recipes.mup\(base=small_model\)"):
        iw.plan(_Mlp(16), "mup")


def test_a_law_without_a_scale_cannot_follow_the_width() -> None:
    with pytest.raises(iw.PlanError, match=r"Identity\(\) has no scale that could follow the width"):
        iw.plan(_Mlp(64), mup(_Mlp(16), rules=iw.Identity()))
    with pytest.raises(iw.PlanError, match=r"declares no law, so its std at the base's width is not known"):
        iw.plan(_Mlp(64), mup(_Mlp(16), rules=iw.Custom(lambda shape, fans, draw: draw.normal(shape))))


@pytest.mark.parametrize(
    "initializer",
    [iw.Normal(0.1, 0.3), iw.Uniform(-1, 3), iw.KaimingUniform(a=1.0), iw.Orthogonal(gain=2), iw.Sparse(0.5, std=2.0)],
    ids=repr,
)
def test_a_rescaled_law_is_the_law_of_the_scaled_values(initializer: Initializer) -> None:
    target = Target((12, 8), axes=iw.Axes(fan_in=(1,), fan_out=(0,)))
    before, after = initializer.law(target), rescaled(initializer, 0.25).law(target)
    assert before is not None
    assert after is not None
    assert (after.mean, after.std) == pytest.approx((before.mean / 4, before.std / 4))
    assert after.support == pytest.approx(tuple(end / 4 for end in before.support))


# ------------------------------------------------------------------------------------------------- the coordinate check

WIDTHS = (64, 128, 256, 512)
STEPS, RATE = 5, 2.0**-9


def _trained(width: int, recipe: Any, seed: int) -> list[float]:
    """The mean |change| of each layer's activations over five steps of Adam, and of the logits."""
    model = _Mlp(width, inputs=32, outputs=10, bias=False)
    plan = iw.plan(model, recipe, seed=seed)
    iw.apply(model, plan)
    model.scale = _one(plan.multipliers, "output")
    rates = {each.target: each.value for each in plan.multipliers if each.kind == "learning_rate"}
    groups = [{"params": [value], "lr": RATE * rates.get(name, 1.0)} for name, value in model.named_parameters()]
    adam = torch.optim.Adam(groups)
    generator = torch.Generator().manual_seed(1000 + seed)
    x = torch.randn(256, 32, generator=generator)
    labels = (x @ torch.randn(32, 10, generator=generator)).argmax(1)
    before = [each.detach() for each in model.activations(x)]
    for _ in range(STEPS):
        adam.zero_grad()
        nn.functional.cross_entropy(model.activations(x)[-1], labels).backward()
        adam.step()
    after = [each.detach() for each in model.activations(x)]
    return [float((one - two).abs().mean()) for one, two in zip(before, after, strict=True)]


def _one(multipliers: tuple[Multiplier, ...], kind: str) -> float:
    return math.prod(each.value for each in multipliers if each.kind == kind)


def _slopes(recipes: Mapping[int, Any]) -> list[float]:
    """The slope of log mean |change| over log width, for each layer."""
    changes = torch.tensor(
        [[_trained(width, recipes[width], seed) for seed in range(3)] for width in WIDTHS], dtype=torch.float64
    )
    logs, widths = changes.mean(1).log(), torch.tensor(WIDTHS, dtype=torch.float64).log()
    centred = widths - widths.mean()
    return [float((centred * (column - column.mean())).sum() / centred.square().sum()) for column in logs.T]


def test_activations_change_alike_at_all_widths_which_they_do_not_without() -> None:
    standard = _slopes({width: mup(_Mlp(width, 32, 10, bias=False)) for width in WIDTHS})
    maximal = _slopes({width: mup(_Mlp(64, 32, 10, bias=False)) for width in WIDTHS})
    by_weights = _slopes({width: mup(_Mlp(64, 32, 10, bias=False), readout="weights") for width in WIDTHS})
    assert standard[-1] > 0.5
    assert max(map(abs, maximal)) < 0.1
    assert by_weights == pytest.approx(maximal, abs=0.02)
