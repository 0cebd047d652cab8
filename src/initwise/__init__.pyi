# The public names, for type checkers and editors; `__init__.py` imports each where it is first used.
from initwise import errors, init, random, recipes
from initwise.axes import Axes
from initwise.digests import digest
from initwise.errors import ApplyError, ArgumentError, InitwiseError, PlanError, SchemaError, VerificationError
from initwise.gains import gain
from initwise.initializers import (
    ICNR,
    BilinearKernel,
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

__version__: str

__all__ = [  # noqa: RUF022 - in the order of `sorted`, as `__init__.py` makes it
    "ApplyError",
    "ArgumentError",
    "Axes",
    "BilinearKernel",
    "Constant",
    "Custom",
    "DeltaOrthogonal",
    "Dirac",
    "Glob",
    "ICNR",
    "Identity",
    "InitwiseError",
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
    "PlanError",
    "Regex",
    "Rule",
    "SchemaError",
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
