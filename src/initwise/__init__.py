"""Weight initialization for PyTorch: planned, exact, and the same on every device.

    import initwise as iw

    plan = iw.plan(model, "gpt2", seed=0)    # decide: nothing is written yet
    print(plan)                              # one row a parameter: what, from which law, and why
    iw.apply(model, plan)                    # write, all parameters or none
    report = iw.verify(model, plan)          # prove that the weights are what was asked for

`initwise.init` is the drop-in for `torch.nn.init`, `initwise.random` the random stream itself.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# A room is imported when one of its names is first used, so that `import initwise` costs next to nothing.
_ROOMS = {
    "axes": "Axes",
    "calibration": "actnorm_init gradinit lsuv metainit output_prior weight_norm_init within_channel",
    "comparison": "Comparison Task compare",
    "differences": "diff",
    "digests": "digest",
    "errors": "ApplyError ArgumentError InitwiseError PlanError SchemaError VerificationError WriteError",
    "gains": "gain",
    "initializers": (
        "BilinearKernel ChronoBias Constant Custom DeltaOrthogonal Dirac Given ICNR Identity KaimingNormal "
        "KaimingUniform Keep Law LecunNormal LecunUniform LogOfUniform LogRange MeanOfRows NewRows Normal Ones "
        "Orthogonal PerBlock RingDecay RingGain Scaled Sparse TimeStepBias TruncatedNormal Uniform "
        "VarianceScaling XavierNormal XavierUniform Zeros"
    ),
    "lints": "Suppression check",
    "monitoring": "Monitor",
    "pages": "report",
    "planning": "Plan plan",
    "provenance": "record",
    "rules": "Rule rule",
    "signals": "coordinate_check measure predict",
    "shards": "FlatRange Slice",
    "selectors": "Glob Name Regex Type Where",
    "testing": "assert_initialized",
    "verification": "verify",
    "workflow": "initialize",
    "writing": "apply materialize write_weights",
}
_MODULES = ("errors", "init", "monitoring", "pages", "random", "recipes", "signals")
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted((*_ROOM_OF, *_MODULES))  # noqa: PLE0605 - `__init__.pyi` spells it out, and a test compares them


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"initwise.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'initwise' has no attribute {name!r}")
    value = getattr(import_module(f"initwise.{_ROOM_OF[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
