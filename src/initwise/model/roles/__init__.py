"""Roles: what the graph of a forward pass says about each parameter, and the residual streams in it."""

from initwise.model.roles._flow import Flow
from initwise.model.roles._merge import Roles
from initwise.model.roles._pieces import Pieces
from initwise.model.roles._residuals import Residuals, Stream, Writer
from initwise.model.roles._uses import Use

__all__ = ["Flow", "Pieces", "Residuals", "Roles", "Stream", "Use", "Writer"]
