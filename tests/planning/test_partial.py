"""Partial initialization: what a checkpoint loaded is never touched, bit for bit; the rest follows the rules."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import initwise as iw
from initwise.errors import ApplyError, ArgumentError, NotSupportedError, PlanError
from initwise.initializers import Stream, Target

RULES = [
    iw.rule(nn.Embedding, iw.Normal(std=0.02)),
    iw.rule(nn.Linear, weight=iw.XavierUniform(), bias=iw.Zeros()),
    iw.rule(nn.LayerNorm, weight=iw.Ones(), bias=iw.Zeros()),
]


class _Net(nn.Module):
    """A small language model with a head; `tied` shares embedding and output layer."""

    def __init__(self, words: int = 12, classes: int = 3, *, tied: bool = False, padding: int | None = None) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 8, padding_idx=padding)
        self.body = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, words)
        self.head = nn.Linear(8, classes)
        self.register_buffer("steps", torch.zeros(()))
        if tied:
            self.out.weight = self.embed.weight


def _net(**options: Any) -> Any:
    torch.manual_seed(0)
    net = _Net(**options)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
    return net


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters(remove_duplicate=False)}


def _changed(before: dict[str, Tensor], model: nn.Module) -> set[str]:
    return {name for name, tensor in _weights(model).items() if not torch.equal(before[name], tensor)}


def _without(state: dict[str, Tensor], *left_out: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith(left_out)}


def _problems(model: nn.Module, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        iw.plan(model, **{"rules": RULES, "only": "missing", **options})
    return caught.value.problems


def _sources(folder: Path, state: dict[str, Tensor], model: nn.Module) -> dict[str, Any]:
    """The same checkpoint in every form that is taken."""
    result = model.load_state_dict(state, strict=False)
    save_file(state, folder / "whole.safetensors")
    shards = folder / "sharded"
    shards.mkdir()
    names = sorted(state)
    places: dict[str, str] = {}
    for index, part in enumerate((names[:3], names[3:])):
        save_file({name: state[name] for name in part}, shards / f"part-{index}.safetensors")
        places |= dict.fromkeys(part, f"part-{index}.safetensors")
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "folder").mkdir()
    save_file(state, folder / "folder" / "model.safetensors")
    missing = list(result.missing_keys)
    return {
        "result": result,
        "names": set(missing),
        "loading_info": {"missing_keys": set(missing), "unexpected_keys": set(), "mismatched_keys": set()},
        "state": state,
        "shapes": {name: tuple(tensor.shape) for name, tensor in state.items()},
        "file": folder / "whole.safetensors",
        "index": str(shards / "model.safetensors.index.json"),
        "shards": shards,
        "folder": folder / "folder",
    }


def test_every_form_of_a_checkpoint_plans_the_new_head_and_keeps_the_rest(tmp_path: Path) -> None:
    model = _net()
    before, digest = _weights(model), iw.digest(model)
    state = _without(model.state_dict(), "head")
    plans = {
        kind: iw.plan(model, RULES, seed=1, only="missing", checkpoint=source)
        for kind, source in _sources(tmp_path, state, model).items()
    }
    assert iw.digest(model) == digest
    assert {plan.digest() for plan in plans.values()} == {plans["state"].digest()}
    assert [row.name for row in plans["state"] if not row.kept] == ["head.weight", "head.bias"]
    assert plans["file"]["body.weight"].reason == "loaded from whole.safetensors"
    assert plans["result"]["body.weight"].reason == "loaded from the checkpoint"
    iw.apply(model, plans["file"])
    assert _changed(before, model) == {"head.weight", "head.bias"}


def test_nothing_but_the_missing_weights_changes_by_digest_and_no_random_state_either() -> None:
    model, random = _net(), torch.get_rng_state()
    missing = model.load_state_dict(_without(model.state_dict(), "head"), strict=False)
    random = torch.get_rng_state()
    other = nn.ModuleDict({name: getattr(model, name) for name in ("embed", "body", "norm", "out")})
    before, all_before = iw.digest(other), iw.digest(model, buffers=True)
    report = iw.initialize(model, RULES, seed=1, only="missing", checkpoint=missing)
    assert report.ok
    assert iw.digest(other) == before
    assert iw.digest(model, buffers=True) != all_before
    assert torch.equal(random, torch.get_rng_state())


def test_a_missing_head_gets_the_words_of_a_full_initialization() -> None:
    full, partial = _net(), _net()
    iw.initialize(full, RULES, seed=4)
    iw.initialize(partial, RULES, seed=4, only="missing", checkpoint=["head.weight", "head.bias"])
    assert torch.equal(full.head.weight, partial.head.weight)


@pytest.mark.parametrize("kept", ["embed.weight", "out.weight"])
def test_a_tied_weight_is_loaded_if_one_of_its_names_was(kept: str) -> None:
    model = _net(tied=True)
    state = model.state_dict()
    del state["out.weight" if kept == "embed.weight" else "embed.weight"]
    for checkpoint in (state, model.load_state_dict(state, strict=False)):
        plan = iw.plan(model, [*RULES, iw.rule("embed.weight", iw.Zeros())], only="missing", checkpoint=checkpoint)
        assert all(row.kept for row in plan)
        assert plan.notes[0].startswith("nothing is missing from the ")


def test_a_tied_weight_of_which_no_name_was_loaded_is_planned() -> None:
    model = _net(tied=True)
    state = _without(model.state_dict(), "embed.weight", "out.weight")
    for checkpoint in (state, model.load_state_dict(state, strict=False)):
        plan = iw.plan(model, [*RULES, iw.rule("embed.weight", iw.Zeros())], only="missing", checkpoint=checkpoint)
        assert [row.name for row in plan if not row.kept] == ["embed.weight"]


def test_rows_beyond_the_old_vocabulary_are_those_of_a_full_initialization_and_the_old_rows_stay() -> None:
    old, model, full = _net(words=9), _net(words=12), _net(words=12)
    before = _weights(model)
    report = iw.initialize(model, RULES, seed=2, only="missing", checkpoint=old.state_dict())
    iw.initialize(full, RULES, seed=2)
    assert report.ok
    assert _changed(before, model) == {"embed.weight", "out.weight", "out.bias"}
    for name in ("embed.weight", "out.weight", "out.bias"):
        there, drawn = model.get_parameter(name), full.get_parameter(name)
        assert torch.equal(there[:9], before[name][:9])
        assert torch.equal(there[9:], drawn[9:])


def test_the_plan_says_which_rows_are_new_and_what_they_follow() -> None:
    model = _net(words=12)
    plan = iw.plan(model, RULES, only="missing", checkpoint=_net(words=9).state_dict())
    row = plan["out.weight"]
    assert row.initializer == iw.NewRows(iw.XavierUniform(), after=9)
    assert row.reason == (
        "Linear weight, fan_in 8, fan_out 12: std = 1 / sqrt((8 + 12) / 2); rows 9 to 11, the first 9 are kept"
    )
    assert row.law == iw.plan(model, RULES)["out.weight"].law
    assert [(part.label, part.start, part.stop) for part in row.parts] == [("old", 0, 9), ("new", 9, 12)]
    assert plan["embed.weight"].reason == "Embedding weight: N(0, 0.02²); rows 9 to 11, the first 9 are kept"
    assert (row.fan_in, row.fan_out) == (8, 12)


def test_such_a_plan_is_data_and_plain_code() -> None:
    model = _net(words=12)
    plan = iw.plan(model, RULES, only="missing", checkpoint=_net(words=9).state_dict())
    again = iw.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert again.digest() == plan.digest()
    before, names = _weights(model), dict[str, Any]()
    exec(plan.to_python(), names)  # noqa: S102 - the code is ours
    names["initialize"](model)
    assert torch.equal(model.embed.weight[:9], before["embed.weight"][:9])
    assert not torch.equal(model.embed.weight[9:], before["embed.weight"][9:])
    assert _changed(before, model) == {"embed.weight", "out.weight", "out.bias"}


def test_old_rows_can_be_counted_by_hand_with_or_without_a_checkpoint() -> None:
    model = _net()
    rows = {"embed.weight": 9, "out.weight": 9, "out.bias": 9}
    by_hand = iw.plan(model, RULES, only=("embed.weight", "out.*"), old_rows=rows)
    assert by_hand["embed.weight"].initializer == iw.NewRows(iw.Normal(std=0.02), after=9)
    loaded = iw.plan(model, RULES, only="missing", checkpoint=["head.weight"], old_rows={"embed.weight": 9})
    assert {row.name for row in loaded if not row.kept} == {"embed.weight", "head.weight"}


def test_a_rule_may_say_the_number_of_old_rows_itself() -> None:
    model = _net()
    before = _weights(model)
    iw.initialize(model, iw.rule("embed.weight", iw.NewRows(iw.Constant(0.5), after=10)), only="embed.weight")
    assert torch.equal(model.embed.weight[:10], before["embed.weight"][:10])
    assert bool((model.embed.weight[10:] == 0.5).all())


@pytest.mark.parametrize(("padding", "zero"), [(0, []), (11, [11]), (-1, [11])])
def test_a_padding_row_among_the_old_rows_is_not_touched_and_a_new_one_is_zero(padding: int, zero: list[int]) -> None:
    model = _net(padding=padding)
    plan = iw.plan(model, RULES, only="embed.weight", old_rows={"embed.weight": 9})
    iw.apply(model, plan)
    assert (model.embed.weight == 0).all(dim=1).nonzero().flatten().tolist() == zero
    assert iw.verify(model, plan).ok
    assert ("stays zero" in plan["embed.weight"].reason) == bool(zero)


def _tall(rows: int = 400, columns: int = 6, words: int = 20_400) -> tuple[Any, Tensor]:
    """An embedding whose first rows have a mean and correlated columns."""
    torch.manual_seed(1)
    mix = torch.tril(torch.ones(columns, columns))
    old = torch.randn(rows, columns) @ mix + torch.arange(columns)
    model: Any = nn.Embedding(words, columns)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[:rows] = old
    return model, old


@pytest.mark.parametrize("rows", [400, 4])
def test_new_rows_have_the_mean_and_the_covariance_of_the_old_ones(rows: int) -> None:
    model, old = _tall(rows)
    rule = iw.rule("weight", iw.MeanOfRows())
    assert iw.initialize(model, rule, seed=3, old_rows={"weight": rows}).ok
    new = model.weight.detach()[rows:]
    assert torch.equal(model.weight[:rows], old)
    covariance = torch.cov(old.T, correction=0)
    error = (new.mean(0) - old.mean(0)) / (covariance.diagonal() / len(new)).sqrt()
    assert bool((error.abs() < 5).all())
    spread = (covariance.diagonal()[:, None] * covariance.diagonal() + covariance**2) / len(new)
    assert bool(((torch.cov(new.T) - covariance).abs() < 5 * spread.sqrt() + 1e-5).all())


def test_without_covariance_new_rows_are_the_mean_and_a_small_one_is_small() -> None:
    for covariance, spread in ((0, 0.0), (False, 0.0), (1e-4, 1e-2)):
        model, old = _tall(words=1400)
        iw.initialize(model, iw.rule("weight", iw.MeanOfRows(covariance)), old_rows={"weight": 400})
        distance = model.weight.detach()[400:] - old.mean(0)
        torch.testing.assert_close(distance.std(0), spread * old.std(0, correction=0), rtol=0.2, atol=1e-6)


def test_the_mean_leaves_a_padding_row_out_and_is_the_same_for_any_layout_and_dtype() -> None:
    expected = None
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        model: Any = nn.Embedding(8, 4, padding_idx=2).to(dtype)
        with torch.no_grad():
            model.weight.copy_(torch.arange(32).reshape(8, 4))
            model.weight[2] = 1000
        iw.initialize(model, iw.rule("weight", iw.MeanOfRows(covariance=0)), old_rows={"weight": 6})
        expected = torch.tensor([0.0, 1, 3, 4, 5]).mean() * 4 + torch.arange(4)
        torch.testing.assert_close(model.weight[6:].float(), expected.expand(2, 4), rtol=1e-2, atol=0)
        assert bool((model.weight[2] == 1000).all())


def test_biases_and_complex_weights_grow_by_the_mean_too() -> None:
    model = _net()
    assert iw.initialize(model, iw.rule("out.bias", iw.MeanOfRows()), only="out.bias", old_rows={"out.bias": 9}).ok
    layer: Any = nn.Linear(3, 4000, dtype=torch.complex64, bias=False)
    old = layer.weight.detach()[:50].clone()
    assert iw.initialize(layer, iw.rule("weight", iw.MeanOfRows()), old_rows={"weight": 50}).ok
    centred, new = old - old.mean(0), layer.weight.detach()[50:]
    covariance = centred.mH @ centred / 50
    found = (new - old.mean(0)).mH @ (new - old.mean(0)) / len(new)
    assert float((found - covariance).abs().max()) < 0.1 * float(covariance.abs().max())


def test_verify_finds_new_rows_that_are_not_those_of_the_old_ones() -> None:
    model, _ = _tall(words=420)
    plan = iw.plan(model, iw.rule("weight", iw.MeanOfRows()), old_rows={"weight": 400})
    iw.apply(model, plan)
    assert [row.verdict for row in iw.verify(model, plan).rows] == ["ok"]
    with torch.no_grad():
        model.weight[410] += 1
    (finding,) = iw.verify(model, plan).findings
    assert (finding.code, finding.parameter) == ("INI105", "weight")


def test_verify_finds_new_rows_that_do_not_follow_the_law_and_looks_at_no_old_one() -> None:
    model = _net(words=600)
    plan = iw.plan(model, RULES, only="embed.weight", old_rows={"embed.weight": 100})
    iw.apply(model, plan)
    with torch.no_grad():
        model.embed.weight[:100] = 1e6
    assert iw.verify(model, plan).ok
    with torch.no_grad():
        model.embed.weight[100:] *= 1.5
    assert {finding.code for finding in iw.verify(model, plan).findings} == {"INI104"}


def test_old_rows_that_are_no_numbers_are_an_error_that_changes_no_weight() -> None:
    model, _ = _tall(words=420)
    with torch.no_grad():
        model.weight[7, 1] = float("nan")
    before = model.weight.detach().clone()
    with pytest.raises(ApplyError, match=r"'weight': MeanOfRows\(\) needs the values of the old rows.*NaN or infinity"):
        iw.initialize(model, iw.rule("weight", iw.MeanOfRows()), old_rows={"weight": 400})
    torch.testing.assert_close(model.weight, before, rtol=0, atol=0, equal_nan=True)


def test_the_mean_is_refused_where_all_rows_are_new() -> None:
    with pytest.raises(PlanError, match=r"'weight' .*MeanOfRows\(\) is for rows beside old ones"):
        iw.plan(nn.Embedding(5, 2), iw.rule("weight", iw.MeanOfRows()))


def test_packed_weights_and_weights_that_a_parametrization_computes_do_not_grow() -> None:
    rules = [iw.rule("weight*", iw.Normal(std=0.1)), iw.rule("bias*", iw.Zeros())]
    with pytest.raises(PlanError, match=r"has shape \(12, 4\), which packs i f g o; one that packs nothing"):
        iw.plan(nn.LSTMCell(4, 3), rules, only="weight_ih", old_rows={"weight_ih": 6})
    with pytest.raises(PlanError, match="written through weight norm, old rows would not stay exactly as they are"):
        iw.plan(parametrizations.weight_norm(nn.Linear(4, 3)), rules, only="weight", old_rows={"weight": 2})


WRONG_ROWS: dict[str, tuple[Any, str]] = {
    "unknown": ({"embd.weight": 3}, "old_rows: the model has no parameter 'embd.weight'; did you mean 'embed.weight'"),
    "all": (
        {"embed.weight": 12},
        "'embed.weight' has 12 rows, of which 12 are said to be old; give an integer above 0",
    ),
    "none": ({"embed.weight": 0}, "'embed.weight' has 12 rows, of which 0 are said to be old"),
    "float": ({"embed.weight": 3.0}, "of which 3.0 are said to be old; give an integer"),
    "list": (["embed.weight"], "old_rows is ['embed.weight']; give a mapping"),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_wrong_numbers_of_old_rows_are_named(case: str) -> None:
    given, message = WRONG_ROWS[case]
    (problem,) = _problems(_net(), checkpoint=["head.weight"], old_rows=given)
    assert message in problem


def test_old_rows_outside_what_is_planned_are_named() -> None:
    (problem,) = _problems(_net(), only="head.*", old_rows={"embed.weight": 3})
    assert problem == "old_rows: 'embed.weight' is outside only='head.*'; select it too"


def test_missing_without_a_checkpoint_says_what_to_give() -> None:
    (problem,) = _problems(_net())
    assert problem.startswith('only="missing" needs to know what is there: give checkpoint=')


def test_a_parameter_or_module_that_is_called_missing_can_still_be_selected() -> None:
    model = nn.Module()
    model.missing, model.other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    plan = iw.plan(model, iw.rule("missing", iw.Zeros()), only="missing")
    assert [row.kept for row in plan] == [False, True]
    plan = iw.plan(model, iw.rule("*", iw.Zeros()), only="missing", checkpoint={"missing": (2,)})
    assert [row.kept for row in plan] == [True, False]


def test_a_checkpoint_without_missing_is_an_error() -> None:
    for only in (None, "head.*"):
        (problem,) = _problems(_net(), only=only, checkpoint=["head.weight"])
        assert problem == f'checkpoint is given, and only is {only!r}; write only="missing" beside it'


def test_names_that_fit_but_for_a_prefix_are_an_error_that_says_which() -> None:
    model = nn.ModuleDict({"bert": _net(), "classifier": nn.Linear(8, 2)})
    inner = model["bert"].state_dict()
    (problem,) = _problems(model, checkpoint=inner)
    assert problem == (
        "no name in the state dict fits the model: it has 'steps', 'embed.weight' and 8 more, and the model has "
        "'bert.embed.weight', 'bert.body.weight' and 9 more; "
        'add the prefix: checkpoint={"bert." + name: value for ...}'
    )
    (problem,) = _problems(_net(), checkpoint={f"model.{name}": value for name, value in inner.items()})
    assert problem.endswith('take the prefix off: checkpoint={name.removeprefix("model."): value for ...}')
    state = {"classifier.weight": (2, 8), "classifier.bias": (2,)} | dict(inner)
    (problem,) = _problems(model, checkpoint=state)
    assert "the state dict has 'embed.weight', which looks like 'bert.embed.weight' here (9 such names); add" in problem


def test_a_result_of_loading_that_loaded_nothing_is_an_error() -> None:
    model = _net()
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    (problem,) = _problems(model, checkpoint=model.load_state_dict(state, strict=False))
    assert "no name in the checkpoint fits the model" in problem
    assert 'take the prefix off: checkpoint={name.removeprefix("model."): value for ...}' in problem


def test_names_without_a_place_are_noted() -> None:
    model = _net()
    state = _without(model.state_dict(), "head") | {"old_head.weight": torch.zeros(5, 8)}
    plan = iw.plan(model, RULES, only="missing", checkpoint=state)
    assert plan.notes == ("the state dict has 1 name that the model has no place for: 'old_head.weight'",)


def test_wrappers_of_compilation_and_data_parallelism_are_looked_through() -> None:
    model = _net()
    state = _without(model.state_dict(), "head")
    for prefix in ("_orig_mod.", "module.", "module._orig_mod."):
        plan = iw.plan(model, RULES, only="missing", checkpoint={prefix + name: value for name, value in state.items()})
        assert [row.name for row in plan if not row.kept] == ["head.weight", "head.bias"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing the compiler warns of its own old parts
        compiled: Any = torch.compile(model)
    parallel = nn.DataParallel(model)
    for wrapped in (compiled, parallel):
        result = wrapped.load_state_dict(_without(wrapped.state_dict(), "_orig_mod.head", "module.head"), strict=False)
        for checkpoint in (state, result):
            plan = iw.plan(wrapped, RULES, only="missing", checkpoint=checkpoint)
            assert [row.name for row in plan if not row.kept] == ["head.weight", "head.bias"]


SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "columns": ((12, 7), "'embed.weight' has shape (12, 7) in the state dict and (12, 8) in the model; only more rows"),
    "fewer rows": ((13, 8), "'embed.weight' has shape (13, 8) in the state dict and (12, 8) in the model"),
    "axes": ((12,), "'embed.weight' has shape (12,) in the state dict"),
    "scalar": ((), "'embed.weight' has shape () in the state dict"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_differ_in_other_ways_are_named(case: str) -> None:
    shape, message = SHAPES[case]
    model = _net()
    (problem,) = _problems(model, checkpoint=dict(model.state_dict()) | {"embed.weight": torch.zeros(shape)})
    assert message in problem


def test_unknown_names_among_the_missing_are_named_and_buffers_are_not() -> None:
    (problem,) = _problems(_net(), checkpoint=["head.weight", "steps", "haed.bias"])
    assert problem == (
        "checkpoint: 'haed.bias' is said to be missing, and the model has no such name; did you mean 'head.bias' or "
        "'body.bias' or 'out.bias'?"
    )


def test_an_empty_list_of_missing_names_keeps_everything_and_says_so() -> None:
    plan = iw.plan(_net(), RULES, only="missing", checkpoint=[])
    assert all(row.kept for row in plan)
    assert plan.notes == ("nothing is missing from the checkpoint: every parameter is kept",)


def test_what_is_missing_and_frozen_is_noted() -> None:
    model = _net()
    model.head.requires_grad_(False)
    options: dict[str, Any] = {"only": "missing", "checkpoint": ["head.weight", "head.bias"]}
    (note,) = iw.plan(model, RULES, **options).notes
    assert note == (
        "missing from the checkpoint and frozen, so that only include_frozen=True plans them: "
        "'head.weight', 'head.bias'"
    )
    assert not iw.plan(model, RULES, include_frozen=True, **options)["head.weight"].kept


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "empty").mkdir()
    index = json.dumps({"weight_map": {"a": "gone.safetensors"}}).encode()
    expected = {
        tmp_path / "modl.safetensors": "there is no file .*; did you mean 'model.safetensors'?",
        tmp_path / "nowhere" / "a.safetensors": "there is no file",
        tmp_path / "empty": "holds no safetensors file and no model.safetensors.index.json",
        _file(tmp_path, "cut.safetensors", b"\x10\0\0\0\0\0\0\0{"): "is no readable safetensors file",
        _file(tmp_path, "short.safetensors", b"\x10"): "is no readable safetensors file",
        _file(tmp_path, "list.safetensors", b"\x02\0\0\0\0\0\0\0[]"): "is no readable safetensors file",
        _file(tmp_path, "weights.bin", b"PK"): "is no safetensors file, .* torch.load",
        _file(tmp_path, "index.json", b"{}"): "is no index of safetensors files",
        _file(tmp_path, "absent.json", index): "names gone.safetensors, and there is no such file beside it",
    }
    for path, message in expected.items():
        with pytest.raises(PlanError, match=f"checkpoint: .*{message}"):
            iw.plan(_net(), RULES, only="missing", checkpoint=path)


STRANGE: dict[str, tuple[Any, str]] = {
    "number": (3, "checkpoint is 3 of type int; give what load_state_dict"),
    "bytes": (b"weights", "checkpoint is b'weights' of type bytes"),
    "numbers": ([1, 2], "checkpoint holds 1 of type int among names"),
    "empty": ({}, "checkpoint is an empty mapping"),
    "trainer": (
        {"epoch": 3, "state_dict": {"a": (1,)}},
        "under 'state_dict'; give checkpoint['state_dict']",
    ),
    "keys": ({1: torch.zeros(1)}, "checkpoint holds 1 of type int among names"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_is_no_checkpoint_is_named(case: str) -> None:
    given, message = STRANGE[case]
    (problem,) = _problems(_net(), checkpoint=given)
    assert message in problem


def test_a_parametrized_weight_is_loaded_if_all_of_its_originals_are() -> None:
    model: Any = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 2))
    state = model.state_dict()
    plan = iw.plan(model, "xavier", only="missing", checkpoint=_without(state, "1."))
    assert [row.name for row in plan if not row.kept] == ["1.weight", "1.bias"]
    older = {"0.bias": (3,), "0.weight_g": (3, 1), "0.weight_v": (3, 3)}  # as the older weight norm called them
    for there in (older, {"0.bias": (3,), "0.weight": (3, 3)}):
        plan = iw.plan(model, "xavier", only="missing", checkpoint=there)
        assert [row.name for row in plan if not row.kept] == ["1.weight", "1.bias"]
    plan = iw.plan(model, "xavier", only="missing", checkpoint=_without(state, "0.parametrizations"))
    assert [row.name for row in plan if not row.kept] == ["0.weight"]
    name = "0.parametrizations.weight.original0"
    halves = [_without(state, name), [name]]
    for half in halves:
        (problem,) = _problems(model, rules="xavier", checkpoint=half)
        assert f"has '0.parametrizations.weight.original1' and lacks '{name}', from which together" in problem


def test_a_pruned_weight_is_loaded_under_the_name_that_pruning_gave_it() -> None:
    model: Any = nn.Sequential(prune.l1_unstructured(nn.Linear(4, 4), "weight", amount=0.5), nn.Linear(4, 2))
    for checkpoint in (_without(model.state_dict(), "1."), ["1.weight", "1.bias"]):
        plan = iw.plan(model, "xavier", only="missing", checkpoint=checkpoint)
        assert [row.name for row in plan if not row.kept] == ["1.weight", "1.bias"]


def test_new_rows_and_the_mean_refuse_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match="NewRows: after is 0, and must be at least 1"):
        iw.NewRows(iw.Zeros(), after=0)
    with pytest.raises(ArgumentError, match=r"NewRows: inner is Keep\(\); give what the new rows hold"):
        iw.NewRows(iw.Keep(), after=2)
    with pytest.raises(ArgumentError, match=r"MeanOfRows: covariance is -1\.0, a factor that must not be negative"):
        iw.MeanOfRows(-1)
    target, stream = Target((3, 2)), Stream(0, "weight")
    with pytest.raises(NotSupportedError, match="has no law of its own"):
        iw.NewRows(iw.Zeros(), after=1).law(target)
    with pytest.raises(NotSupportedError, match="draws from old rows"):
        iw.MeanOfRows().values(target, stream)
    with pytest.raises(ArgumentError, match="needs the values of the old rows, and there are none"):
        iw.MeanOfRows().rows(torch.zeros(0, 2), target, stream)
    assert iw.MeanOfRows().law(target) is None
    assert iw.MeanOfRows().draw(target) is None


def test_a_function_may_draw_the_new_rows() -> None:
    model = _net()
    before = _weights(model)
    plan = iw.plan(
        model,
        [*RULES, iw.rule("embed.weight", lambda shape, fans, draw: draw.normal(shape) + 7)],
        only="missing",
        checkpoint=_net(words=10).state_dict(),
    )
    iw.apply(model, plan)
    assert torch.equal(model.embed.weight[:10], before["embed.weight"][:10])
    assert 5 < float(model.embed.weight.detach()[10:].mean()) < 9
    with pytest.raises(iw.SchemaError, match="is drawn by a function, which is no data"):
        plan.to_dict()


def test_a_copy_of_a_model_gets_the_same_rows() -> None:
    model, old = _tall(words=420)
    other = copy.deepcopy(model)
    plan = iw.plan(model, iw.rule("weight", iw.MeanOfRows()), seed=9, old_rows={"weight": len(old)})
    iw.apply(model, plan)
    iw.apply(other, iw.Plan.from_dict(plan.to_dict()))
    assert torch.equal(model.weight, other.weight)


def test_transformers_new_heads_and_resized_embeddings_are_drawn_and_nothing_else() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 8, "n_positions": 16}
    base = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=30, **sizes))
    config = transformers.GPT2Config(vocab_size=30, num_labels=3, pad_token_id=0, **sizes)
    model = transformers.GPT2ForSequenceClassification(config)
    result = model.load_state_dict(base.state_dict(), strict=False)
    before = _weights(model)
    assert iw.initialize(model, "gpt2", seed=1, only="missing", checkpoint=result).ok
    assert _changed(before, model) == {"score.weight"}
    grown = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=37, **sizes))
    with torch.no_grad():
        for name, tensor in base.state_dict().items():
            grown.state_dict()[name][: tensor.shape[0]] = tensor
    before = _weights(grown)
    rules: list[Any] = ["gpt2", iw.rule("transformer.wte.weight", iw.MeanOfRows())]
    assert iw.initialize(grown, rules, seed=1, only="missing", checkpoint=base.state_dict()).ok
    assert _changed(before, grown) == {"transformer.wte.weight", "lm_head.weight"}  # one tied weight
    assert torch.equal(grown.lm_head.weight[:30], base.lm_head.weight)
