"""A plan explains each parameter: how it is used, where in the source, by which rule, and with which law."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from examples import gpt2


@pytest.fixture(scope="module")
def plan() -> iw.Plan:
    model = gpt2.build(layers=2, heads=2, width=8, vocabulary=20, positions=16)
    return iw.plan(model, "gpt2", seed=1, inputs="2x8 int64 <20")


PACKED = """\
transformer.h.1.attn.c_attn.weight
  shape        24 x 8, float32
  operation    linear, as a forward pass showed
  source line  examples/gpt2.py:#
  role         weight
  axes         axis 1 summed over, axis 0 kept
  fans         fan_in 8, fan_out 8 of each block (torch.nn.init would take 8 and 24)
  blocks       along axis 0: q 8, k 8, v 8
  around it    follows norm
  rule         recipe gpt2
  after        Radford et al. 2019, Language Models are Unsupervised Multitask Learners; std 0.02 as in its released code
  law          N(0, 0.02²): mean 0, std 0.02, support [-inf, inf]
  reason       Linear weight: N(0, 0.02²)"""  # noqa: E501 - a text as it is printed

WRITER = """\
transformer.h.1.attn.c_proj.weight
  shape        8 x 8, float32
  operation    linear, as a forward pass showed
  source line  examples/gpt2.py:#
  role         weight
  axes         axis 1 summed over, axis 0 kept
  fans         fan_in 8, fan_out 8
  around it    follows attention; writer 3 of 4 into the residual stream transformer#0
  rule         recipe gpt2
  after        Radford et al. 2019, Language Models are Unsupervised Multitask Learners; std 0.02 as in its released code
  law          N(0, 0.01²): mean 0, std 0.01, support [-inf, inf]
  reason       Linear weight, residual projection: std = 0.02 / sqrt(2 * 2 layers)"""  # noqa: E501 - a text as it is printed

TIED = """\
transformer.wte.weight
  also called  lm_head.weight
  shape        20 x 8, float32
  operation    embedding, as a forward pass showed
  source line  examples/gpt2.py:#
  role         embedding
  axes         axis 1 kept
  fans         fan_in 1, fan_out 8 (torch.nn.init would take 8 and 20)
  around it    makes the model's output; used 2 times in one pass
  rule         recipe gpt2
  after        Radford et al. 2019, Language Models are Unsupervised Multitask Learners; std 0.02 as in its released code
  law          N(0, 0.02²): mean 0, std 0.02, support [-inf, inf]
  reason       Embedding weight: N(0, 0.02²); tied with lm_head.weight"""  # noqa: E501 - a text as it is printed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("transformer.h.1.attn.c_attn.weight", PACKED),
        ("transformer.h.1.attn.c_proj.weight", WRITER),
        ("lm_head.weight", TIED),
    ],
)
def test_a_traced_parameter_is_explained_fact_by_fact(plan: iw.Plan, name: str, expected: str) -> None:
    said = plan.explain(name)
    assert re.sub(r"(gpt2\.py):\d+", r"\1:#", said) == expected


def test_the_source_line_is_that_of_the_operation(plan: iw.Plan) -> None:
    file, line = plan["transformer.h.0.mlp.c_fc.weight"].line.split(":")
    assert file == "examples/gpt2.py"
    assert "self.c_fc(" in Path(gpt2.__file__).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_usage_goes_through_json_and_changes_no_digest(plan: iw.Plan) -> None:
    data = json.loads(json.dumps(plan.to_dict()))
    back = iw.Plan.from_dict(data)
    assert [back.explain(row.name) for row in back] == [plan.explain(row.name) for row in plan]
    for entry in data["parameters"]:
        for key in ("source", "line", "context"):
            del entry[key]
    older = iw.Plan.from_dict(data)
    assert older == plan
    assert older.digest() == plan.digest()
    assert "source line" not in older.explain("lm_head.weight")
    assert "operation    embedding\n" in older.explain("lm_head.weight")


def test_the_digest_is_the_same_with_and_without_a_trace_where_the_decisions_are() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    read, traced = iw.plan(model, "xavier"), iw.plan(model, "xavier", inputs="2x4")
    assert [(row.source, row.context) for row in read] == [("type", ())] * 4
    assert {row.source for row in traced} == {"trace"}
    assert traced["0.weight"].context == ("follows input", "relu follows")
    assert traced.digest() == read.digest()


def test_windows_groups_and_strides_are_told_with_the_fans_of_torch() -> None:
    said = iw.plan(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), "kaiming").explain("weight")
    assert "axis 0 summed over, axis 1 kept, axes 2 and 3 a window, 2 groups, strides of product 4" in said
    assert "fan_in 4.5, fan_out 27 (torch.nn.init would take 27 and 36)" in said


def test_what_nothing_tells_is_called_unknown_and_the_rule_is_shown_as_written() -> None:
    model = nn.Module()
    model.own = nn.Parameter(torch.zeros(2, 3))
    rules = [iw.rule("own", iw.Uniform(-1, 1), why="as in the paper")]
    assert iw.plan(model, rules).explain("own") == (
        "own\n"
        "  shape      2 x 3, float32\n"
        "  operation  unknown: neither a traced pass nor the module's type tells\n"
        "  role       unknown\n"
        "  rule       rule('own', Uniform(-1.0, 1.0), why='as in the paper')\n"
        "  law        U(±1): mean 0, std 0.57735, support [-1, 1]\n"
        "  reason     as in the paper"
    )


class _Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = x + self.down(torch.nn.functional.silu(self.up(self.norm(x))))
        return x


def test_a_parameter_that_is_used_several_times_says_how_often() -> None:
    said = iw.plan(_Gated(), "kaiming", inputs="2x4").explain("down.weight")
    assert "follows silu; writer 1 of 3 into the residual stream" in said
    assert "used 3 times in one pass" in said


def test_what_is_kept_says_why() -> None:
    said = iw.plan(nn.Linear(2, 2), ["kaiming", iw.rule("bias", iw.Keep(), why="loaded")]).explain("bias")
    assert said.splitlines()[-2:] == ["  law        kept as it is", "  reason     loaded"]


def test_an_unknown_name_is_told_with_the_nearest(plan: iw.Plan) -> None:
    with pytest.raises(KeyError, match=r"the plan has no parameter 'lm_haed\.weight'; did you mean 'lm_head\.weight'"):
        plan.explain("lm_haed.weight")
