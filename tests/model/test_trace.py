"""A traced forward pass sees what real models do, and leaves the model and the process as they were."""

from __future__ import annotations

import copy
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.utils import parametrizations
from torch.overrides import _get_current_function_mode_stack
from torch.utils.checkpoint import checkpoint

import initwise as iw
from initwise.digests import digest
from initwise.errors import PlanError
from initwise.fans import Fans
from initwise.model import TraceError, as_example, graph_of, read
from tests.model.tracing import Built, block_fans, seen, usage

X = torch.randn(2, 5, 6)

# -------------------------------------------------------------------------------------------- reading changes nothing


class _Restless(nn.Module):
    """Changes whatever a forward pass can change."""

    def __init__(self, *, fails: bool = False, locked: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(5)
        self.drop = nn.Dropout()
        self.head = parametrizations.spectral_norm(nn.Linear(6, 2))
        self.frozen = nn.Parameter(torch.ones(6), requires_grad=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.count, self.seen, self.cache = 0, [0], {"a": 1}
        self.fails = fails
        if locked:
            self.lock = threading.Lock()
        self.drop.eval()

    def forward(self, x: Tensor) -> Any:
        self.count += 1
        self.seen.append(1)
        self.cache["b"] = 2
        self.get_buffer("steps").add_(1)
        self.last = x
        self.norm.get_buffer("running_mean").zero_()
        random.random()
        np.random.rand()  # noqa: NPY002 - the global generator is the point
        x = self.drop(self.norm(self.linear(x)) + torch.rand(6)) * self.frozen
        if self.fails:
            raise ValueError("nothing works")
        return self.head(x)


def _state(model: _Restless) -> dict[str, Any]:
    numbers: Any = np.random.get_state()  # noqa: NPY002
    return {
        "values": digest(model),
        "buffers": {name: buffer.clone() for name, buffer in model.named_buffers()},
        "identities": {name: id(tensor) for name, tensor in (*model.named_parameters(), *model.named_buffers())},
        "training": [module.training for module in model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "hooks": [
            {
                key: [id(hook) for hook in value.values()]
                for key, value in vars(module).items()
                if "hooks" in key and value
            }
            for module in model.modules()
        ],
        "attributes": {name: sorted(vars(module)) for name, module in model.named_modules()},
        "plain": (model.count, list(model.seen), dict(model.cache)),
        "random": (random.getstate(), torch.get_rng_state(), numbers[1], numbers[2:]),
        "process": (
            list(_get_current_function_mode_stack()),
            torch.jit.ScriptFunction.__call__,
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            list(warnings.filters),
        ),
    }


def _differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict):
        if one.keys() != other.keys():
            yield path
        for key in one.keys() & other.keys():
            yield from _differences(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, (Tensor, np.ndarray)):
        if not np.array_equal(np.asarray(one), np.asarray(other)):
            yield path
    elif isinstance(one, tuple) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _differences(first, second, f"{path}.{number}")
    elif one != other:
        yield path


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_tracing_changes_nothing(locked: bool, fails: bool, training: bool) -> None:
    model = _Restless(fails=fails, locked=locked).train(training)
    model.drop.eval()
    model.linear.register_forward_hook(lambda module, args, output: output * 2)
    before = _state(model)
    if fails:
        with pytest.raises(TraceError, match="nothing works"):
            seen(model, X)
    else:
        assert usage(model, "linear.weight", X).source == "trace"
    assert list(_differences(before, _state(model))) == []


def test_the_state_that_is_compared_sees_a_forward_pass() -> None:
    model = _Restless()
    before = _state(model)
    model(X)
    found = set(_differences(before, _state(model)))
    assert {".plain.0", ".plain.1", ".plain.2", ".attributes.", ".buffers.steps", ".random.1"} <= found
    assert any(path.startswith(".random.0") for path in found)
    assert any(path.startswith((".random.2", ".random.3")) for path in found)


def test_planning_with_inputs_changes_nothing() -> None:
    model = _Restless()
    before = _state(model)
    iw.plan(model, [iw.rule("*", iw.Keep())], inputs=(X,))
    assert list(_differences(before, _state(model))) == []


def test_no_memory_of_parameters_is_copied() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.LSTM(6, 4))
    graph = graph_of(read(model), as_example(X))
    tensors = [graph.values[index].tensor for index in graph.parameters.values()]
    assert len(tensors) == 6
    assert all(tensor.is_meta for tensor in tensors)


# ------------------------------------------------------------------------------------------------------- the features


@dataclass
class _Output:
    logits: Tensor
    count: int


class _Pair(NamedTuple):
    first: Tensor
    second: int


Forward = Callable[..., Any]
SIX: Any = torch.tensor(6)


def _in_place(m: Any, x: Tensor) -> Any:
    y = m.a(x)
    y.relu_()
    y.add_(1)
    filled = torch.zeros(2, 5, 6)
    filled[:, 0] = y[:, 0]
    filled[:, 1:] = y[:, 1:]
    return m.b(filled)


def _through_views(m: Any, x: Tensor) -> Any:
    filled = torch.zeros(2, 5, 6)
    flat = filled.view(10, 6)
    filled[:, 0].copy_(m.a(x)[:, 0])
    return m.b(flat)


def _values_asked_for(m: Any, x: Tensor) -> Any:
    y = m.a(x)
    size = int(y.abs().sum().item()) % 3 + 1
    places = (y > 0).nonzero()
    return m.b(y[:, y[0, :, 0] > 0] * size), places, y[y > 0]


def _swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def _script(code: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(code)


_scripted = _script(_swish)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight.t()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError


def _fourier(m: Any, x: Tensor) -> Any:
    return m.b(torch.fft.irfft(torch.fft.rfft(m.a(x), dim=1), n=5, dim=1))


FEATURES: dict[str, Forward] = {
    "a condition on a shape": lambda m, x: m.b(m.a(x)) if x.shape[0] == 2 else x,
    "a condition on values": lambda m, x: m.b(m.a(x)) if x.sum() > 0 else m.b(m.a(x) + 1),
    "a dictionary": lambda m, x: {"logits": m.b(m.a(x)), "more": [x]},
    "a dataclass": lambda m, x: _Output(m.b(m.a(x)), 3),
    "a named tuple": lambda m, x: _Pair(m.b(m.a(x)), 3),
    "reentrant checkpointing": lambda m, x: m.b(checkpoint(m.a, x, use_reentrant=True)),
    "checkpointing": lambda m, x: m.b(checkpoint(m.a, x, use_reentrant=False)),
    "writing in place": _in_place,
    "writing through views": _through_views,
    "values asked for": _values_asked_for,
    "sizes made of values": lambda m, x: m.b(m.a(x)[:, torch.arange(m.a(x).abs().sum().long())]),
    "sizes as tensors": lambda m, x: m.b(m.a(x) + torch.arange(0, SIX, device=x.device)),
    "constants on the CPU": lambda m, x: m.b(m.a(x) * torch.arange(6) + torch.ones(6, device=x.device)),
    "a scripted function": lambda m, x: m.b(_scripted(m.a(x))),
    "a function of autograd": lambda m, x: m.b(_Product.apply(x, m.a.weight)),
    "axes taken apart": lambda m, x: m.b(m.a(x).reshape(2, 5, 2, 3).permute(0, 2, 1, 3).transpose(1, 2).flatten(2)),
    "a Fourier transform": _fourier,
    "a choice of the largest": lambda m, x: m.b(m.a(x).gather(1, m.a(x).topk(2, 1).indices)),
    "a mask without values": lambda m, x: m.b(m.a(x).masked_fill(m.a(x) > 0, 0.0)),
    "a loop over a constant": lambda m, x: m.b(sum(m.a(x[:, i]) for i in torch.arange(3))),
}


@pytest.mark.parametrize("case", FEATURES)
def test_a_model_is_read_that_has(case: str) -> None:
    reading = seen(Built(FEATURES[case], a=nn.Linear(6, 6), b=nn.Linear(6, 3)), X)
    first, second = reading["a.weight"], reading["b.weight"]
    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.source, second.usage.source) == ("trace", "trace")
    assert (block_fans(first), block_fans(second)) == (Fans(6, 6), Fans(6, 3))
    assert first.usage.follows == "input"
    assert second.usage.output


@pytest.mark.parametrize(("case", "word"), [("a condition on values", "__bool__"), ("values asked for", "item")])
def test_values_that_were_made_up_are_noted(case: str, word: str) -> None:
    reading = seen(Built(FEATURES[case], a=nn.Linear(6, 6), b=nn.Linear(6, 3)), X)
    assert any(note.startswith(f"traced with stand-ins: {word}") for note in reading.notes)


def test_what_needs_no_values_makes_none_up() -> None:
    reading = seen(Built(_in_place, a=nn.Linear(6, 6), b=nn.Linear(6, 3)), X)
    assert not any("stand-ins" in note for note in reading.notes)
    assert "operations of a forward pass on meta with 2x5x6 float32" in reading.notes[0]


def test_keyword_inputs_reach_the_model() -> None:
    model = Built(lambda m, x, *, scale: m.a(x * scale), a=nn.Linear(6, 3))
    assert usage(model, "a.weight", X, scale=torch.ones(6)).calls == 1


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(6, 4, 2, bidirectional=True, batch_first=True),
        nn.LSTM(6, 5, proj_size=3, batch_first=True),
        nn.GRU(6, 4, 2, batch_first=True),
        nn.RNN(6, 4, nonlinearity="relu", bidirectional=True, batch_first=True),
    ],
)
def test_recurrent_layers_give_the_shapes_that_they_would(layer: nn.Module, packed: bool) -> None:
    def run(m: Any, x: Tensor) -> Any:
        taken = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True) if packed else x
        out, state = m.r(taken)
        return (out.data if packed else out), state

    expected = run(Built(run, r=layer), X)
    graph = graph_of(read(Built(run, r=layer)), as_example(X))
    shapes = [graph.values[index].tensor.shape for index in graph.outputs]
    states = expected[1] if isinstance(expected[1], tuple) else (expected[1],)
    assert shapes == [expected[0].shape, *(state.shape for state in states)]
    assert sum(operation.name in ("lstm", "gru", "rnn_relu") for operation in graph) == 1


