"""A plan prints as a table, in full or with like names together."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import initwise as iw
from examples.gpt2 import build
from initwise.reporting import common_name, text


def _normal(shape: Any, fans: Any, draw: Any) -> Any:
    return draw.normal(shape)


def _text(plan: iw.Plan) -> str:
    return text(plan.table(), terminal=False)


def test_a_plan_prints_one_line_for_each_parameter() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(10, 4, padding_idx=0), "lstm": nn.LSTM(4, 3), "head": nn.Linear(3, 2)})
    rules: list[str | iw.Rule] = [
        "xavier",
        iw.rule(nn.LSTM, bias=iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())),
        iw.rule("head.bias", iw.Keep(), why="loaded"),
        iw.rule("head.weight", _normal),
    ]
    assert _text(iw.plan(model, rules, seed=3)) == FULL


FULL = """\
parameter          shape   operation  role       fans    blocks   law                 std  reason
-----------------  ------  ---------  ---------  ------  -------  ---------------  ------  -------------------------------------------------------------------------------------
embed.weight       10 x 4  embedding  embedding  1 -> 4           N(0, 1²)              1  Embedding weight: N(0, 1); row 0 stays zero
lstm.weight_ih_l0  12 x 4  lstm       weight     4 -> 3  i f g o  U(±0.9258)       0.5345  LSTM weight_ih_l0, fan_in 4, fan_out 3: std = 1 / sqrt((4 + 3) / 2) (each of i f g o)
lstm.weight_hh_l0  12 x 3  lstm       recurrent  3 -> 3  i f g o  orthogonal ×1    0.5774  LSTM weight_hh_l0, recurrent: orthogonal per gate
lstm.bias_ih_l0    12      lstm       bias               i f g o  i g o: 0; f: 1    0.433  LSTM bias_ih_l0: i g o: 0; f: 1
lstm.bias_hh_l0    12      lstm       bias               i f g o  i g o: 0; f: 1    0.433  LSTM bias_hh_l0: i g o: 0; f: 1
head.weight        2 x 3   linear     weight     3 -> 2           Custom(_normal)          Linear weight: Custom(_normal)
head.bias          2       linear     bias                        kept                     loaded

7 parameters, 156 elements, seed 3, 1 kept, recipe xavier, digest 4691294aa1caa111"""  # noqa: E501 - a table as it is printed


def test_a_summary_puts_names_together_that_differ_only_in_numbers() -> None:
    plan = iw.plan(build(layers=3, heads=2, width=8, vocabulary=20, positions=16), "gpt2", seed=1)
    assert text(plan.summary(), terminal=False) == SUMMARY


SUMMARY = """\
parameters                            count  shape   operation  role         fans     law                   std  reason
------------------------------------  -----  ------  ---------  -----------  -------  ---------------  --------  -------------------------------------------------------------------
transformer.wte.weight                   x1  20 x 8  embedding  embedding    1 -> 8   N(0, 0.02²)          0.02  Embedding weight: N(0, 0.02²); tied with lm_head.weight
transformer.wpe.weight                   x1  16 x 8  embedding  embedding    1 -> 8   N(0, 0.02²)          0.02  Embedding weight: N(0, 0.02²)
transformer.h.0-2.ln_1-2.weight          x6  8       norm       norm_weight           1                       0  LayerNorm weight: one
transformer.h.0-2.ln_1-2.bias            x6  8       norm       norm_bias             0                       0  LayerNorm bias: zero
transformer.h.0-2.attn.c_attn.weight     x3  24 x 8  linear     weight       8 -> 24  N(0, 0.02²)          0.02  Linear weight: N(0, 0.02²)
transformer.h.0-2.attn.c_attn.bias       x3  24      linear     bias                  0                       0  Linear bias: zero
transformer.h.0-2.attn.c_proj.weight     x3  8 x 8   linear     weight       8 -> 8   N(0, 0.008165²)  0.008165  Linear weight, residual projection: std = 0.02 / sqrt(2 * 3 layers)
transformer.h.0-2.attn.c_proj.bias       x3  8       linear     bias                  0                       0  Linear bias: zero
transformer.h.0-2.mlp.c_fc.weight        x3  32 x 8  linear     weight       8 -> 32  N(0, 0.02²)          0.02  Linear weight: N(0, 0.02²)
transformer.h.0-2.mlp.c_fc.bias          x3  32      linear     bias                  0                       0  Linear bias: zero
transformer.h.0-2.mlp.c_proj.weight      x3  8 x 32  linear     weight       32 -> 8  N(0, 0.008165²)  0.008165  Linear weight, residual projection: std = 0.02 / sqrt(2 * 3 layers)
transformer.h.0-2.mlp.c_proj.bias        x3  8       linear     bias                  0                       0  Linear bias: zero
transformer.ln_f.weight                  x1  8       norm       norm_weight           1                       0  LayerNorm weight: one
transformer.ln_f.bias                    x1  8       norm       norm_bias             0                       0  LayerNorm bias: zero

40 parameters, 2,920 elements, seed 1, recipe gpt2, digest eabbd3a1f6f2db98"""  # noqa: E501 - a table as it is printed


def test_print_shows_the_table() -> None:
    plan = iw.plan(nn.Linear(2, 2), "kaiming")
    assert "N(0, 1²)" in str(plan)
    assert str(plan).splitlines()[-1].endswith(plan.digest()[:16])
    assert repr(plan) == "<Plan of 2 parameters, seed 0, recipe kaiming>"


def test_one_is_counted_in_the_singular() -> None:
    plan = iw.plan(nn.Linear(1, 1, bias=False), "kaiming")
    assert str(plan).splitlines()[-1].startswith("1 parameter, 1 element, seed 0")
    assert repr(plan) == "<Plan of 1 parameter, seed 0, recipe kaiming>"


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["h.0.w", "h.1.w", "h.2.w"], "h.0-2.w"),
        (["h.0.w"], "h.0.w"),
        (["h.0.w", "h.4.w"], "h.0,4.w"),
        ([f"h.{i * i}.w" for i in range(9)], "h.0..64.w"),
        ([f"h.{i}.{j}" for i in range(3) for j in range(2)], "h.0-2.0-1"),
    ],
)
def test_common_names_tell_the_numbers(names: list[str], common: str) -> None:
    assert common_name(names) == common


def test_rows_are_found_by_name_path_and_alias() -> None:
    model = nn.DataParallel(build(layers=1, heads=2, width=8, vocabulary=20, positions=16))
    plan = iw.plan(model, "gpt2")
    row = plan["transformer.wte.weight"]
    assert plan["lm_head.weight"] is row
    assert plan["module.transformer.wte.weight"] is row
    assert row.path == "module.transformer.wte.weight"


def test_an_unknown_name_says_which_is_near() -> None:
    plan = iw.plan(nn.Linear(2, 2), "kaiming")
    with pytest.raises(KeyError, match="the plan has no parameter 'wieght'; did you mean 'weight'"):
        plan["wieght"]
