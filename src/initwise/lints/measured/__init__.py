"""Lints that need a measured pass: what the signal and its gradient do in the model as it stands."""

from initwise.lints.measured._backward import uneven
from initwise.lints.measured._dead import dead
from initwise.lints.measured._gradients import flat, unused, without_gradient
from initwise.lints.measured._growth import exploding, vanishing
from initwise.lints.measured._loss import far_loss
from initwise.lints.measured._not_finite import not_finite
from initwise.lints.measured._rows import staying
from initwise.lints.measured._saturated import saturated
from initwise.lints.measured._still import still
from initwise.lints.measured._unsuited import unsuited

MEASURED = (
    not_finite,
    dead,
    saturated,
    exploding,
    vanishing,
    far_loss,
    without_gradient,
    flat,
    unused,
    uneven,
    staying,
    still,
    unsuited,
)

__all__ = ["MEASURED"]
