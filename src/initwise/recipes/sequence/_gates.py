"""`keras-rnn` and `chrono`: LSTM and GRU layers gate by gate, all other layers as Keras draws them.

Keras itself draws one kernel over all gates: Glorot uniform with the outputs of all of them, and one orthogonal matrix
whose gates are then of length 1 / sqrt(gates). `keras-default` reproduces that; here each gate is a matrix of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from initwise.initializers import ChronoBias, Initializer, Orthogonal, PerBlock, XavierUniform, Zeros
from initwise.model import Parameter, Reading
from initwise.recipes._recipe import Decision, Recipe
from initwise.recipes.frameworks._keras_default import KERAS_DEFAULT

T_MAX = 100.0
_LAWS = (
    ("kernels", "U(±sqrt(6 / (in + hidden))), gate by gate"),
    ("recurrent kernels", "orthogonal, gate by gate"),
)
_OTHERS = (
    ("other weights", "as `keras-default`: Glorot uniform"),
    ("embeddings", "as `keras-default`: U(±0.05), the padding row zero"),
    ("norms and other biases", "as `keras-default`: weight 1, biases 0"),
)


def gated(reading: Reading) -> Callable[[Parameter], Decision]:
    """Return how `keras-rnn` decides: recurrent layers gate by gate, all else as Keras draws it."""
    others = KERAS_DEFAULT.decide(reading)

    def decide(parameter: Parameter) -> Decision:
        if not is_recurrent(parameter.module) or parameter.role not in ("weight", "recurrent"):
            return others(parameter)
        gates = ", gate by gate" if parameter.blocks is not None else ""
        subject = f"{parameter.kind} {parameter.attribute}"
        if parameter.role == "recurrent":
            return Orthogonal(), f"{subject}, recurrent: orthogonal{gates}"
        return XavierUniform(), f"{subject}: Glorot uniform{gates}"

    return decide


def is_recurrent(module: nn.Module) -> bool:
    """Return whether a module is a recurrent layer or cell of PyTorch."""
    return isinstance(module, (RNNBase, RNNCellBase))


def chrono(t_max: float = T_MAX) -> Recipe:
    """Return the recipe that prepares LSTM and GRU layers for dependencies of up to `t_max` steps.

    b_f = ln U(1, t_max - 1) and b_i = -b_f in an LSTM, unit by unit; the same for the update gate z of a GRU, which
    keeps the state in PyTorch. It stands in bias_ih; bias_hh, which PyTorch adds to it, is zero. All else is as
    `keras-rnn` has it. Tallec, Ollivier 2018 (arXiv:1804.11188).

    Args:
        t_max: the longest dependency that is expected, in steps.

    Raises:
        ArgumentError: `t_max` is not a finite number above 2.

    >>> import initwise as iw
    >>> iw.plan(nn.GRU(2, 3), iw.recipes.chrono(t_max=784))["bias_ih_l0"].initializer
    PerBlock(z=ChronoBias(784.0), rest=Zeros())
    """
    keep = ChronoBias(t_max)
    longest = f"{keep.t_max:g}"
    return Recipe(
        name="chrono",
        summary=f"LSTM and GRU gates that remember for up to {longest} steps; weights as `keras-rnn`",
        source="Tallec, Ollivier 2018, Can recurrent neural networks warp time? (arXiv:1804.11188)",
        laws=(
            ("LSTM biases", f"forget gate ln U(1, {longest} - 1), input gate its negative, others 0; in bias_ih"),
            ("GRU biases", f"update gate ln U(1, {longest} - 1), others 0; in bias_ih"),
            ("bias_hh, biases of layers without gates", "0"),
            *_LAWS,
            *_OTHERS,
        ),
        decide=lambda reading: _chrono_decide(reading, keep),
        warnings=_without_gates,
    )


def _chrono_decide(reading: Reading, keep: ChronoBias) -> Callable[[Parameter], Decision]:
    others = gated(reading)

    def decide(parameter: Parameter) -> Decision:
        if parameter.role != "bias" or not is_recurrent(parameter.module) or parameter.blocks is None:
            return others(parameter)
        subject = f"{parameter.kind} {parameter.attribute}"
        if not parameter.attribute.startswith("bias_ih"):
            return Zeros(), f"{subject}: zero; PyTorch adds it to bias_ih, which holds the time scales"
        return _scales(
            parameter.blocks.names, keep
        ), f"{subject}: ln U(1, {keep.t_max:g} - 1) for the gate that keeps the state"

    return decide


def _scales(gates: tuple[str, ...], keep: ChronoBias) -> Initializer:
    if "f" in gates:
        return PerBlock(f=keep, i=ChronoBias(keep.t_max, sign=-1), rest=Zeros())
    return PerBlock(z=keep, rest=Zeros())


def _without_gates(reading: Reading) -> tuple[str, ...]:
    return tuple(_said(reading)) or (() if _has_gates(reading) else ("chrono: no LSTM or GRU layer has a gate here",))


def _has_gates(reading: Reading) -> bool:
    return any(is_recurrent(parameter.module) and parameter.blocks is not None for parameter in reading.parameters)


def _said(reading: Reading) -> Iterator[str]:
    for name, module in reading.modules.items():
        if is_recurrent(module) and not getattr(module, "bias", True):
            subject = f"chrono: {name or 'the model'} has no biases"
            yield f"{subject}, so that its gates start half open; build it with bias=True"


KERAS_RNN = Recipe(
    name="keras-rnn",
    summary="LSTM and GRU gate by gate: Glorot uniform, orthogonal recurrent kernels, forget bias one in total",
    source="the scheme of Keras's layers.LSTM and layers.GRU; Jozefowicz, Zaremba, Sutskever 2015 for the forget gate",
    laws=(
        *_LAWS,
        ("LSTM biases", "forget gate 1 in bias_ih and 0 in bias_hh, which PyTorch adds to it; other gates 0"),
        ("GRU and RNN biases", "0"),
        *_OTHERS,
    ),
    decide=gated,
)
