"""What a plan says where usage is unknown, cannot be traced, or does not lead to a decision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import initwise as iw
from initwise.errors import ApplyError, PlanError


class _Raw(nn.Module):
    """Parameters of its own, each with a role that only a forward pass shows."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(4, 4))
        self.decay = nn.Parameter(torch.zeros(4))
        self.gamma = nn.Parameter(torch.zeros(4))
        self.mark = nn.Parameter(torch.zeros(1, 1, 4))
        self.place = nn.Parameter(torch.zeros(1, 5, 4))
        self.spare = nn.Parameter(torch.zeros(3, 3))

    def forward(self, x: Tensor) -> Tensor:  # (batch, 4, 4)
        x = torch.cat([self.mark.expand(x.shape[0], -1, -1), x], 1) + self.place
        x = x * torch.exp(-torch.exp(self.decay))
        return x + self.gamma * (x @ self.mix)


def _problems(model: nn.Module, rules: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError, match=r"^plan: \d+ problem") as caught:
        iw.plan(model, rules, **options)
    return caught.value.problems


NOTHING: list[iw.Rule] = []


def test_the_suggestion_for_a_parameter_without_a_rule_fits_its_role() -> None:
    problems = _problems(_Raw(), NOTHING, inputs="2x4x4")
    assert [problem.split("such as ")[1].split(", or")[0] for problem in problems] == [
        'iw.rule("mix", iw.Normal(std=0.02))',
        'iw.rule("decay", iw.LogOfUniform())',
        'iw.rule("gamma", iw.Ones())',
        'iw.rule("mark", iw.Normal(std=0.02))',
        'iw.rule("place", iw.Normal(std=0.02))',
    ]
    added = eval("[" + ", ".join(problem.split("such as ")[1].split(", or")[0] for problem in problems) + "]")  # noqa: S307
    assert len(iw.plan(_Raw(), added, inputs="2x4x4")) == 6


def test_a_raw_weight_whose_axes_nothing_tells_asks_for_inputs_or_axes() -> None:
    stacked = nn.ParameterDict({"experts": torch.zeros(3, 4, 5)})
    assert _problems(stacked, NOTHING) == (
        "'experts' (shape (3, 4, 5), of ParameterDict): no rule matches; give inputs=, with which a forward pass shows "
        "its axes, or declare them: add a rule such as "
        'iw.rule("experts", iw.LecunNormal(), axes=iw.Axes(fan_in=(2,), fan_out=(1,), batch=(0,))), '
        'or iw.rule("experts", iw.Keep()) to leave it',
    )
    rule = iw.rule("experts", iw.LecunNormal(), axes=iw.Axes(fan_in=(2,), fan_out=(1,), batch=(0,)))
    assert iw.plan(stacked, rule)["experts"].fan_in == 5
    problems = _problems(_Raw(), "auto")
    assert all("give inputs=" in problem for problem in problems if problem.startswith(("'mix'", "'spare'")))
    assert len(iw.plan(_Raw(), "auto", inputs="2x4x4")) == 6


def test_what_a_recipe_cannot_know_of_a_vector_asks_for_inputs_too() -> None:
    model = nn.ModuleDict({"layer": nn.Linear(2, 2), "own": nn.ParameterList([torch.zeros(2)])})
    (problem,) = _problems(model, "gpt2")
    assert problem == (
        "'own.0' (shape (2,), of ParameterList): no rule matches; add a rule to the recipe, such as "
        '["gpt2", iw.rule("own.0", iw.Zeros())], or iw.rule("own.0", iw.Keep()) to leave it; or give inputs=, which '
        "show how it is used"
    )


def test_parameters_that_the_pass_never_uses_are_kept_and_told_and_planned_on_request() -> None:
    plan = iw.plan(_Raw(), "auto", inputs="2x4x4")
    assert plan["spare"].kept
    assert plan["spare"].role == "unused"
    assert plan["spare"].reason == "never used in the forward pass; a rule of yours that selects it would plan it"
    assert "never used in the forward pass: spare" in plan.notes
    wanted = iw.plan(_Raw(), ["auto", iw.rule("spare", iw.Normal(std=0.5))], inputs="2x4x4")
    assert wanted["spare"].initializer == iw.Normal(std=0.5)


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)


class _Raising(_Linear):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no such luck")


class _Plain(_Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("2x7", "inputs do not fit the model: linear in 'layer' raised RuntimeError with 2x7 float32: "),
        ({"y": torch.zeros(2, 4)}, "inputs do not fit the model: forward raised TypeError with y: 2x4 float32: "),
        ("2xfoo", "inputs '2xfoo': '2xfoo' is not understood; write a shape such as 2x3x224x224"),
        (3, "inputs for _Plain are 3 of type int; give a tensor, a tuple of positional arguments"),
    ],
)
def test_inputs_that_do_not_fit_are_an_error_that_says_what_was_tried(inputs: Any, message: str) -> None:
    (problem,) = _problems(_Plain(), "kaiming", inputs=inputs)
    assert problem.startswith(message)


