"""Every calibration on models that others wrote: the plan is a plan like any other, and all but the weights stays."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import NotSupportedError
from initwise.planning import Row
from initwise.signals._modes import set_modes
from tests.calibration import zoo

pytestmark = pytest.mark.long

STEPS: dict[str, Callable[[nn.Module, Any, iw.Plan], iw.Plan]] = {
    "lsuv": iw.lsuv,
    "within_channel": lambda model, batch, plan: iw.within_channel(model, batch, plan, iterations=2),
    "weight_norm_init": iw.weight_norm_init,
    "metainit": lambda model, batch, plan: iw.metainit(model, batch, plan, steps=1),
    "gradinit": lambda model, batch, plan: iw.gradinit(model, batch, plan, steps=1),
}


def changed(before: iw.Plan, after: iw.Plan) -> list[Row]:
    return [row for row in after if row.initializer != before[row.name].initializer]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", zoo.MODELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("step", STEPS)
def test_a_calibrated_plan_is_a_plan_and_all_but_the_weights_stays(
    step: str, make: Callable[[], tuple[nn.Module, Any]]
) -> None:
    torch.manual_seed(0)  # for what is frozen, and so kept
    model, batch = make()
    zoo.prepared(model)
    start = iw.plan(model, "classic", inputs=batch)
    before = zoo.around(model)
    plan = STEPS[step](model, batch, start)
    assert zoo.differences(before, zoo.around(model)) == []
    assert iw.verify(model, plan).ok
    again = iw.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert again.digest() == plan.digest() != start.digest()
    torch.manual_seed(0)
    fresh, _ = make()
    iw.apply(fresh, again)
    assert iw.digest(fresh) == iw.digest(model)
    found = changed(start, plan)
    assert found
    for row in found:
        assert step in plan.explain(row.name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", zoo.MODELS, ids=lambda make: make.__name__)
def test_plain_code_of_a_calibrated_plan_draws_from_its_laws(make: Callable[[], tuple[nn.Module, Any]]) -> None:
    model, batch = make()
    start = iw.plan(model, "classic", inputs=batch)
    plan = iw.weight_norm_init(model, batch, start)
    if make is zoo.wav2vec2:  # it has a weight norm, through which plain code cannot write
        with pytest.raises(NotSupportedError, match=r"pos_conv_embed\.conv\.weight' are computed by parametrizations"):
            plan.to_python()
        return
    names: dict[str, Any] = {}
    exec(plan.to_python(), names)  # noqa: S102 - our own code
    other, _ = make()
    torch.manual_seed(0)
    names["initialize"](other)
    held, drawn = dict(model.named_parameters()), dict(other.named_parameters())
    for row in changed(start, plan):
        one, two = (each[row.name].detach().double() for each in (held, drawn))
        if isinstance(row.initializer, iw.Scaled):
            ratio = float(two.square().mean() / one.square().mean())
            assert abs(math.log(ratio)) < (math.log(4) if one.numel() < 999 else 0.25), row.name
        else:
            torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", zoo.MODELS, ids=lambda make: make.__name__)
def test_after_lsuv_first_outputs_have_unit_variance_or_the_notes_say_why_not(
    make: Callable[[], tuple[nn.Module, Any]],
) -> None:
    model, batch = make()
    plan = iw.lsuv(model, batch, iw.plan(model, "classic", inputs=batch))
    modules, stds = dict(model.named_modules()), dict[str, float]()

    def look(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, args: Any, made: Tensor) -> None:
            stds.setdefault(name, made.detach().std(correction=0).item())

        return hook

    for row in plan:
        for path in (row.name, *row.aliases):
            module = modules[path.rpartition(".")[0]]
            if path.endswith("weight") and len(row.shape) > 1 and not isinstance(module, nn.Embedding):
                module.register_forward_hook(look(row.name))
    set_modes(model)
    with torch.no_grad():
        model(**batch) if isinstance(batch, dict) else model(batch)
    off = {name for name, std in stds.items() if not 0.9 < std < 1.1}
    told = {name for note in plan.notes if note.startswith("lsuv") for name in re.findall("'(.*?)'", note)}
    assert off <= told
    assert len(stds) - len(off) >= 1
