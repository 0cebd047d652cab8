"""Signals as text: the table with bars, the sentences below it, two passes side by side, Markdown."""

from __future__ import annotations

import io
import math
import re
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.signals import Signals
from initwise.signals.shown import Bars, document
from tests.signals.shown_signals import deep, row, small, verdict


def plain(signals: Signals, **options: Any) -> str:
    return signals.text(terminal=False, plain=False, **options)


def unstyled(text: str) -> list[str]:
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]


# ------------------------------------------------------------------------------------------------------------- one pass


def test_layers_stand_below_each_other_with_bars_and_the_sentences_follow() -> None:
    shown = small(verdicts=(verdict(growths=(4.0, None, 1.0)), verdict("backward", ok=False)))
    assert plain(shown) == (
        "Signals of Net, predicted, with 2x4 float32\n"
        "\n"
        "layer  E[x^2]            E[g^2]        weight                 operation  correlation\n"
        "-----  ------  --------  ------  ----  ---------------------  ---------  -----------\n"
        "up          1  ████████  0.0001  ████  N(0, 0.5²)             linear            0.00\n"
        "down     0.01  ▏              0        up.weight: N(0, 0.5²)  linear            0.75\n"
        "Net         ?  ?              ?  ?     scale: N(0, 0.5²)      eigh\n"
        "\n"
        "Bars are on a log scale: E[x^2] 0.01 to 1, E[g^2] 3.2e-05 to 0.00032.\n"
        "\n"
        "loss 2.5, ln C = 2.303 (cross entropy of 10 classes with random labels)\n"
        "\n"
        "not ok: backward, up -> down: the signal grows 1.5-fold\n"
        "    fix: up.weight: std 0.1 instead of 0.5\n"
        "ok: forward, up -> down: the signal grows 1.5-fold\n"
        "    a block 1 (h.2) to 4 (h.0)  ▇▂\n"
        "\n"
        "unknown: torch.linalg.eigh in Net (net.py:9), 2 times: no rule; add one with @iw.signals.rule\n"
        "\n"
        "note: means over 8 samples"
    )


def test_str_is_the_text_and_piped_it_has_no_escape_codes(capsys: pytest.CaptureFixture[str]) -> None:
    print(small())  # noqa: T201 - that is what is tested
    assert capsys.readouterr().out == small().text(terminal=False) + "\n"


def test_all_rows_show_activations_and_what_is_known_of_them_alone() -> None:
    lines = plain(small(), rows="all").splitlines()
    assert [line.split()[0] for line in lines[4:8]] == ["up", "act", "down", "Net"]
    assert lines[2].split()[-2:] == ["correlation", "dead"]
    assert lines[5].split()[-1] == "0.25"


def test_a_second_call_of_a_module_says_which_it_is() -> None:
    once = row(0, "cell", "linear", "cell.weight", second_moment=1.0)
    shown = small(rows=(once, replace(once, index=1, call=1)))
    assert [line.partition("  ")[0] for line in plain(shown).splitlines()[4:6]] == ["cell", "cell (call 2)"]


def test_calls_of_repeated_blocks_are_counted_on_their_line() -> None:
    once = row(0, "cell", "linear", "cell.weight", second_moment=1.0)
    shown = small(rows=tuple(replace(once, index=index, call=index) for index in range(41)))
    assert plain(shown).splitlines()[4].startswith("cell (41 calls) ")


def test_of_chains_of_layers_the_longest_say_what_theory_says_of_them_and_once() -> None:
    chains = [SimpleNamespace(sentence=f"{size} layers", modules=("l",) * size) for size in (3, 4, 12, 5)]
    assert "\n\nchain: 12 layers\nchain: 5 layers\nchain: 2 more, none longer\n\n" in plain(small(chains=tuple(chains)))
    shown = small(chains=tuple(chains[:1]))
    assert "\n\nchain: 3 layers\n\n" in plain(shown)
    assert shown.beside(shown, terminal=False).count("chain: ") == 1


def test_where_there_is_no_loss_it_says_what_backward_starts_from_and_an_unknown_one_is_unknown() -> None:
    projected = small(loss=None, loss_in_words="a fixed random projection of the outputs")
    assert "\nno loss: backward from a fixed random projection of the outputs\n" in plain(projected)
    assert "\nloss unknown (cross entropy of 10 classes with random labels)\n" in plain(small(loss=None))
    own = plain(small(loss_in_words="the loss mse"))
    assert "\nloss 2.5 (the loss mse)\n" in own


