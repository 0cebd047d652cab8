"""A plan is data: it goes through JSON unchanged, and what is no plan is refused with all its faults."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import initwise as iw
from initwise.errors import SchemaError


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 4, padding_idx=1)
        self.conv = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
        self.lstm = nn.LSTM(4, 4)
        self.head = nn.Linear(4, 20, bias=False)
        self.head.weight = self.embed.weight
        self.experts = nn.Parameter(torch.zeros(3, 4, 4))
        self.scale = nn.Parameter(torch.ones((), dtype=torch.bfloat16))


RULES = [
    iw.rule("embed.weight", iw.Normal(std=0.02), why="small, since tied"),
    iw.rule(nn.ConvTranspose2d, weight=iw.KaimingNormal(mode="fan_out", nonlinearity="gelu"), bias=iw.Zeros()),
    iw.rule(
        nn.LSTM, weight=iw.XavierUniform(), weight_hh=iw.Orthogonal(), bias=iw.PerBlock(f=iw.Ones(), rest=iw.Zeros())
    ),
    iw.rule("experts", iw.TruncatedNormal(std=0.1), axes=iw.Axes(fan_in=(2,), fan_out=(1,), batch=(0,))),
    iw.rule("scale", iw.Keep()),
]


def _plan() -> iw.Plan:
    return iw.plan(_Net(), RULES, seed=2**64 - 1, names={"experts": "moe.experts"})


def test_a_plan_goes_through_json_unchanged() -> None:
    plan = _plan()
    back = iw.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert back == plan
    assert back.digest() == plan.digest()
    assert str(back) == str(plan)
    assert [row.parts for row in back] == [row.parts for row in plan]
    assert [row.law for row in back] == [row.law for row in plan]
    assert [row.reason for row in back] == [row.reason for row in plan]


def test_applying_a_plan_that_was_stored_gives_the_same_weights() -> None:
    one, other = _Net(), _Net()
    iw.apply(one, _plan())
    iw.apply(other, iw.Plan.from_dict(json.loads(json.dumps(_plan().to_dict()))))
    assert iw.digest(one) == iw.digest(other)


@given(seed=st.integers(0, 2**64 - 1), std=st.floats(1e-6, 10), bound=st.floats(0.1, 6))
def test_numbers_survive_exactly(seed: int, std: float, bound: float) -> None:
    rules = [iw.rule("weight", iw.TruncatedNormal(std=std, bound=bound)), iw.rule("bias", iw.Constant(-std))]
    plan = iw.plan(nn.Linear(2, 3), rules, seed=seed)
    assert iw.Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_the_digest_is_that_of_the_decisions() -> None:
    plan = _plan()
    assert plan.digest() == _plan().digest()
    assert re.fullmatch("[0-9a-f]{32}", plan.digest())
    other_words = iw.plan(
        _Net(),
        [iw.rule("embed.weight", iw.Normal(std=0.02)), *RULES[1:]],
        seed=plan.seed,
        names={"experts": "moe.experts"},
    )
    assert other_words["embed.weight"].reason != plan["embed.weight"].reason
    assert other_words.digest() == plan.digest()
    assert other_words == plan
    for different in (
        iw.plan(_Net(), RULES, seed=0, names={"experts": "moe.experts"}),
        iw.plan(_Net(), RULES, seed=plan.seed),
        iw.plan(
            _Net(),
            [iw.rule("embed.weight", iw.Normal(std=0.021)), *RULES[1:]],
            seed=plan.seed,
            names={"experts": "moe.experts"},
        ),
    ):
        assert different.digest() != plan.digest()
        assert different != plan


def test_the_digest_of_a_plan_stays_what_it_is() -> None:
    plan = iw.plan(nn.Linear(4, 2), [iw.rule("weight", iw.XavierUniform()), iw.rule("bias", iw.Zeros())], seed=7)
    assert plan.digest() == "f49d825a9dd26ef8bdac6996b8992733"


def test_device_wrappers_and_the_order_of_rules_change_no_plan() -> None:
    plan = _plan()
    with torch.device("meta"):
        meta = _Net()
    options: dict[str, Any] = {"seed": plan.seed, "names": {"experts": "moe.experts"}}
    assert iw.plan(meta, RULES, **options).digest() == plan.digest()
    assert iw.plan(nn.DataParallel(_Net()), RULES, **options) == plan
    assert iw.plan(_Net(), RULES[::-1], **options) == plan


def test_a_plan_can_be_pickled_copied_and_hashed() -> None:
    plan = _plan()
    _ = [row.law for row in plan]
    assert pickle.loads(pickle.dumps(plan)) == copy.deepcopy(plan) == plan  # noqa: S301 - our own bytes
    assert hash(_plan()) == hash(plan)


def _function(shape: Any, fans: Any, draw: Any) -> Any:
    return draw.normal(shape)


def test_functions_are_no_data_but_have_a_digest() -> None:
    plan = iw.plan(nn.LSTMCell(2, 3), iw.rule("*", iw.PerBlock(f=iw.Custom(_function), rest=iw.Zeros())))
    assert len(plan.digest()) == 32
    with pytest.raises(SchemaError, match=r"Plan.to_dict: 4 problems\n  - 'weight_ih' is drawn by a function"):
        plan.to_dict()


def _changed(path: str, value: Any) -> dict[str, Any]:
    """Return a plan's data with one place changed, or removed where the value is ...; `path` is dotted."""
    data = copy.deepcopy(_plan().to_dict())
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place: Any = data
    for step in parents:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


