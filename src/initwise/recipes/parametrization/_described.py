"""What `mup` says of itself in `initwise recipes` and `explain`, though only `iw.recipes.mup(base=...)` decides."""

from __future__ import annotations

from typing import NoReturn

from initwise.errors import ArgumentError
from initwise.model import Reading
from initwise.recipes._recipe import Recipe

SUMMARY = "maximal update parametrization against a narrower base model; made by iw.recipes.mup(base=...)"
SOURCE = (
    "Yang et al. 2022, Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer "
    "(arXiv:2203.03466), Table 8"
)
LAWS = (
    ("at the base's width", "the rules' own laws; N(0, 1 / fan_in) where none are given"),
    ("hidden: fan_in and fan_out grow", "std of the base × sqrt(base fan_in / fan_in); Adam lr × base fan_in / fan_in"),
    ("input: only fan_out grows", "std of the base; SGD lr × fan_out / base fan_out"),
    (
        "output: only fan_in grows",
        "std of the base, its product × base fan_in / fan_in in the forward pass; with readout='weights' "
        "std × base fan_in / fan_in and Adam lr × the same, and no change of the forward pass",
    ),
    ("biases, norms, scales", "the base's law; SGD lr × width / base width"),
    ("attention", "logits q·k / d_head instead of / sqrt(d_head), equal at the base's d_head"),
    ("weight decay", "× 1 / (the factor of the learning rate), so that their product stays"),
)


def _refuse(reading: Reading) -> NoReturn:
    raise ArgumentError(
        "it needs the shapes of a base model: iw.plan(model, iw.recipes.mup(base=small_model)), where small_model is "
        "the same architecture at the width at which the hyperparameters were tuned (the meta device is enough)"
    )


MUP = Recipe(name="mup", summary=SUMMARY, source=SOURCE, laws=LAWS, decide=_refuse)