def test_more_paths_than_six_that_are_well_are_counted_and_what_is_wrong_is_always_shown() -> None:
    shown = plain(small(verdicts=(*[verdict()] * 8, *[verdict(ok=False)] * 7)))
    assert shown.count("\nnot ok: ") == 7
    assert shown.count("\nok: forward") == 6
    assert "\nok: 2 more paths\n" in shown


def test_signals_without_rows_still_print() -> None:
    empty = Signals("measured", "Net", "2x4", (), {})
    heads = "layer  E[x^2]    E[g^2]    weight  operation\n-----  ------    ------    ------  ---------"
    assert plain(empty) == f"Signals of Net, measured, with 2x4\n\n{heads}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_seen(value: float) -> None:
    shown = small(rows=(row(0, "up", "linear", "up.weight", second_moment=value), small().rows[2]))
    assert plain(shown).splitlines()[4].split()[:3] == ["up", str(value), "!"]


# --------------------------------------------------------------------------------------------------------------- blocks


def test_of_many_rows_those_of_repeated_blocks_share_a_line() -> None:
    lines = plain(deep()).splitlines()
    assert [re.split(r"  +", line) for line in lines[4:7]] == [
        ["net.h.0-14.norm", "1", "▁▁▁▁▁▁▁▁", "0.001", "▅▅▅▅▅▅▅▅", "1", "linear"],
        ["net.h.0-14.up", "1", "▁▁▁▁▁▁▁▁", "0.001", "▅▅▅▅▅▅▅▅", "N(0, 0.5²)", "linear"],
        ["net.h.0-14.down", "2..3.3e+04", "▁▂▃▅▅▆▇█", "0.001", "▅▅▅▅▅▅▅▅", "0", "linear"],
    ]
    assert lines[-1].endswith("Steps are blocks, the first on the left.")


def test_a_block_whose_weight_follows_another_law_stays_on_its_own_line() -> None:
    names = [line.split()[0] for line in plain(deep(odd=3)).splitlines()[4:8]]
    assert names == ["net.h.0-14.norm", "net.h.0..14.up", "net.h.0-14.down", "net.h.3.up"]


def test_laws_that_drift_with_depth_share_a_line_that_shows_both_ends() -> None:
    shown = deep()
    drifting = {
        name: replace(each, law=f"N(0, 0.5{index}²)") if each.law.startswith("N") else each
        for index, (name, each) in enumerate(shown.parameters.items())
    }
    line = plain(replace(shown, parameters=drifting)).splitlines()[5]
    assert re.split(r"  +", line)[-2] == "N(0, 0.51²) .. N(0, 0.543²)"


def test_laws_of_another_kind_or_outputs_of_another_shape_stay_apart() -> None:
    shown = deep()
    uniform = replace(shown.parameters["net.h.4.up.weight"], law="U(±0.866)")
    lines = plain(replace(shown, parameters={**shown.parameters, uniform.name: uniform})).splitlines()
    assert [line.split()[0] for line in lines[4:8]][-1] == "net.h.4.up"
    wide = [replace(each, shape=(2, 16)) if each.module == "net.h.4.up" else each for each in shown.rows]
    assert plain(replace(shown, rows=tuple(wide))).splitlines()[7].split()[0] == "net.h.4.up"


def test_a_range_is_unknown_where_one_of_its_rows_is() -> None:
    shown = deep()
    rows = [replace(each, second_moment=None) if each.module == "net.h.4.up" else each for each in shown.rows]
    assert re.split(r"  +", plain(replace(shown, rows=tuple(rows))).splitlines()[5])[:3] == [
        "net.h.0-14.up",
        "?",
        "▁▁?▁▁▁▁▁",
    ]


def test_few_rows_are_shown_one_by_one_and_so_are_all_on_request() -> None:
    assert len(plain(small(rows=deep(14).rows[:40])).splitlines()) == len(plain(small(rows=())).splitlines()) + 40 + 2
    assert len(plain(small(rows=deep(14).rows[:41])).splitlines()) == len(plain(small(rows=())).splitlines()) + 3 + 2
    assert len(plain(deep(14)).splitlines()) == 4 + 3 + 2
    assert len(plain(deep(14), rows="layers").splitlines()) == 4 + 42 + 2
    assert len(plain(deep(14), rows="all").splitlines()) == 4 + 42 + 2


