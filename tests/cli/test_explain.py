"""`initwise explain` and `recipes`: what they say is what PyTorch draws, and their output as whole text."""

from __future__ import annotations

import inspect
import json
import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from initwise.cli.topics import find, names
from initwise.cli.topics._layer_facts import LAYERS, LayerFacts
from initwise.cli.topics._layers import default_plan
from initwise.errors import TargetError
from initwise.findings import CATALOGUE
from initwise.planning import Row
from initwise.recipes import RECIPES
from tests.cli.conftest import Run

NORM = """\
torch.nn.PReLU

What PyTorch {version} draws when it makes this layer, whatever follows it in the model.

By default
  parameter  law       bound or value  std
  ---------  --------  --------------  ---
  weight     constant  0.25, or init=  0

Source
  torch/nn/modules/activation.py:{line}  torch.nn.init.constant_(self.weight, self.init)

For example, torch.nn.PReLU() (the fans are the true ones)
  parameter  shape  law   std  fan_in  fan_out
  ---------  -----  ----  ---  ------  -------
  weight     (1,)   0.25    0
"""

CODE = """\
INI102

a value lies outside the law's support (error)

What it means
  At least one value is smaller or larger than the planned law can produce. This check is exact: no
  draw of that law, however unlucky, gives such a value.

Why it matters
  Other code wrote the parameter, or the truncation that was asked for did not happen.

Example
  import torch
  import initwise as iw
  from torch import nn

  model = nn.Linear(64, 64)
  plan = iw.plan(model, iw.rule(nn.Linear, weight=iw.TruncatedNormal(std=0.02), bias=iw.Zeros()))
  nn.init.trunc_normal_(model.weight, std=0.02)  # its bounds are -2 and 2, a hundred sigmas
  nn.init.zeros_(model.bias)
  report = iw.verify(model, plan)

What to do
  Look for code that writes the parameter after the plan was applied, and apply the plan again.

When it is intended
  The weights are meant to follow another law than the plan's: plan that one, or Keep().

Reference
  https://github.com/pytorch/pytorch/issues/155588, the bounds of trunc_normal_ are absolute
"""


def line_of(function: object, text: str) -> int:
    """The line in which the source of a function says `text`."""
    lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]
    return first + next(index for index, line in enumerate(lines) if text in line)


def test_a_layer_is_explained_as_whole_text(run: Run) -> None:
    outcome = run("explain", "torch.nn.PReLU")
    line = line_of(nn.PReLU.reset_parameters, "init.constant_")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == NORM.format(version=torch.__version__, line=line)


def test_linear_is_explained_with_its_law_its_source_and_what_is_wrongly_said_of_it(run: Run) -> None:
    out = run("explain", "torch.nn.Linear").out
    line = line_of(nn.Linear.reset_parameters, "kaiming_uniform_(self.weight")
    for said in (
        "weight     U(−b, b)  b = 1/√in_features  1/√(3 in_features)",
        "bias       U(−b, b)  b = 1/√in_features  1/√(3 in_features)",
        f"torch/nn/modules/linear.py:{line}  init.kaiming_uniform_(self.weight, a=math.sqrt(5))",
        "weight     (2048, 512)  U(±0.04419)  0.02552     512     2048",
        "“Kaiming for layers before a ReLU, Xavier otherwise.”\n      No.",
        "“Biases start at zero.”\n      No.",
    ):
        assert said in out


def test_a_code_is_explained_as_whole_text(run: Run) -> None:
    assert run("explain", "ini102").out == CODE


def test_kaiming_normal_says_where_pytorchs_fans_are_not_the_true_ones(run: Run) -> None:
    out = run("explain", "kaiming_normal").out
    for said in (
        "iw.KaimingNormal(mode='fan_in', nonlinearity='relu', a=0.0, convention='exact')",
        "Linear(512, 2048)                      (2048, 512)      512, 2048       512, 2048         0.0625      0.0625",
        "Conv2d(64, 64, 3, groups=64)           (64, 1, 3, 3)    9, 576          9, 9              0.4714      0.4714",
        "ConvTranspose2d(128, 64, 4, stride=2)  (128, 64, 4, 4)  1024, 2048      512, 1024        0.04419      0.0625",
        "torch.nn.init.kaiming_normal_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None)",
        f"torch/nn/init.py:{inspect.getsourcelines(nn.init.kaiming_normal_)[1]}",
    ):
        assert said in out


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("kaiming_normal", "KaimingNormal"),
        ("torch.nn.init.kaiming_normal_", "KaimingNormal"),
        ("iw.KaimingNormal", "KaimingNormal"),
        ("he_normal", "KaimingNormal"),
        ("glorot_uniform", "XavierUniform"),
        ("trunc_normal_", "TruncatedNormal"),
        ("eye_", "Identity"),
        ("calculate_gain", "gain"),
        ("nn.LSTM", "torch.nn.LSTM"),
        ("Linear", "torch.nn.Linear"),
        ("torch.nn.ReLU", "torch.nn.ReLU"),
        ("GPT2", "gpt2"),
        ("INI101", "INI101"),
    ],
)
def test_a_topic_is_found_by_any_of_its_spellings(spelling: str, name: str) -> None:
    assert find(spelling).name == name


