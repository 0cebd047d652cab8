"""A part of a model gets the decisions and the random numbers of the whole: stages, renamed and partial models."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw


class Net(nn.Module):
    """A stream of blocks between a table and a head that are tied."""

    def __init__(self, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        self.table = nn.Embedding(11, width, padding_idx=2)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens)
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        logits: Tensor = self.head(x)
        return logits


class Stage(nn.Module):
    """Some layers, counted from 0, and what else a stage holds."""

    def __init__(self, layers: list[nn.Module], **others: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        for name, module in others.items():
            self.add_module(name, module)


INPUTS = torch.zeros(2, 3, dtype=torch.long)
RULES: Any = ["auto", iw.rule("layers.3.weight", iw.Orthogonal(gain=0.5))]


def planned(model: nn.Module, rules: Any = RULES) -> iw.Plan:
    return iw.plan(model, rules, seed=4, inputs=INPUTS)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: each.detach() for name, each in model.named_parameters(remove_duplicate=False)}


@pytest.fixture
def whole() -> tuple[iw.Plan, dict[str, Tensor]]:
    """The plan of the whole model, and what one process makes of it."""
    model = Net()
    plan = planned(model)
    iw.apply(model, plan)
    return plan, weights(model)


def second_half() -> Stage:
    model = Net()
    return Stage([model.layers[2], model.layers[3]], head=nn.Linear(16, 11, bias=False))


MAPPINGS: dict[str, Any] = {
    "modules": {"layers.0": "layers.2", "layers.1": "layers.3"},
    "parameters": {
        f"layers.{here}.{kind}": f"layers.{here + 2}.{kind}" for here in (0, 1) for kind in ("weight", "bias")
    },
    "a function": lambda name: name.replace("layers.1.", "layers.3.").replace("layers.0.", "layers.2."),
    "the longest prefix": {"layers": "nowhere", "layers.0": "layers.2", "layers.1": "layers.3"},
}


@pytest.mark.parametrize("kind", MAPPINGS)
def test_a_stage_gets_the_weights_of_the_whole(kind: str, whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    stage = second_half()
    part = plan.part(stage, MAPPINGS[kind])
    assert [row.name for row in part] == [name for name, _ in stage.named_parameters()]
    iw.apply(stage, part)
    found = weights(stage)
    assert torch.equal(found["head.weight"], want["table.weight"])
    for here, there in ((0, 2), (1, 3)):
        assert torch.equal(found[f"layers.{here}.weight"], want[f"layers.{there}.weight"])
        assert torch.equal(found[f"layers.{here}.bias"], want[f"layers.{there}.bias"])
    assert iw.verify(stage, part, exact="required").ok


def test_apply_and_verify_take_names_themselves(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    stage, names = second_half(), MAPPINGS["modules"]
    iw.apply(stage, plan, names=names)
    assert torch.equal(weights(stage)["layers.1.weight"], want["layers.3.weight"])
    assert iw.verify(stage, plan, names=names, exact="required").ok


def test_a_table_and_a_head_that_are_tied_in_the_whole_hold_the_same_on_their_stages(
    whole: tuple[iw.Plan, dict[str, Tensor]],
) -> None:
    plan, want = whole
    first, last = nn.ModuleDict({"table": nn.Embedding(11, 16)}), nn.ModuleDict({"head": nn.Linear(16, 11, bias=False)})
    for stage in (first, last):
        iw.apply(stage, plan.part(stage))
    assert torch.equal(weights(first)["table.weight"], want["table.weight"])
    assert torch.equal(weights(last)["head.weight"], want["table.weight"])
    assert not weights(last)["head.weight"][2].any()  # the padding row of the table


def test_a_stage_that_holds_the_tie_keeps_it(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    stage: Any = nn.ModuleDict({"table": nn.Embedding(11, 16), "head": nn.Linear(16, 11, bias=False)})
    stage["head"].weight = stage["table"].weight
    part = plan.part(stage)
    assert [(row.name, row.aliases) for row in part] == [("table.weight", ("head.weight",))]
    iw.apply(stage, part)
    assert torch.equal(stage["head"].weight, want["table.weight"])


def test_all_stages_together_are_the_whole(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    found: dict[str, Tensor] = {}
    for first in range(4):
        stage = Stage([Net().layers[0]])
        iw.apply(stage, plan, names={"layers.0": f"layers.{first}"})
        found |= {name.replace("layers.0", f"layers.{first}"): each for name, each in weights(stage).items()}
    assert all(torch.equal(found[name], want[name]) for name in found)
    assert len(found) == 8


def test_stages_that_torch_cuts_keep_their_names(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    pipelining = pytest.importorskip("torch.distributed.pipelining")
    plan, want = whole
    model = Net()
    model.head = nn.Linear(16, 11, bias=False)  # torch refuses to cut between tied parameters
    split = {"layers.2": pipelining.SplitPoint.BEGINNING}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about its own tracing
        pipe = pipelining.pipeline(model, mb_args=(INPUTS,), split_spec=split)
    assert pipe.num_stages == 2
    for index in range(2):
        stage = pipe.get_stage_module(index)
        iw.apply(stage, plan.part(stage))
        assert all(torch.equal(each, want[name]) for name, each in weights(stage).items())


def test_a_part_is_a_plan_of_its_own(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    part = whole[0].part(second_half(), MAPPINGS["modules"])
    again = iw.Plan.from_dict(part.to_dict())
    assert again == part
    assert again.digest() == part.digest() != whole[0].digest()
    assert (part.seed, part.recipe) == (4, "auto")


def test_a_part_of_a_part_goes_by_the_names_of_the_first(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    part = plan.part(second_half(), MAPPINGS["modules"])
    one = nn.Linear(16, 16)
    iw.apply(one, part, names={"weight": "layers.0.weight", "bias": "layers.0.bias"})
    assert torch.equal(one.weight, want["layers.2.weight"])


def test_a_recipe_that_looks_at_depth_sees_that_of_the_whole() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=8, n_embd=32, n_head=2, vocab_size=64, n_positions=16)
    model = transformers.GPT2LMHeadModel(config)
    plan = iw.plan(model, "gpt2", seed=1)
    iw.apply(model, plan)
    stage: Any = nn.ModuleList([transformers.models.gpt2.modeling_gpt2.GPT2Block(config) for _ in range(2)])
    iw.apply(stage, plan, names={"0": "transformer.h.6", "1": "transformer.h.7"})
    for here, there in ((0, 6), (1, 7)):
        for name, each in model.transformer.h[there].named_parameters():
            assert torch.equal(stage[here].get_parameter(name), each), name
    law = plan["transformer.h.6.mlp.c_proj.weight"].law
    assert law is not None
    assert law.std == pytest.approx(0.02 / 4)  # sqrt(2 * 8), not sqrt(2 * 2)


def test_a_llama_in_two_stages_is_the_llama() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(num_hidden_layers=4, vocab_size=64, **sizes)
    model = transformers.LlamaForCausalLM(config)
    plan = iw.plan(model, "auto", seed=1)
    iw.apply(model, plan)
    made = transformers.models.llama.modeling_llama.LlamaDecoderLayer
    for first in (0, 2):
        layers: Any = nn.ModuleList([made(config, index) for index in range(2)])

        def there(name: str, first: int = first) -> str:
            index, _, rest = name.partition(".")
            return f"model.layers.{int(index) + first}.{rest}"

        iw.apply(layers, plan, names=there)
        for index, layer in enumerate(layers):
            for name, each in layer.named_parameters():
                assert torch.equal(each, model.get_parameter(f"model.layers.{index + first}.{name}"))


def test_multipliers_follow_their_parameters_and_modules() -> None:
    model, base = Net(width=64), Net(width=16)
    plan = planned(model, iw.recipes.mup(base=base))
    stage = Stage([Net(width=64).layers[2]], head=nn.Linear(64, 11, bias=False))
    part = plan.part(stage, {"layers.0": "layers.2"})
    assert [(each.target, each.kind, each.value) for each in part.multipliers] == [
        ("head", "output", 0.25),
        ("layers.0.weight", "learning_rate", 0.25),
        ("layers.0.weight", "weight_decay", 4.0),
    ]


def test_multipliers_of_a_module_whose_parameter_is_tied_stay_with_it() -> None:
    plan = planned(Net(width=64), iw.recipes.mup(base=Net(width=16)))
    tied: Any = nn.ModuleDict({"inputs": nn.Embedding(11, 64), "outputs": nn.Linear(64, 11, bias=False)})
    tied["outputs"].weight = tied["inputs"].weight
    part = plan.part(tied, {"inputs": "table", "outputs": "head"})
    assert [(each.target, each.kind) for each in part.multipliers] == [("outputs", "output")]
    first = nn.ModuleDict({"table": nn.Embedding(11, 64)})
    assert plan.part(first).multipliers == ()


def test_multipliers_of_a_module_that_the_part_has_not_are_left_out() -> None:
    """A bare parameter here was a module's there: it has no name to which the module's factor could belong."""

    def untied(width: int) -> Net:
        model = Net(width=width)
        model.head = nn.Linear(width, 11, bias=False)
        return model

    plan = planned(untied(64), iw.recipes.mup(base=untied(16)))
    assert ("head", "output") in {(each.target, each.kind) for each in plan.multipliers}
    bare = nn.Module()
    bare.register_parameter("projection", nn.Parameter(torch.empty(11, 64)))
    part = plan.part(bare, {"projection": "head.weight"})
    assert "output" not in {each.kind for each in part.multipliers}
    assert {each.target for each in part.multipliers} <= {"projection"}


def test_a_module_that_holds_the_whole_maps_to_nothing(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    wrapped = nn.ModuleDict({"inner": Net()})
    iw.apply(wrapped, plan, names={"inner": ""})
    assert all(torch.equal(each, want[name.removeprefix("inner.")]) for name, each in weights(wrapped).items())


def test_a_flat_part_of_a_parameter_may_have_another_name(whole: tuple[iw.Plan, dict[str, Tensor]]) -> None:
    plan, want = whole
    flat = nn.Module()
    flat.register_parameter("piece", nn.Parameter(torch.empty(40)))
    iw.apply(flat, plan, names={"piece": "layers.1.weight"}, shards={"piece": iw.FlatRange((16, 16), 100)})
    assert torch.equal(flat.get_parameter("piece"), want["layers.1.weight"].flatten()[100:140])


BAD: list[tuple[Any, str]] = [
    (
        {"layers.0": "layers.2", "layers.1": "layers.2"},
        r"'layers.0.weight' and 'layers.1.weight' are both 'layers.2.weight' in the plan; a stage map is one-to-one",
    ),
    ({"layers.0": "layers.9"}, r"'layers.0.weight' is 'layers.9.weight' in the plan, which has none"),
    ({"layer.0": "layers.2"}, r"names: the model has no parameter 'layer.0'; did you mean 'layers.0'"),
    ({"layers.0": 2}, r"names: 'layers.0' is mapped to 2; give a name"),
    ({"layers.0.weight": ""}, r"names: 'layers.0.weight' is mapped to ''; give a name"),
    (lambda name: None, r"names: 'layers.0.weight' is mapped to None; give a name"),
    ("layers.2", r"names is 'layers.2'; give a mapping from names here to canonical names, or a function"),
]


@pytest.mark.parametrize(("names", "said"), BAD, ids=[said[:45] for _, said in BAD])
@pytest.mark.parametrize("operation", ["part", "apply"])
def test_a_map_that_does_not_fit_is_refused(
    names: Any, said: str, operation: str, whole: tuple[iw.Plan, dict[str, Tensor]]
) -> None:
    plan, _ = whole
    stage = second_half()
    before = {name: each.clone() for name, each in weights(stage).items()}
    kind = iw.PlanError if operation == "part" else iw.ApplyError
    with pytest.raises(kind, match=said):
        plan.part(stage, names) if operation == "part" else iw.apply(stage, plan, names=names)
    assert all(torch.equal(before[name], each) for name, each in weights(stage).items())


def test_a_parameter_of_another_shape_is_refused_and_a_part_of_one_is_not(
    whole: tuple[iw.Plan, dict[str, Tensor]],
) -> None:
    plan, want = whole
    with pytest.raises(iw.PlanError, match=r"'weight' has shape \(32, 16\), and 'layers.2.weight' was planned with"):
        plan.part(nn.Linear(16, 32), {"weight": "layers.2.weight", "bias": "layers.2.bias"})
    half = nn.Linear(16, 8, bias=False)
    names = {"weight": "layers.2.weight"}
    with pytest.raises(iw.ApplyError, match=r"or say which part of it this is: shards=\{name: iw.Slice"):
        iw.apply(half, plan, names=names)
    iw.apply(half, plan, names=names, shards={"weight": iw.Slice((16, 16), (8, 0))})
    assert torch.equal(half.weight, want["layers.2.weight"][8:])