def test_a_model_that_raises_by_itself_is_an_error_with_its_words_or_a_note_where_no_inputs_were_given() -> None:
    (problem,) = _problems(_Raising(), "auto", inputs="2x4")
    assert problem == (
        "inputs do not fit the model: forward raised RuntimeError with 2x4 float32: 'no such luck'. "
        "Give inputs= that its forward takes"
    )
    plan = iw.plan(_Raising(), "auto")
    assert [row.source for row in plan] == ["type", "type"]
    assert plan.notes[0].startswith("usage read from module types: forward raised RuntimeError")
    assert str(plan).splitlines()[-1] == plan.notes[0]


class _OwnKernel(_Linear):
    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError("aten::own: attempted to run this operator with Meta tensors")


def test_a_model_that_meta_cannot_run_is_planned_by_module_types_and_says_so() -> None:
    for options in ({}, {"inputs": "2x4"}):
        plan = iw.plan(_OwnKernel(), "auto", **options)  # type: ignore[arg-type]
        assert [(row.source, row.kept) for row in plan] == [("type", False), ("type", False)]
        assert plan.notes[0].startswith("usage read from module types")
        assert "attempted to run this operator with Meta tensors" in plan.notes[0]


def test_control_flow_that_asks_for_values_is_run_on_stand_ins_and_told() -> None:
    class _Asking(_Linear):
        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if x.sum() > 0 else self.layer(-x)  # type: ignore[no-any-return]

    plan = iw.plan(_Asking(), "auto", inputs="2x4")
    assert {row.source for row in plan} == {"trace"}
    assert "traced with stand-ins: __bool__ asks for a value: run on random stand-ins" in plan.notes


class _Quantized(_Linear):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.packed = nn.Parameter(torch.zeros(4, 4, dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ self.packed.to(x.dtype)  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn], ids=str)
def test_quantized_parameters_stay_and_are_named_where_a_rule_wants_them(dtype: torch.dtype) -> None:
    plan = iw.plan(_Quantized(dtype), "auto", inputs="2x4")
    assert plan["packed"].kept
    rules = ["auto", iw.rule("packed", iw.Normal(std=0.02))]
    (problem,) = _problems(_Quantized(dtype), rules, inputs="2x4", include_frozen=True)
    assert problem == (
        f"'packed' (shape (4, 4)): Normal: the dtype is {dtype}; allowed are float16, bfloat16, float32, float64, "
        "complex64, complex128. Use Keep()"
    )


def test_ties_whose_modules_are_told_different_things_are_named_also_where_a_pass_shows_both_uses() -> None:
    class _Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, index: Tensor) -> Tensor:
            return self.head(self.embed(index))  # type: ignore[no-any-return]

    rules = [iw.rule(nn.Embedding, weight=iw.Ones()), iw.rule(nn.Linear, weight=iw.Zeros())]
    assert _problems(_Tied(), rules, inputs="2x3 int64 <5") == (
        "rule(nn.Embedding, weight=Ones()) and rule(nn.Linear, weight=Zeros()) are equally specific for "
        "'embed.weight'; make one more specific (exact name, then glob, then type, then predicate) or remove it",
    )
    assert iw.plan(_Tied(), [*rules, iw.rule("head.weight", iw.Zeros())])["embed.weight"].initializer == iw.Zeros()


def test_one_memory_under_two_shapes_is_refused_before_anything_is_written() -> None:
    model = nn.Module()
    model.square = nn.Parameter(torch.full((4, 4), 3.0))
    model.flat = nn.Parameter(model.square.detach().view(16))
    with pytest.raises(ApplyError, match="'square' and 'flat' share memory, so that writing one changes the other"):
        iw.apply(model, iw.plan(model, [iw.rule("square", iw.Ones()), iw.rule("flat", iw.Zeros())]))
    assert bool((model.flat == 3).all())


def test_inputs_that_do_not_fit_are_told_alone_and_not_once_more_for_each_raw_parameter() -> None:
    (problem,) = _problems(_Raw(), "auto", inputs="2x4x7")
    assert problem.startswith("inputs do not fit the model: cat raised RuntimeError with 2x4x7 float32: ")


def test_where_a_pass_told_nothing_no_more_inputs_are_asked_for() -> None:
    class _Solved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.raw = nn.Parameter(torch.zeros(4, 4))

        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.solve(self.raw, x.T)  # type: ignore[no-any-return]

    (problem,) = _problems(_Solved(), "auto", inputs="2x4")
    assert problem == (
        "'raw' (shape (4, 4), of _Solved): no rule matches; add a rule to the recipe, such as "
        '["auto", iw.rule("raw", iw.LecunNormal(), axes=iw.Axes(fan_in=(1,), fan_out=(0,)))], '
        'or iw.rule("raw", iw.Keep()) to leave it'
    )


def test_a_branch_that_stand_ins_did_not_take_is_planned_by_its_modules_types() -> None:
    class _Branches(_Linear):
        def __init__(self) -> None:
            super().__init__()
            self.other = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if x.sum() > 0 else self.other(x)  # type: ignore[no-any-return]

    plan = iw.plan(_Branches(), "auto", inputs="2x4")
    assert {row.name: row.kept for row in plan} == dict.fromkeys(
        ("layer.weight", "layer.bias", "other.weight", "other.bias"), False
    )
    assert {row.source for row in plan if row.name.startswith("other")} <= {"type", "trace"}
