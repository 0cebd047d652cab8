"""Weight initialization for PyTorch: planned, exact, and the same on every device.

    import initwise as iw

    plan = iw.plan(model, "gpt2", seed=0)    # decide: nothing is written yet
    print(plan)                              # one row a parameter: what, from which law, and why
    iw.apply(model, plan)                    # write, all parameters or none
    report = iw.verify(model, plan)          # prove that the weights are what was asked for

`initwise.init` is the drop-in for `torch.nn.init`, `initwise.random` the random stream itself.
"""

from initwise import errors, init, random, recipes
from initwise.axes import Axes
from initwise.digests import digest
from initwise.errors import VerificationError
from initwise.gains import gain
from initwise.initializers import (
    Constant,
    Custom,
    DeltaOrthogonal,
    Dirac,
    Identity,
    KaimingNormal,
    KaimingUniform,
    Keep,
    Law,
    LecunNormal,
    LecunUniform,
    Normal,
    Ones,
    Orthogonal,
    PerBlock,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from initwise.planning import Plan, plan
from initwise.rules import Rule, rule
from initwise.selectors import Glob, Name, Regex, Type, Where
from initwise.verification import verify
from initwise.workflow import initialize
from initwise.writing import apply

__version__ = "0.1.0"

__all__ = [
    "Axes",
    "Constant",
    "Custom",
    "DeltaOrthogonal",
    "Dirac",
    "Glob",
    "Identity",
    "KaimingNormal",
    "KaimingUniform",
    "Keep",
    "Law",
    "LecunNormal",
    "LecunUniform",
    "Name",
    "Normal",
    "Ones",
    "Orthogonal",
    "PerBlock",
    "Plan",
    "Regex",
    "Rule",
    "Sparse",
    "TruncatedNormal",
    "Type",
    "Uniform",
    "VarianceScaling",
    "VerificationError",
    "Where",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "apply",
    "digest",
    "errors",
    "gain",
    "init",
    "initialize",
    "plan",
    "random",
    "recipes",
    "rule",
    "verify",
]
