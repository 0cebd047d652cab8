"""Lints on scale: a weight against its siblings, and against what its fans ask for."""

from initwise.lints.scale._fans import far_off, tied_head
from initwise.lints.scale._siblings import odd_one_out
from initwise.lints.scale._torch_fans import wrong_fans

SCALE = (odd_one_out, far_off, tied_head, wrong_fans)

__all__ = ["SCALE"]
