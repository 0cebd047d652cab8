"""`check`: what it reads, what it refuses, and what its report says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import initwise as iw
from initwise.errors import ArgumentError, ArgumentTypeError, InitwiseError
from initwise.findings import CATALOGUE, Finding, Severity, found
from initwise.lints import _check
from initwise.lints._subject import Lint, Subject
from initwise.reporting import to_json


class Blocks(nn.Module):
    """Six blocks of a linear layer and a norm, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)) for _ in range(6))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)  # type: ignore[no-any-return]


def spoilt(*names: str) -> Blocks:
    """Blocks with a NaN in these parameters."""
    model = Blocks()
    for name in names:
        with torch.no_grad():
            model.get_parameter(name).view(-1)[0] = float("nan")
    return model


def telling(*said: tuple[str, str, Severity]) -> Lint:
    """A lint that always says this."""

    def lint(subject: Subject) -> Iterator[Finding]:
        for code, parameter, severity in said:
            yield found(code, parameter, "so it is", "a", "b", severity=severity)

    return lint


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Ask these lints and no others."""
    return lambda *lints: monkeypatch.setattr(_check, "LINTS", lints)


# ------------------------------------------------------------------------------------------------------ what it reads


def test_a_right_model_is_clean_and_every_parameter_has_a_row() -> None:
    model = Blocks()
    report = iw.check(model)
    assert report.ok
    assert report.findings == ()
    assert [row.name for row in report.rows] == [name for name, _ in model.named_parameters()]
    assert {row.verdict for row in report.rows} == {"ok"}
    assert sum(row.elements for row in report.rows) == sum(each.numel() for each in model.parameters())


def test_rows_hold_usage_from_a_traced_pass_and_moments_of_the_values() -> None:
    model = Blocks()
    row = next(row for row in iw.check(model, torch.randn(2, 8)).rows if row.name == "head.weight")
    values = model.head.weight.detach()
    assert (row.operation, row.role) == ("linear", "weight")
    assert row.mean == pytest.approx(float(values.mean()), abs=1e-6)
    assert row.std == pytest.approx(float(values.std(correction=0)), rel=1e-5)


def test_inputs_are_measured_and_without_them_nothing_is(only: Callable[..., None]) -> None:
    seen: list[Any] = []

    def lint(subject: Subject) -> Iterator[Finding]:
        seen.append(subject.probe)
        yield from ()

    only(lint)
    iw.check(Blocks())
    iw.check(Blocks(), torch.randn(4, 8), loss=lambda output: output.square().mean())
    assert seen[0] is None
    assert seen[1].loss > 0
    assert seen[1].gradients["head.weight"].shape == (3, 8)


def test_a_compiled_model_is_checked_unwrapped_and_a_note_says_so() -> None:
    model = spoilt("head.bias")
    compiled: Any = torch.compile(model, backend="eager")
    report = iw.check(compiled, torch.randn(2, 8))
    assert [finding.parameter for finding in report.findings if finding.code == "INI101"] == ["head.bias"]
    assert report.notes[0] == "the model is compiled by torch.compile; its original was checked"
    model.compile(backend="eager")
    assert report.notes[0] in iw.check(model).notes


def test_a_data_parallel_model_keeps_the_names_of_the_model_in_it() -> None:
    report = iw.check(nn.DataParallel(spoilt("head.bias")), torch.randn(2, 8))
    assert report.title == "check Blocks"
    assert [finding.parameter for finding in report.findings if finding.code == "INI101"] == ["head.bias"]


def test_a_tied_parameter_has_one_row() -> None:
    model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 20, bias=False))
    model[1].weight = model[0].weight
    assert [row.name for row in iw.check(model).rows] == ["0.weight"]


def test_a_parametrized_weight_is_a_row_under_its_own_name() -> None:
    report = iw.check(nn.Sequential(parametrizations.weight_norm(nn.Linear(8, 8))))
    assert [row.name for row in report.rows] == ["0.bias", "0.weight"]


def test_what_no_lint_looks_at_is_said_with_the_reason_and_not_counted() -> None:
    model = nn.Linear(8, 8)
    model.empty = nn.Parameter(torch.empty(0))
    model.steps = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    report = iw.check(model)
    verdicts = {row.name: row.verdict for row in report.rows}
    assert verdicts["empty"] == "not analysed: it has no elements"
    assert verdicts["steps"] == "not analysed: its values are of torch.int64"
    assert report.counts["checked"] == 2
    assert "not analysed: its values are of torch.int64: steps" in str(report)
    assert "2 checked: nothing found; 2 not analysed." in str(report)


def test_nothing_is_changed_by_a_check() -> None:
    model = spoilt("head.bias")
    before, state = iw.digest(model), torch.get_rng_state()
    iw.check(model)
    iw.check(Blocks(), torch.randn(2, 8, generator=torch.Generator().manual_seed(0)))
    assert iw.digest(model) == before
    head = torch.get_rng_state()
    torch.set_rng_state(state)
    Blocks()
    assert torch.equal(torch.get_rng_state(), head)


# ---------------------------------------------------------------------------------------------------- what it refuses


call: Callable[..., object] = iw.check  # for calls that types forbid


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: call("model"), ArgumentTypeError, "check: the model is 'model' of type str; give a torch.nn.Mod"),
        (
            lambda: iw.check(nn.LazyLinear(3)),
            ArgumentError,
            "check: 'weight' is not initialized: Lazy",
        ),
        (
            lambda: iw.check(nn.Linear(8, 3, device="meta")),
            ArgumentError,
            r"check: 2 of 2 parameters are on the meta device and hold no values: weight, bias; give them"
            r" memory and values with iw.materialize\(model, plan, device=...\), or load",
        ),
        (lambda: iw.check(Blocks(), torch.randn(2, 9)), ArgumentError, "check: inputs do not fit the model: linear in"),
        (lambda: iw.check(Blocks(), 5), ArgumentError, "check: inputs for Blocks are 5 of type int; give a tensor"),
        (lambda: iw.check(Blocks(), loss=len), ArgumentError, "check: loss is given without inputs; give inputs="),
        (
            lambda: call(Blocks(), torch.randn(2, 8), loss="mse"),
            ArgumentTypeError,
            "check: loss is 'mse' of type str; give a function that takes the model's output",
        ),
        (
            lambda: iw.check(Blocks(), torch.randn(2, 8), loss=lambda output: output),
            ArgumentError,
            r"the loss has shape \(2, 3\); it must be a scalar",
        ),
        (lambda: iw.check(Blocks(), select="SYN"), ArgumentError, "check: select: there is no code 'SYN'"),
        (lambda: call(Blocks(), select=["INI101", 7]), ArgumentTypeError, "check: select: 7 is no code; give str"),
        (lambda: call(Blocks(), suppress=["SYM"]), ArgumentError, "check: suppress has 'SYM'; give iw.Suppression"),
        (lambda: call(Blocks(), suppress=5), ArgumentError, "check: suppress has 5; give iw.Suppression"),
    ],
)
def test_wrong_arguments_are_told(wrong: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        wrong()
    assert isinstance(caught.value, InitwiseError)


def test_how_many_of_many_parameters_are_on_meta_is_told() -> None:
    model = Blocks()
    model.blocks[2].to("meta")
    with pytest.raises(ArgumentError, match=r"4 of 26 parameters .* blocks.2.1.weight and 1 more"):
        iw.check(model)


def test_a_lint_that_fails_is_our_own_fault_and_says_which(only: Callable[..., None]) -> None:
    def crooked(subject: Subject) -> Iterator[Finding]:
        yield found("INI101", "head.bias", "so it is", "a", str(1 / 0), "b")

    only(crooked)
    with pytest.raises(RuntimeError, match="the lint crooked failed: ZeroDivisionError: division by zero") as caught:
        iw.check(Blocks())
    assert not isinstance(caught.value, InitwiseError)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# ------------------------------------------------------------------------------------------------ what the report says


def test_findings_come_errors_first_and_then_in_the_order_of_the_model(only: Callable[..., None]) -> None:
    only(
        telling(("STA205", "head.bias", "info"), ("STA205", "blocks.1.0.weight", "warning")),
        telling(("INI101", "head.weight", "error"), ("INI101", "blocks.1", "error"), ("INI101", "nowhere", "error")),
        telling(("INI108", "blocks.0.0.bias", "error"), ("INI101", "blocks.0.0.bias", "error")),
    )
    assert [(each.code, each.parameter) for each in iw.check(Blocks()).findings] == [
        ("INI101", "blocks.0.0.bias"),
        ("INI108", "blocks.0.0.bias"),
        ("INI101", "blocks.1"),
        ("INI101", "head.weight"),
        ("INI101", "nowhere"),
        ("STA205", "blocks.1.0.weight"),
        ("STA205", "head.bias"),
    ]


def test_select_keeps_codes_and_all_that_begin_so(only: Callable[..., None]) -> None:
    only(telling(("INI101", "head.bias", "error"), ("SYM301", "head.bias", "error"), ("SYM302", "head.bias", "error")))
    model = Blocks()
    assert [each.code for each in iw.check(model, select="SYM").findings] == ["SYM301", "SYM302"]
    assert [each.code for each in iw.check(model, select=["INI1", "SYM302"]).findings] == ["INI101", "SYM302"]
    assert iw.check(model, select="ZER").findings == ()


def test_what_four_or_more_like_parameters_have_is_one_finding_and_each_has_its_row() -> None:
    report = iw.check(spoilt(*(f"blocks.{index}.0.weight" for index in (0, 1, 3, 4))))
    (finding,) = report.findings
    assert (finding.parameter, len(finding.others)) == ("blocks.0.0.weight", 3)
    faulty = [row.name for row in report.rows if row.verdict == "INI101"]
    assert faulty == [f"blocks.{index}.0.weight" for index in (0, 1, 3, 4)]
    assert report.counts["errors"] == 1


def test_the_printed_report_is_short_and_says_what_to_do() -> None:
    report = iw.check(
        spoilt("head.bias", *(f"blocks.{index}.0.weight" for index in range(4))), torch.zeros(2, 8), select="INI1"
    )
    assert str(report) == (
        "check Blocks\n"
        "\n"
        "error INI101 blocks.0-3.0.weight (4 alike): the values are not all finite\n"
        "    measured 1 NaN of 64 values; expected finite values\n"
        "error INI101 head.bias: the values are not all finite\n"
        "    measured 1 NaN of 3 values; expected finite values\n"
        f"    fix: {CATALOGUE['INI101'].fix}\n"
        "\n"
        f"note: {report.notes[0]}\n"
        "\n"
        "26 checked: 2 errors.\n"
        "More: initwise explain INI101"
    )


def test_the_table_of_all_parameters_is_shown_where_it_is_asked_for() -> None:
    said = iw.check(spoilt("head.bias")).text(terminal=False, rows=True)
    lines = [re.sub(" +", " ", line).strip() for line in said.splitlines()]
    assert "parameter elements operation role mean std verdict" in lines
    assert "head.bias 3 linear bias INI101" in lines
    assert len([line for line in lines if line.startswith(("blocks.", "head."))]) == 26


def test_the_report_as_data_has_every_bucket(only: Callable[..., None]) -> None:
    only(telling(("INI101", "head.bias", "error"), ("SYM301", "head.weight", "warning")))
    report = iw.check(Blocks(), suppress=iw.Suppression("SYM", reason="it is a test"))
    data = json.loads(to_json(report))
    assert data["ok"] is False
    assert data["counts"] == {
        "checked": 26, "errors": 1, "warnings": 0, "infos": 0, "suppressed": 1, "known": 0,
        "not analysed": 0, "not testable": 0,
    }  # fmt: skip
    assert data["findings"][0]["parameter"] == "head.bias"
    assert data["suppressed"][0]["reason"] == "it is a test"
    assert data["rows"][-1] == {
        "name": "head.bias", "elements": 3, "role": "bias", "operation": "linear",
        "mean": pytest.approx(report.rows[-1].mean), "std": pytest.approx(report.rows[-1].std), "verdict": "INI101",
    }  # fmt: skip


def test_the_place_of_a_layer_of_pytorch_is_the_class_that_builds_it() -> None:
    report = iw.check(Blocks())
    place = report.place("head.weight")
    assert place is not None
    assert (place.owner, place.shape, Path(place.file)) == ("Linear", (3, 8), Path(__file__).resolve())
    assert Path(__file__).read_text(encoding="utf-8").splitlines()[place.line - 1].startswith("class Blocks")
    assert report.place("blocks.0.0.weight [part]") == report.place("blocks.0.0.weight")
    around = report.place("blocks.3.7.nothing")
    assert around is not None
    assert around.owner == "Sequential"


def test_a_log_of_the_construction_tells_what_nobody_wrote_however_harmless_it_looks() -> None:
    with iw.record(poison=False) as log:
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        model[2].weight = nn.Parameter(torch.empty(2, 4))
    with torch.no_grad():
        model[2].weight.copy_(torch.linspace(-0.4, 0.5, 8).view(2, 4))  # what memory may hold
    assert iw.check(model).findings == ()
    (finding,) = iw.check(model, log=log).findings
    assert (finding.code, finding.parameter) == ("INI112", "2.weight")
    with pytest.raises(ArgumentTypeError, match="log is 3 of type int"):
        iw.check(model, log=3)  # type: ignore[arg-type]


def test_zeros_that_never_move_are_told_once_with_inputs_and_without() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    for parameter in model[0].parameters():
        nn.init.zeros_(parameter)
    for inputs in (None, torch.randn(16, 8)):
        told = [(each.code, each.parameter) for each in iw.check(model, inputs).findings]
        assert told.count(("ZER401", "0.weight")) == 1