def test_every_name_is_explained_and_every_public_function_of_torch_nn_init_has_one() -> None:
    assert all(find(name).summary for name in names())
    public = {name for name, value in vars(nn.init).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert all(find(name).summary for name in public - {"sys"})


def test_every_layer_of_torch_nn_with_parameters_is_explained() -> None:
    known = {name for facts in LAYERS for name in facts.names}
    own = {
        name
        for name, kind in vars(nn).items()
        if isinstance(kind, type) and hasattr(kind, "reset_parameters") and "Base" not in name
    }
    assert own - known == set()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch.nn.Liner", "did you mean 'Linear'"),
        ("kaming_normal", "did you mean 'kaiming_normal_'"),
        ("INI100", "INI10"),
    ],
)
def test_an_unknown_topic_is_answered_with_the_nearest_names(name: str, message: str) -> None:
    with pytest.raises(TargetError, match=f"explain '{name}': there is nothing of this name .*{message}"):
        find(name)


@pytest.mark.parametrize("facts", LAYERS, ids=lambda facts: facts.names[0])
def test_the_example_of_a_layer_is_what_pytorch_draws(facts: LayerFacts) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = dict(facts.example().named_parameters())
    for row in default_plan(facts):
        _holds(row, drawn[row.name].detach())


def _holds(row: Row, values: Tensor) -> None:
    assert row.law is not None
    if row.padding is not None:
        assert not values[row.padding].any()
        values = torch.cat([values[: row.padding], values[row.padding + 1 :]])
    low, high = row.law.support
    assert low <= float(values.min()) <= float(values.max()) <= high, row.name
    if row.law.std == 0:
        assert low == high, row.name
    elif math.isfinite(high) and values.numel() >= 1000:
        assert float(values.abs().max()) > 0.99 * high, row.name
    if values.numel() >= 1000:
        assert float(values.std()) == pytest.approx(row.law.std, rel=0.06), row.name


def test_the_bounds_that_the_formulas_give_are_those_of_the_plan() -> None:
    for name, parameter, bound in (
        ("Linear", "weight", 1 / math.sqrt(512)),
        ("Conv2d", "bias", 1 / math.sqrt(64 * 9)),
        ("ConvTranspose2d", "weight", 1 / math.sqrt(64 * 16)),
        ("Bilinear", "weight", 1 / math.sqrt(64)),
        ("LSTM", "weight_ih_l0", 1 / math.sqrt(512)),
        ("GRUCell", "bias_hh", 1 / math.sqrt(512)),
        ("MultiheadAttention", "in_proj_weight", math.sqrt(6 / (4 * 512))),
        ("MultiheadAttention", "out_proj.weight", 1 / math.sqrt(512)),
    ):
        (facts,) = [facts for facts in LAYERS if name in facts.names]
        law = default_plan(facts)[parameter].law
        assert law is not None
        assert law.support == pytest.approx((-bound, bound)), name


def test_explanations_and_recipes_are_data_too(run: Run) -> None:
    linear = json.loads(run("explain", "torch.nn.Linear", "--format", "json").out)
    assert (linear["name"], linear["kind"]) == ("torch.nn.Linear", "layer")
    assert linear["sections"][0]["rows"][0]["bound or value"] == "b = 1/√in_features"
    listed = json.loads(run("recipes", "--format", "json").out)
    assert [entry["name"] for entry in listed] == list(RECIPES)


def test_recipes_are_listed_with_one_line_and_source(run: Run) -> None:
    lines = run("recipes").out.splitlines()
    assert lines[0].split() == ["recipe", "what", "it", "does", "source"]
    assert [line.split()[0] for line in lines[2:]] == list(RECIPES)
    for line, recipe in zip(lines[2:], RECIPES.values(), strict=True):
        assert recipe.summary in line
        assert recipe.source in line


def test_every_code_is_explained_from_the_catalogue() -> None:
    for code in CATALOGUE.values():
        said = find(code.code).text(terminal=False)
        assert code.title in said
        assert code.fix.split(" ", maxsplit=1)[0] in said
