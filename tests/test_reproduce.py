"""The quickest of the claims that `make reproduce` tries, at smaller sizes, so that the experiments cannot rot."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import pytest
import torch

import initwise as iw
from benchmarks.reproduce import deepnet, fixup, report, rslora, zero
from benchmarks.reproduce.claim import Figure


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors: threads would only wait for each other; and the recipes' reminders are heeded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
    torch.set_num_threads(before)


def test_under_deepnorm_an_update_is_as_large_at_eighteen_blocks_as_at_two_and_under_post_norm_it_is_not() -> None:
    assert deepnet.change("deepnorm", 18) == pytest.approx(deepnet.change("deepnorm", 2), rel=0.2)
    assert deepnet.change("xavier", 18) > 4 * deepnet.change("xavier", 2)


@pytest.mark.parametrize("layers", [2, 3])
def test_under_fixup_a_step_changes_the_output_by_as_much_at_32_blocks_as_at_two(layers: int) -> None:
    shallow, deep = (fixup.change(["fixup"], depth, layers) for depth in (2, 32))
    assert shallow == pytest.approx(0.037, rel=0.25)  # of the order of the learning rate, and not zero
    assert deep == pytest.approx(shallow, rel=0.25)


def test_a_branch_that_only_ends_in_zero_makes_the_step_grow_with_depth() -> None:
    rules: list[str | iw.Rule] = ["kaiming", fixup.zero_last(2)]
    assert fixup.change(rules, 32, 2) > 5 * fixup.change(rules, 2, 2)


def test_fixups_change_is_proportional_to_the_learning_rate() -> None:
    half = fixup.change(["fixup"], 8, 2, fixup.RATE / 2)
    assert half == pytest.approx(fixup.change(["fixup"], 8, 2) / 2, rel=0.1)


def test_adapters_keep_their_size_under_the_root_of_the_rank_and_lose_it_under_the_rank() -> None:
    def ratio(kind: str) -> float:
        small, large = (rslora.size(rank, kind, "sgd", 4, 0) for rank in (16, 256))
        return large / small

    assert ratio(rslora.RSLORA) == pytest.approx(1, rel=0.2)
    assert ratio(rslora.LORA) == pytest.approx(1 / 16, rel=0.3)


def test_the_hadamard_matrix_of_zero_is_orthogonal_and_needs_no_randomness() -> None:
    matrix = zero.hadamard((256, 64), None, None)
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(64))
    assert iw.plan(zero.build(), [iw.rule("*", iw.Identity()), iw.rule("2.weight", iw.Custom(zero.hadamard))])


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Figure("a", 1.0, least=0.5, most=2.0), ("0.5 to 2", "met")),
        (Figure("a", 0.1, least=0.5, most=2.0), ("0.5 to 2", "**not met**")),
        (Figure("a", 3.0, most=2.0), ("at most 2", "**not met**")),
        (Figure("a", math.nan, least=1.0), ("at least 1", "**not met**")),
        (Figure("a", math.inf, most=1e9), ("at most 1e+09", "**not met**")),
    ],
)
def test_a_figure_is_met_between_its_bounds_only(figure: Figure, words: tuple[str, str]) -> None:
    assert (report.bounds(figure), report.verdict(figure.is_met)) == words


def test_a_figure_without_bounds_is_only_shown() -> None:
    assert (Figure("a", math.nan).is_asked, report.bounds(Figure("a", 1.0))) == (False, "")
