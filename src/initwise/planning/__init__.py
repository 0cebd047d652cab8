"""Deciding: rules against a model that was read give a plan, a pure value. Nothing is written."""

from initwise.planning._names import Names
from initwise.planning._plan import plan
from initwise.planning._row import Part, Row
from initwise.planning._usage import with_usage
from initwise.planning._value import Plan, refuse_other_than_plan

__all__ = ["Names", "Part", "Plan", "Row", "plan", "refuse_other_than_plan", "with_usage"]
