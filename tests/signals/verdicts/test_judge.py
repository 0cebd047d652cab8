"""Paths, blocks, growth and bands; predictions and bare rows are judged as measurements are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import initwise as iw
from initwise.signals import judge
from tests.signals.verdicts.judging import blamed, chain, he, judged, measured, noise, residual, t5, tokens

X = noise(64, 128)
EVEN = [128] * 9 + [10]


def test_a_chain_drawn_by_he_keeps_the_second_moment_forward_and_backward() -> None:
    forward, backward = judged(he(chain(EVEN)), X)
    assert (forward.direction, backward.direction) == ("forward", "backward")
    assert forward.path == "0 -> 16"
    assert 0.8 < (forward.growth or 0) < 1.25
    assert 0.8 < (backward.growth or 0) < 1.25
    assert forward.ok
    assert backward.ok


def test_growth_is_the_geometric_mean_of_the_blocks_and_the_input_and_output_layers_have_none() -> None:
    model = he(chain(EVEN))
    with torch.no_grad():
        for layer in model[2:-1:2]:
            layer.weight.mul_(2**0.5)
    forward, backward = judged(model, X)
    factors = [step.growth for step in forward.steps]
    assert factors[0] is None
    assert factors[-1] is None
    known = [factor for factor in factors if factor is not None]
    assert len(known) == 7
    assert forward.growth == pytest.approx(math.prod(known) ** (1 / 7))
    assert forward.growth == pytest.approx(2.0, rel=0.15)
    assert backward.growth == pytest.approx(2.0, rel=0.25)


def test_the_band_is_the_nearer_to_one_the_more_blocks_there_are() -> None:
    bands = [judged(he(chain([64] * (depth + 1) + [10])), noise(8, 64))[0].band for depth in (3, 12)]
    assert bands[0][0] < bands[1][0] < 1 < bands[1][1] < bands[0][1]
    count = 11
    assert bands[1] == pytest.approx((1e-5 ** (1 / count), 1e2 ** (1 / count)))


def test_blocks_of_a_stream_are_steps_and_rows_of_a_step_lie_on_the_path() -> None:
    forward = judged(residual(depth=5), noise(32, 32))[0]
    names = [step.name for step in forward.steps if step.growth is not None]
    assert names == [f"blocks.{index}" for index in range(5)]
    assert all(step.rows[0] in forward.rows and step.rows[1] in forward.rows for step in forward.steps)
    assert list(forward.rows) == sorted(forward.rows)


def test_a_stream_grows_by_one_part_in_l() -> None:
    forward = judged(residual(depth=5), noise(32, 32))[0]
    factors = [step.growth or 0.0 for step in forward.steps if step.growth is not None]
    assert factors[0] > factors[-1]
    assert 1.0 < factors[-1] < 1.6


def test_the_message_is_one_sentence_with_growth_band_and_culprit() -> None:
    model = he(chain(EVEN))
    with torch.no_grad():
        model[8].weight.mul_(10)
    forward, backward = judged(model, X)
    said = f"the signal grows {forward.growth:.3g}-fold a block over 7 blocks (band 0.19 to 1.93)"
    assert forward.message.startswith(f"{said}, from 8 on; 8.weight has std 1.25")
    assert not forward.ok
    assert forward.culprit is not None
    assert backward.message.startswith("the gradient grows ")


def test_a_chain_of_batch_norms_multiplies_gradients_and_no_weight_is_to_blame() -> None:
    model = chain([64] * 71 + [10], normed=True)
    forward, backward = judged(model, noise(64, 64))
    assert forward.ok
    assert not backward.ok
    assert 1.3 < (backward.growth or 0) < 1.7
    assert backward.culprit is not None
    assert backward.culprit.parameter == ""
    assert "batch norms" in backward.culprit.message
    assert "residual" in backward.culprit.fix


def test_each_pair_of_an_input_and_an_output_has_a_path() -> None:
    pytest.importorskip("transformers")
    verdicts = judged(t5(), {"input_ids": tokens(500), "decoder_input_ids": tokens(500)})
    paths = {verdict.path for verdict in verdicts}
    assert paths == {"encoder.embed_tokens -> lm_head", "decoder.embed_tokens -> lm_head"}
    assert len(verdicts) == 4


def test_rows_alone_are_enough_to_name_a_layer() -> None:
    model = he(chain(EVEN))
    with torch.no_grad():
        model[8].weight.mul_(10)
    signals, reading = measured(model, X)
    moments = {
        each.name: iw.signals.ParameterSignal(each.name, second_moment=float(each.tensor.detach().square().mean()))
        for each in reading.parameters
    }
    assert blamed(judge(replace(signals, parameters=moments))) == {"8.weight"}


def test_a_prediction_is_judged_by_its_plan() -> None:
    with torch.device("meta"):
        model = nn.Sequential(
            nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 512), nn.ReLU(),
            nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10),
        )  # fmt: skip
    right = iw.rule("*", weight=iw.KaimingNormal(nonlinearity="relu"), bias=iw.Zeros())
    wrong = iw.rule("2.weight", iw.KaimingNormal(mode="fan_out", nonlinearity="relu"))
    plan = iw.plan(model, [right], inputs="8x256")
    assert blamed(judge(iw.predict(model, plan, noise(8, 256)), plan)) == set()
    plan = iw.plan(model, [right, wrong], inputs="8x256")
    verdicts = judge(iw.predict(model, plan, noise(8, 256)), plan)
    assert blamed(verdicts) == {"2.weight"}
    culprit = next(each.culprit for each in verdicts if each.culprit is not None)
    assert culprit.law == plan["2.weight"].law.describe()  # type: ignore[union-attr]
    assert culprit.found == pytest.approx(math.sqrt(2 / 128))
    assert culprit.wanted == pytest.approx(math.sqrt(2 / 1024))
    assert "fan_out (128) was counted where fan_in (1024) is meant" in culprit.fix


def test_rows_that_are_unknown_make_a_growth_unknown_and_accuse_nobody() -> None:
    signals, reading = measured(he(chain(EVEN)), X)
    rows = tuple(replace(row, second_moment=None, grad_second_moment=None) for row in signals.rows)
    verdicts = judge(replace(signals, rows=rows), reading=reading)
    assert [verdict.growth for verdict in verdicts] == [None, None]
    assert blamed(verdicts) == set()
    assert "unknown" in verdicts[0].message


def test_signals_without_outputs_have_no_paths() -> None:
    signals, reading = measured(he(chain(EVEN)), X)
    assert judge(replace(signals, outputs=()), reading=reading) == ()
