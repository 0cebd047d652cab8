"""What `mup` and `completep` say of themselves in lists; only what `iw.recipes.mup(base=...)` makes decides."""

from __future__ import annotations

from functools import partial
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


def _refuse(reading: Reading, call: str) -> NoReturn:
    raise ArgumentError(
        f"it needs the shapes of a base model: iw.plan(model, iw.recipes.{call}), where small_model is the same "
        "architecture at the width at which the hyperparameters were tuned (the meta device is enough)"
    )


COMPLETEP_LAWS = (
    *LAWS,
    ("residual branches", "their output × (base layers / layers)^alpha before it is added to the stream"),
    ("learning rates in blocks", "also × (layers / base layers)^(alpha - 1), which is 1 for alpha 1"),
    ("Adam's epsilon", "× base width / width; in blocks also × (base layers / layers)^alpha"),
)
COMPLETEP = Recipe(
    name="completep",
    summary="maximal updates in width and depth under Adam; made by iw.recipes.completep(base=..., base_layers=...)",
    source="Dey et al. 2025, Don't be lazy: CompleteP enables compute-efficient deep transformers (arXiv:2505.01618)",
    laws=COMPLETEP_LAWS,
    decide=partial(_refuse, call="completep(base=small_model, base_layers=2)"),
)
MUP = Recipe(
    name="mup", summary=SUMMARY, source=SOURCE, laws=LAWS, decide=partial(_refuse, call="mup(base=small_model)")
)
