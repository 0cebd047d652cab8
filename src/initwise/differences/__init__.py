"""Differences of plans and models, law by law and parameter by parameter."""

from initwise.differences._diff import diff
from initwise.differences._value import Compared, Difference

__all__ = ["Compared", "Difference", "diff"]
