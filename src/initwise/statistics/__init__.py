"""Samples and laws: moments of tensors in one pass, and the intervals that hold them. It knows no model and no plan."""

from initwise.statistics._blocks import BLOCK, Block, blocks, row_major
from initwise.statistics._distribution import Distance, coarser, distance, sample, step_at
from initwise.statistics._holm import holm
from initwise.statistics._intervals import mean_interval, square_interval
from initwise.statistics._matrices import Correlation, Spectrum, correlation, gram, sampled_rows, spectrum
from initwise.statistics._moments import Moments, block_moments, merged, moments, pooled
from initwise.statistics._probabilities import equal_p, mean_p, square_p
from initwise.statistics._repeats import Parts, Rows, bits, equal_parts, equal_rows
from initwise.statistics._sample import SOME, Sample
from initwise.statistics._threads import in_threads

__all__ = [
    "BLOCK",
    "SOME",
    "Block",
    "Correlation",
    "Distance",
    "Moments",
    "Parts",
    "Rows",
    "Sample",
    "Spectrum",
    "bits",
    "block_moments",
    "blocks",
    "coarser",
    "correlation",
    "distance",
    "equal_p",
    "equal_parts",
    "equal_rows",
    "gram",
    "holm",
    "in_threads",
    "mean_interval",
    "mean_p",
    "merged",
    "moments",
    "pooled",
    "row_major",
    "sample",
    "sampled_rows",
    "spectrum",
    "square_interval",
    "square_p",
    "step_at",
]