def test_a_module_that_runs_twice_is_counted_twice() -> None:
    assert usage(Built(lambda m, x: m.a(m.a(x).relu()), a=nn.Linear(6, 6)), "a.weight", X).calls == 2


def test_a_forward_hook_that_changes_the_output_is_followed() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(12, 3))
    model[0].register_forward_hook(lambda module, args, output: torch.cat([output, output], -1))
    assert usage(model, "1.weight", X).follows == "concatenation"


def test_a_buffer_that_activations_are_written_into_stays_as_it_was() -> None:
    class Cached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)
            self.register_buffer("cache", torch.zeros(2, 5, 6))

        def forward(self, x: Tensor) -> Any:
            cache = self.get_buffer("cache")
            cache[:, :] = self.a(x)
            return self.b(cache)

    model = Cached()
    reading = seen(model, X)
    assert [p.usage.calls for p in reading.parameters if p.usage is not None] == [1, 1, 1, 1]
    assert not model.get_buffer("cache").any()


@pytest.mark.parametrize("layers", [1, 2])
def test_encoder_layers_of_torch_are_read_inside_where_they_take_a_fast_path(layers: int) -> None:
    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, norm_first=False)
    model = nn.TransformerEncoder(layer, layers).eval()
    reading = seen(model, X)
    assert all(p.usage is not None and p.usage.source == "trace" and p.usage.calls == 1 for p in reading.parameters)
    assert reading["layers.0.linear1.weight"].usage is not None
    assert reading["layers.0.linear1.weight"].usage.activation == "relu"


