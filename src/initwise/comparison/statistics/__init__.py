"""What a table of final losses says, and with which error rate: pure functions of numbers."""

from initwise.comparison.statistics._contender import Contender, Verdict
from initwise.comparison.statistics._divergence import (
    Divergence,
    clopper_pearson,
    divergences,
    diverges_alone,
    mcnemar,
)
from initwise.comparison.statistics._family import Test, comparisons, family_level, least_seeds, smallest_p
from initwise.comparison.statistics._flips import Side, sign_flip
from initwise.comparison.statistics._losses import Loss, Losses, Scale
from initwise.comparison.statistics._paired import Paired, paired
from initwise.comparison.statistics._power import Power, power, power_curve, seeds_needed
from initwise.comparison.statistics._racing import Lost, Race
from initwise.comparison.statistics._result import Verdicts
from initwise.comparison.statistics._student import t_interval, t_power, t_test, tost_power
from initwise.comparison.statistics._summaries import Improvement, InterquartileMean, improvement, interquartile_mean
from initwise.comparison.statistics._verdicts import verdicts

__all__ = [
    "Contender",
    "Divergence",
    "Improvement",
    "InterquartileMean",
    "Loss",
    "Losses",
    "Lost",
    "Paired",
    "Power",
    "Race",
    "Scale",
    "Side",
    "Test",
    "Verdict",
    "Verdicts",
    "clopper_pearson",
    "comparisons",
    "divergences",
    "diverges_alone",
    "family_level",
    "improvement",
    "interquartile_mean",
    "least_seeds",
    "mcnemar",
    "paired",
    "power",
    "power_curve",
    "seeds_needed",
    "sign_flip",
    "smallest_p",
    "t_interval",
    "t_power",
    "t_test",
    "tost_power",
    "verdicts",
]