@pytest.mark.parametrize("outer", ["block", "stage"])
def test_of_two_numbers_in_a_name_the_block_is_the_one_with_more_values(outer: str) -> None:
    numbers = [(index // 2, index % 2) if outer == "block" else (index // 21, index % 21) for index in range(42)]
    names = [f"{outer}.{first}.layer.{second}" for first, second in numbers]
    rows = [row(index, name, "linear", f"{name}.weight", second_moment=1.0) for index, name in enumerate(names)]
    shown = Signals("predicted", "Net", "2x4", tuple(rows), {})
    folded = {
        "block": ["block.0-20.layer.0", "block.0-20.layer.1"],
        "stage": ["stage.0.layer.0-20", "stage.1.layer.0-20"],
    }
    assert [line.split()[0] for line in plain(shown).splitlines()[4:6]] == folded[outer]


# --------------------------------------------------------------------------------------------------------- side by side


def measured() -> Signals:
    rows = [replace(each, second_moment=None if each.second_moment is None else 1.2 * each.second_moment)
            for each in small().rows]  # fmt: skip
    return small(kind="measured", rows=tuple(rows), loss=2.25, unknown=(), notes=("one pass",), verdicts=(verdict(),))


def test_predicted_and_measured_stand_side_by_side_with_their_ratio() -> None:
    assert small(verdicts=(verdict(ok=False),)).beside(measured(), terminal=False) == (
        "Signals of Net, predicted and measured, with 2x4 float32\n"
        "\n"
        "layer  E[x^2] predicted  E[x^2] measured  ratio  E[g^2] predicted  E[g^2] measured  ratio"
        "  weight                 operation\n"
        "-----  ----------------  ---------------  -----  ----------------  ---------------  -----"
        "  ---------------------  ---------\n"
        "up                    1              1.2   1.20            0.0001           0.0001   1.00"
        "  N(0, 0.5²)             linear\n"
        "down               0.01            0.012   1.20                 0                0   1.00"
        "  up.weight: N(0, 0.5²)  linear\n"
        "Net                   ?                ?                        ?                ?       "
        "  scale: N(0, 0.5²)      eigh\n"
        "\n"
        "measured / predicted:\n"
        "    E[x^2]: 0 of 2 layers within 10 %, 2 within 25 %; farthest 1.20 at up\n"
        "    E[g^2]: 2 of 2 layers within 10 %, 2 within 25 %; farthest 1.00 at up\n"
        "\n"
        "loss 2.5 predicted, 2.25 measured, ln C = 2.303 (cross entropy of 10 classes with random labels)\n"
        "\n"
        "not ok: predicted forward, up -> down: the signal grows 1.5-fold\n"
        "    fix: up.weight: std 0.1 instead of 0.5\n"
        "ok: measured forward, up -> down: the signal grows 1.5-fold\n"
        "\n"
        "unknown: torch.linalg.eigh in Net (net.py:9), 2 times: no rule; add one with @iw.signals.rule\n"
        "\n"
        "note: predicted: means over 8 samples\n"
        "note: measured: one pass"
    )


def test_two_of_a_kind_are_the_first_and_the_second() -> None:
    assert "Signals of Net, first and second," in small().beside(small(), terminal=False)


def test_the_ratio_of_a_line_is_the_one_farthest_from_one_and_so_is_the_layer_that_is_named() -> None:
    factors = {"net.h.3.up": 0.25, "net.h.5.up": 2.0}
    first = deep()
    rows = [
        replace(each, second_moment=factors.get(each.module, 1.0) * (each.second_moment or 0)) for each in first.rows
    ]
    lines = first.beside(replace(first, kind="measured", rows=tuple(rows)), terminal=False).splitlines()
    assert re.split(r"  +", lines[5])[1:4] == ["1", "0.25..2", "0.25"]
    assert "    E[x^2]: 43 of 45 layers within 10 %, 43 within 25 %; farthest 0.25 at net.h.3.up" in lines


def test_rows_that_one_side_lacks_are_unknown_there() -> None:
    shown = small(rows=small().rows[:1]).beside(measured(), terminal=False)
    assert shown.splitlines()[5].split()[:3] == ["down", "?", "0.012"]


def test_what_is_no_signals_cannot_stand_beside() -> None:
    with pytest.raises(
        ArgumentTypeError, match=r"Signals.beside: 3 is of type int; give what iw.predict or iw.measure"
    ):
        small().beside(3)  # type: ignore[arg-type]


def test_rows_that_are_unknown_words_are_refused() -> None:
    with pytest.raises(ArgumentError, match="text: rows is 'most'; give 'folded', 'layers' or 'all'"):
        small().text(rows="most")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ terminals


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for shown in (small(verdicts=(verdict(ok=False),)), deep(20)):
        assert max(map(len, unstyled(shown.text(terminal=True, width=width)))) <= width
        beside = shown.beside(replace(shown, kind="measured"), terminal=True, width=width)
        assert max(map(len, unstyled(beside))) <= width


def test_a_narrow_terminal_goes_without_what_most_names_begin_with_and_says_so() -> None:
    lines = unstyled(deep(20).text(terminal=True, width=80))
    assert "Names are shown without net." in lines
    assert [line.split()[0] for line in lines[4:7]] == ["h.0-19.norm", "h.0-19.up", "h.0-19.down"]
    assert lines[2].split() == ["layer", "E[x^2]", "E[g^2]", "weight", "operation"]


def test_names_stay_whole_where_few_begin_alike_or_with_a_number() -> None:
    for names in (["a.b", "a.c", "a.d", "e", "f", "g"], ["0.b", "0.c", "0.d"]):
        rows = [row(index, name, "linear", f"{name}.weight", second_moment=1.0) for index, name in enumerate(names)]
        lines = unstyled(small(rows=tuple(rows)).text(terminal=True, width=80))
        assert [line.split()[0] for line in lines[4 : 4 + len(names)]] == names


def test_verdicts_are_coloured_on_a_terminal() -> None:
    shown = small(verdicts=(verdict(), verdict(ok=False))).text(terminal=True, width=100)
    assert "\x1b[1;31mnot ok:\x1b[0m forward" in shown
    assert "\x1b[1;32mok:\x1b[0m forward" in shown
    assert "\x1b[1;33munknown:\x1b[0m torch" in shown


def test_a_terminal_that_knows_no_blocks_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    shown = small(verdicts=(verdict(growths=(1.0, 4.0)),)).text(terminal=False)
    assert "up          1  ########  0.0001  ####" in shown
    assert "to 4 (h.1)  .*" in shown
    shown.encode("cp1252")


# ---------------------------------------------------------------------------------------------------- bars and Markdown


def test_a_bar_grows_with_the_logarithm_and_a_step_is_a_mean_of_neighbours() -> None:
    bars = Bars.over([1e-4, 1.0, 0.0, None, math.inf])
    assert [bars.bar(each) for each in (1e-4, 1e-2, 1.0, 0.0, None, math.nan)] == [
        "▏",
        "████",
        "████████",
        "",
        "?",
        "!",
    ]
    assert Bars(1e-4, 1.0, width=2).spark([1e-4, 1e-4, 1.0, 1.0]) == "▁█"
    assert Bars(1e-4, 1.0, width=2).spark([1e-4, math.nan, 1.0, None]) == "!?"
    assert Bars(1e-4, 1.0, width=1).spark([None, 0.0, math.inf]) == "!"
    assert Bars.over([2.0, 2.0]).bar(2.0) == "████"


def test_markdown_escapes_what_it_would_read_and_nests_what_belongs_together() -> None:
    shown = document(small(model="a|b_c", verdicts=(verdict(ok=False),)))
    assert shown.splitlines()[3] == "| --- | ---: | --- | ---: | --- | --- | --- | ---: |"
    assert shown.splitlines()[0] == "**Signals of a\\|b\\_c, predicted, with 2x4 float32**"
    assert "| up | 1 | ████████ | 0.0001 | ████ | N(0, 0.5²) | linear | 0.00 |" in shown
    assert (
        "- not ok: forward, up -> down: the signal grows 1.5-fold\n  - fix: up.weight: std 0.1 instead of 0.5" in shown
    )
    both = document(small(), measured())
    assert "| up | 1 | 1.2 | 1.20 | 0.0001 | 0.0001 | 1.00 |" in both
    assert "- E\\[x^2]: 0 of 2 layers within 10 %" in both