def _compiled(model: nn.Module) -> nn.Module:
    compiled: Any = torch.compile(model, backend="eager")
    return compiled  # type: ignore[no-any-return]


def _distributed(model: nn.Module) -> nn.Module:
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        return nn.parallel.DistributedDataParallel(model)
    finally:
        torch.distributed.destroy_process_group()


WRAPPERS = (_compiled, nn.DataParallel, _distributed, checkpoint_wrapper)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_a_wrapper_changes_neither_names_nor_usage(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    plain, wrapped = seen(model, X), seen(wrap(model), X)
    assert [p.name for p in plain.parameters] == [p.name for p in wrapped.parameters]
    for one, other in zip(plain.parameters, wrapped.parameters, strict=True):
        assert one.usage == other.usage


@pytest.mark.parametrize(
    "change",
    [
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
        pytest.param(nn.utils.weight_norm, marks=pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")),
        nn.utils.spectral_norm,
    ],
)
def test_a_weight_that_is_computed_keeps_its_fans(change: Callable[[nn.Module], nn.Module]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = nn.Sequential(nn.Linear(4, 6), change(nn.Linear(6, 7)))
    parameter = seen(model, X[..., :4])["1.weight"]
    assert parameter.role == "weight"
    assert block_fans(parameter) == Fans(6, 7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_dtype_and_device_make_no_difference(dtype: torch.dtype, device: str) -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 3)).to(dtype=dtype)
    reading = seen(model.to("meta") if device == "meta" else model, X.to(dtype))
    assert [p.role for p in reading.parameters] == ["weight", "bias", "norm_weight", "norm_bias", "weight", "bias"]
    assert reading["2.weight"].usage is not None
    assert reading["2.weight"].usage.follows == "norm"


def test_a_lazy_module_is_an_error_that_says_what_to_do() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(nn.LazyLinear(4))
    with pytest.raises(PlanError, match="run one forward pass first"):
        seen(model, X)


def test_what_a_scripted_module_does_with_its_parameters_is_not_guessed() -> None:
    model = nn.Sequential(_script(nn.Linear(6, 6)), nn.Linear(6, 3))
    reading = seen(model, X)
    assert reading["0.weight"].usage is None
    assert usage(model, "1.weight", X).output


def test_an_error_of_the_model_names_the_operation_and_the_module() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(5, 3))
    with pytest.raises(TraceError, match=r"linear in '1' raised RuntimeError with 2x5x6 float32: ") as caught:
        seen(model, X)
    assert caught.value.unfit


# --------------------------------------------------------------------------------------------- the same weights after


def _gpt(layers: int) -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=layers, n_head=2)
    return transformers.GPT2LMHeadModel(config)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    ids = torch.zeros(1, 4, dtype=torch.int64)
    rules = [iw.rule(lambda p: p.ndim > 1, iw.LecunNormal()), iw.rule(lambda p: p.ndim == 1, iw.Ones())]
    iw.apply(model, iw.plan(model, rules, seed=1, inputs={"input_ids": ids}))
    return {parameter.name: parameter.tensor.detach() for parameter in read(model).parameters}


def test_a_layer_more_changes_no_other_weight() -> None:
    small, large = _weights(_gpt(2)), _weights(_gpt(3))
    assert small.keys() < large.keys()
    assert all(torch.equal(small[name], large[name]) for name in small)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_a_wrapper_changes_no_weight(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = _gpt(1)
    plain, wrapped = _weights(copy.deepcopy(model)), _weights(wrap(model))
    assert plain.keys() == wrapped.keys()
    assert all(torch.equal(plain[name], wrapped[name]) for name in plain)
    assert any(plain[name].std() > 0 for name in plain)
