"""Parameters that state-space mixers and gated delta nets own directly: decays, time steps and skips.

Nothing is imported: a class is recognised by the name of its module and its own. Read from the sources of transformers
5.23 and mamba-ssm 2. What is a layer of PyTorch in there (projections, the depthwise convolution, Mamba's `dt_proj`
with the bias that its softplus takes) is read as that layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from initwise.axes import Axes
from initwise.model._usage import Usage

_DECAY = Usage("exp", "rate")  # A = -exp(A_log)
_STEP = Usage("softplus", "rate")  # dt = softplus(projection + bias)
_SKIP = Usage("mul", "scale", neutral=1.0)  # y + D * x
_HEADS = Axes(fan_in=(2,), fan_out=(1,), batch=(0,))  # weight of shape (heads, out, in)

_SELECTIVE = {"A_log": _DECAY, "D": _SKIP}
_BY_HEAD = {"A_log": _DECAY, "D": _SKIP, "dt_bias": _STEP}
_DELTA = {"A_log": _DECAY, "dt_bias": _STEP}
_RAW = _SELECTIVE | {
    "dt_proj_bias": _STEP,
    "dt_proj_weight": Usage("matmul", "weight", _HEADS),
    "x_proj_weight": Usage("matmul", "weight", _HEADS),
}

_TRANSFORMERS: tuple[tuple[dict[str, Usage], str], ...] = (
    (_SELECTIVE, "mamba.MambaMixer falcon_mamba.FalconMambaMixer jamba.JambaMambaMixer"),
    (_RAW, "zamba.ZambaMambaMixer"),
    (
        _BY_HEAD,
        "mamba2.Mamba2Mixer nemotron_h.NemotronHMamba2Mixer bamba.BambaMixer zamba2.Zamba2MambaMixer "
        "granitemoehybrid.GraniteMoeHybridMambaLayer falcon_h1.FalconH1Mixer",
    ),
    (
        _DELTA,
        "olmo_hybrid.OlmoHybridGatedDeltaNet qwen3_next.Qwen3NextGatedDeltaNet qwen3_5.Qwen3_5GatedDeltaNet "
        "qwen3_5_moe.Qwen3_5MoeGatedDeltaNet qwen4_exp.Qwen4ExpTextGatedDeltaNet kimi_linear.KimiLinearForgetGate "
        "bailing_hybrid.BailingHybridForgetGate glm5_next.Glm5NextTextForgetGate",
    ),
)
_MAMBA_SSM: tuple[tuple[dict[str, Usage], str], ...] = (
    (_SELECTIVE, "mamba_simple.Mamba"),
    (_BY_HEAD, "mamba2.Mamba2 mamba2_simple.Mamba2Simple"),
)


def readers() -> dict[str, Callable[[Any], dict[str, Usage]]]:
    """Return for each such class, by its qualified name, how its own parameters are used.

    >>> readers()["transformers.models.mamba.modeling_mamba.MambaMixer"](None)["A_log"].role
    'rate'
    """
    found = {}
    for usages, names in _TRANSFORMERS:
        for family, kind in (name.split(".") for name in names.split()):
            found[f"transformers.models.{family}.modeling_{family}.{kind}"] = _constantly(usages)
    for usages, names in _MAMBA_SSM:
        found |= {f"mamba_ssm.modules.{name}": _constantly(usages) for name in names.split()}
    return found


def _constantly(usages: dict[str, Usage]) -> Callable[[Any], dict[str, Usage]]:
    return lambda module: usages
