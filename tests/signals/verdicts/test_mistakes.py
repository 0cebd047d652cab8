"""The number that is found, against common mistakes; laws that several weights share."""

from __future__ import annotations

import math

import pytest

from initwise.signals.verdicts._laws import house_laws, place
from initwise.signals.verdicts._mistakes import explained
from initwise.signals.verdicts._weights import Weight


def weight(std: float, fan_in: float = 256, fan_out: float = 1024, *, name: str = "w", **more: float) -> Weight:
    shape = (int(fan_out), int(fan_in))
    counted = {"torch_in": fan_in, "torch_out": fan_out, **more}
    return Weight(name, "weight", std**2, 0.0, std, 0.0, "", shape, fan_in, fan_out, **counted)  # type: ignore[arg-type]


WANTED = math.sqrt(2 / 256)


@pytest.mark.parametrize(
    ("std", "words"),
    [
        (math.sqrt(2 / 1024), "fan_out (1024) was counted where fan_in (256) is meant"),
        (math.sqrt(1 / 256), "the gain sqrt(2) of a ReLU is missing"),
        (math.sqrt(4 / 256), "counted twice"),
        (2 / 256, "the variance was taken as the std"),
        (WANTED**0.5, "the variance was given where the std is asked for"),
        (WANTED / 3**0.5, "the std was taken as the bound of a uniform law"),
        (WANTED * 3**0.5, "the bound of a uniform law was taken as the std"),
        (WANTED * 10, "a factor of 10"),
        (WANTED / 10, "a factor of 0.1"),
        (WANTED, ""),
        (WANTED * 1.27, ""),
    ],
)
def test_a_mistake_is_told_by_its_factor(std: float, words: str) -> None:
    said = explained(weight(std), WANTED)
    assert words in said
    assert bool(said) == bool(words)


def test_the_number_of_branches_explains_a_missing_scale() -> None:
    scaled = WANTED / math.sqrt(24)
    assert explained(weight(WANTED), scaled, writers=24) == "1 / sqrt(24) for 24 residual branches is missing"
    assert explained(weight(WANTED), scaled) == ""


def test_the_fans_that_torch_counts_on_a_shape_are_named() -> None:
    depthwise = weight(math.sqrt(2 / 576), 9, 9, torch_out=576)
    said = explained(depthwise, math.sqrt(2 / 9))
    assert said == "torch.nn.init counts fan_out 576 on the shape 9x9, where fan_in is 9"


def test_weights_of_many_shapes_that_share_a_scheme_make_one_law() -> None:
    members = [weight(math.sqrt(2 / fan), fan, 640 - fan, name=f"{fan}") for fan in (64, 128, 256, 320, 512)]
    law = house_laws([*members, weight(0.5, name="odd")])[0]
    assert law.scheme == "fan_in"
    assert sorted(law.names) == ["128", "256", "320", "512", "64"]
    assert law.constant == pytest.approx(math.sqrt(2))
    assert law.std(weight(1.0, 32)) == pytest.approx(math.sqrt(2 / 32))


def test_two_weights_make_no_law() -> None:
    assert house_laws([weight(0.02, name="a"), weight(0.02, name="b"), weight(0.3, name="c")]) == ()


def test_names_of_siblings_differ_in_numbers_only() -> None:
    assert place("h.3.mlp.c_proj.weight") == place("h.11.mlp.c_proj.weight") == "h.#.mlp.c_proj.weight"
