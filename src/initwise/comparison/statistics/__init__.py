"""What a table of final losses says, and with which error rate: pure functions of numbers."""

from initwise.comparison.statistics._divergence import (
    Divergence,
    clopper_pearson,
    divergences,
    diverges_alone,
    mcnemar,
)
from initwise.comparison.statistics._flips import Side, sign_flip
from initwise.comparison.statistics._losses import Loss, Losses, Scale
from initwise.comparison.statistics._paired import Paired, paired
from initwise.comparison.statistics._student import t_interval, t_power, t_test, tost_power
from initwise.comparison.statistics._summaries import Improvement, InterquartileMean, improvement, interquartile_mean

__all__ = [
    "Divergence",
    "Improvement",
    "InterquartileMean",
    "Loss",
    "Losses",
    "Paired",
    "Scale",
    "Side",
    "clopper_pearson",
    "divergences",
    "diverges_alone",
    "improvement",
    "interquartile_mean",
    "mcnemar",
    "paired",
    "sign_flip",
    "t_interval",
    "t_power",
    "t_test",
    "tost_power",
]