# place, value there, what the problem says
FAULTS: list[tuple[str, Any, str]] = [
    ("schema", 2, r"^schema version is 2; this initwise reads 1. Plan again$"),
    ("stream", 2, r"^stream version is 2; this initwise reads 1. Plan again$"),
    ("stream", ..., r"^stream version is None; this initwise reads 1"),
    ("seed", -1, r"^seed: found -1; a non-negative integer is needed$"),
    ("seed", 2**64, r"^seed: found 18446744073709551616; a seed is below 2\*\*64$"),
    ("seed", "1", r"^seed: found '1'; an integer is needed$"),
    ("sede", 1, r"^sede: unknown key; did you mean 'seed'\?; known are schema, stream, seed"),
    ("parameters", {}, r"^parameters: found {}; a list is needed$"),
    ("parameters.0", "x", r"^parameters\[0\]: found 'x'; a mapping with the keys name, canonical"),
    ("parameters.0.reason", ..., r"^parameters\[0\] \(experts\).reason: missing$"),
    ("parameters.0.shape", [2, -1], r"^parameters\[0\] \(experts\).shape: found -1; a non-negative integer"),
    ("parameters.0.shape", [2, True], r"^parameters\[0\] \(experts\).shape: found True; a non-negative integer"),
    ("parameters.0.dtype", "float31", r"^parameters\[0\] \(experts\).dtype: found 'float31'; .*did you mean 'float32'"),
    ("parameters.0.initializer", {"kind": "Norml"}, r"initializer: kind is 'Norml'; did you mean 'Normal'"),
    (
        "parameters.0.initializer.std",
        "x",
        r"^parameters\[0\] \(experts\).initializer: .*std is 'x' of type str, not a number",
    ),
    (
        "parameters.0.initializer.sdt",
        1,
        r"^parameters\[0\] \(experts\).initializer: .*no argument 'sdt'; did you mean 'std'",
    ),
    ("parameters.0.axes.batch", [7], r"^'experts': .*has no axis 7"),
    ("parameters.0.axes.batch", [1], r"^parameters\[0\] \(experts\).axes: .*an axis has two roles"),
    ("parameters.0.axes.color", 1, r"^parameters\[0\] \(experts\).axes.color: unknown key; known are fan_in"),
    ("parameters.5.blocks.sizes", [1, 2], r"^parameters\[5\] \(lstm.weight_ih_l0\).blocks: .*4 names and 2 sizes"),
    ("parameters.1.name", "experts", r"^'experts' stands there twice$"),
    ("parameters.2.padding", "no", r"^parameters\[2\] \(embed.weight\).padding: found 'no'; an integer is needed$"),
    ("parameters.2.requires_grad", 1, r"requires_grad: found 1; true or false is needed$"),
    ("parameters.2.aliases", "head", r"aliases: found 'head'; a list is needed$"),
    ("parameters.2.line", 12, r"^parameters\[2\] \(embed.weight\).line: found 12; a string is needed$"),
    ("parameters.2.context", "follows norm", r"^parameters\[2\] \(embed.weight\).context: found .* a list is needed$"),
]


@pytest.mark.parametrize(("path", "value", "message"), FAULTS, ids=[f"{path}={value!r}" for path, value, _ in FAULTS])
def test_what_is_no_plan_is_refused_with_its_place(path: str, value: Any, message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        iw.Plan.from_dict(_changed(path, value))
    assert any(re.search(message, problem) for problem in caught.value.problems), caught.value


def test_blocks_that_do_not_cover_the_axis_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"'lstm.weight_ih_l0': the blocks .* cover 8 of 16"):
        iw.Plan.from_dict(_changed("parameters.5.blocks.sizes", [2, 2, 2, 2]))


def test_all_faults_are_told_together() -> None:
    data = _changed("seed", -1)
    data["parameters"][0]["dtype"] = "int"
    data["parameters"][3]["initializer"] = None
    data["extra"] = 1
    with pytest.raises(SchemaError, match=r"^Plan.from_dict: \d problems") as caught:
        iw.Plan.from_dict(data)
    assert len(caught.value.problems) >= 3


@pytest.mark.parametrize("value", [None, [], "plan", 3])
def test_what_is_no_mapping_is_refused(value: Any) -> None:
    with pytest.raises(SchemaError, match=r"a plan is a mapping with the keys schema, stream"):
        iw.Plan.from_dict(value)
