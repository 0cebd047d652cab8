"""The role, the true fans, the blocks and the residual stream of each parameter, read from what consumes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own name
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from initwise.axes import Blocks
from initwise.fans import Fans, fans
from initwise.model import Residual
from tests.model.tracing import Built, block_fans, seen, usage

X = torch.randn(2, 5, 6)
IMAGE = torch.randn(1, 4, 8, 8)
Forward = Callable[..., Any]

# ---------------------------------------------------------------------------------------------------------------- fans

RAW: dict[str, tuple[tuple[int, ...], Forward, Tensor, Fans]] = {
    "x @ w": ((6, 7), lambda m, x: x @ m.w, X, Fans(6, 7)),
    "w.T @ x": ((6, 7), lambda m, x: m.w.T @ x.mT, X, Fans(6, 7)),
    "linear": ((7, 6), lambda m, x: F.linear(x, m.w), X, Fans(6, 7)),
    "linear of a transpose": ((6, 7), lambda m, x: F.linear(x, m.w.t()), X, Fans(6, 7)),
    "addmm": ((6, 7), lambda m, x: torch.addmm(torch.zeros(7), x[0], m.w), X, Fans(6, 7)),
    "conv": ((8, 4, 3, 3), lambda m, x: F.conv2d(x, m.w), IMAGE, Fans(36, 72)),
    "grouped conv": ((8, 2, 3, 3), lambda m, x: F.conv2d(x, m.w, groups=2), IMAGE, Fans(18, 36)),
    "depthwise conv": ((4, 1, 3, 3), lambda m, x: F.conv2d(x, m.w, groups=4), IMAGE, Fans(9, 9)),
    "transposed conv": ((4, 6, 4, 4), lambda m, x: F.conv_transpose2d(x, m.w, stride=2), IMAGE, Fans(16, 96)),
    "grouped transposed conv": (
        (4, 6, 3, 3),
        lambda m, x: F.conv_transpose2d(x, m.w, None, 2, 0, 0, 2),
        IMAGE,
        Fans(4.5, 54),
    ),
    "conv1d of a matrix": ((7, 6), lambda m, x: F.conv1d(x.mT, m.w.unsqueeze(-1)), X, Fans(6, 7)),
    "experts one by one": ((3, 6, 7), lambda m, x: sum(x @ m.w[e] for e in range(3)), X, Fans(6, 7)),
    "experts by number": ((3, 6, 7), lambda m, x: sum(x @ m.w[e] for e in torch.tensor([2, 0])), X, Fans(6, 7)),
    "experts by bmm": ((2, 6, 7), lambda m, x: torch.bmm(x, m.w), X, Fans(6, 7)),
    "experts stored (out, in)": ((3, 7, 6), lambda m, x: x.unsqueeze(1) @ m.w.mT, X, Fans(6, 7)),
    "einsum of heads": ((6, 2, 4), lambda m, x: torch.einsum("bte,ehd->bthd", x, m.w), X, Fans(6, 8)),
    "einsum from heads": (
        (2, 3, 7),
        lambda m, x: torch.einsum("bthd,hde->bte", x.view(2, 5, 2, 3), m.w),
        X,
        Fans(6, 7),
    ),
    "einsum over positions": ((5, 6, 7), lambda m, x: torch.einsum("bte,tef->btf", x, m.w), X, Fans(6, 7)),
    "einsum with dots": ((6, 7), lambda m, x: torch.einsum("...i,io", x, m.w), X, Fans(6, 7)),
    "tensordot": ((6, 7), lambda m, x: torch.tensordot(x, m.w, dims=([2], [0])), X, Fans(6, 7)),
    "bilinear": ((5, 6, 6), lambda m, x: F.bilinear(x, x, m.w), X, Fans(36, 5)),
    "embedding": ((9, 6), lambda m, x: F.embedding(x, m.w), torch.tensor([[1, 2]]), Fans(1, 6)),
    "rows by index": ((9, 6), lambda m, x: m.w[x], torch.tensor([[1, 2]]), Fans(1, 6)),
    "merged axes": ((3, 2, 7), lambda m, x: x @ m.w.view(6, 7), X, Fans(6, 7)),
    "merged after a copy": ((7, 3, 2), lambda m, x: x @ m.w.permute(2, 1, 0).reshape(6, 7), X, Fans(6, 7)),
    "rows in another order": (
        (6, 7),
        lambda m, x: x @ m.w.view(3, 2, 7).mT.mT.transpose(0, 1).reshape(6, 7),
        X,
        Fans(6, 7),
    ),
    "a prefix": ((12, 7), lambda m, x: x @ m.w[:6], X, Fans(6, 7)),
    "a prefix of no even part": ((13, 7), lambda m, x: x @ m.w[:6], X, Fans(6, 7)),
    "prefixes of two lengths": ((12, 7), lambda m, x: (x @ m.w[:6], x[..., :3] @ m.w[:3]), X, Fans(6, 7)),
    "every second row": ((12, 7), lambda m, x: x @ m.w[::2], X, Fans(6, 7)),
    "two slices": ((12, 7), lambda m, x: x @ m.w[:6] + (2 * x) @ m.w[6:], X, Fans(6, 7)),
    "standardized": ((7, 6), lambda m, x: F.linear(x, m.w / m.w.std(1, keepdim=True)), X, Fans(6, 7)),
    "halves of complex numbers": (
        (3, 6, 7, 2),
        lambda m, x: torch.einsum("bti,tio->bto", torch.fft.rfft(x, dim=1), torch.view_as_complex(m.w)),
        X,
        Fans(6, 7),
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_a_raw_weight_has_the_fans_of_the_operation_that_takes_it(case: str) -> None:
    shape, forward, x, expected = RAW[case]
    parameter = seen(Built(forward, w=shape), x)["w"]
    assert parameter.role in ("weight", "embedding")
    assert block_fans(parameter) == expected


def test_a_kernel_stored_as_a_matrix_counts_its_taps_into_fan_in() -> None:
    parameter = seen(Built(lambda m, x: F.conv2d(x, m.w.view(8, 4, 3, 3)), w=(8, 36)), IMAGE)["w"]
    assert block_fans(parameter).fan_in == 36


def test_a_weight_too_entangled_to_read_has_no_axes_rather_than_wrong_ones() -> None:
    parameter = seen(Built(lambda m, x: x @ (m.a @ m.b), a=(6, 2), b=(2, 7)), X)["a"]
    assert parameter.role == "weight"
    assert parameter.axes is None


def test_a_weight_whose_rows_and_columns_are_scrambled_has_no_axes() -> None:
    model = Built(lambda m, x: x @ m.w.view(3, 2, 7).mT.contiguous().view(6, 7), w=(6, 7))
    assert seen(model, X)["w"].axes is None


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_fan_in_is_the_number_of_summed_terms_however_the_weight_was_laid_out(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    order = data.draw(st.permutations(range(len(sizes))))
    cut = data.draw(st.integers(1, len(sizes) - 1))
    start = data.draw(st.integers(0, sizes[order[0]] - 1))
    stop = data.draw(st.integers(start + 1, sizes[order[0]]))
    laid = [sizes[axis] for axis in order]
    laid[0] = stop - start
    rows = int(torch.tensor(laid[:cut]).prod())
    copied = data.draw(st.booleans())

    def forward(model: Any, x: Tensor) -> Tensor:
        weight = model.w.permute(order)[start:stop]
        weight = weight.contiguous() if copied else weight
        return torch.matmul(x, weight.reshape(rows, -1))

    parameter = seen(Built(forward, w=tuple(sizes)), torch.randn(3, rows))["w"]
    assert parameter.axes is not None
    shape = list(parameter.shape)
    if parameter.blocks is not None:
        used = data.draw(st.sampled_from([size for size in parameter.blocks.sizes if size == stop - start]))
        shape[parameter.blocks.axis] = used
    assert fans(shape, parameter.axes).fan_in == rows


# -------------------------------------------------------------------------------------------------------------- blocks


def _heads(x: Tensor, count: int) -> Tensor:
    return x.view(2, 5, count, -1).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(q @ k.mT / 2, -1) @ v


def _unbound(m: Any, x: Tensor) -> Tensor:
    q, k, v = m.p(x).unflatten(-1, (3, 2, 3)).permute(2, 0, 3, 1, 4).unbind(0)
    return F.scaled_dot_product_attention(q, k, v)


def _grouped(m: Any, x: Tensor) -> Tensor:
    q, k, v = m.p(x).split([8, 4, 4], -1)
    return _attend(_heads(q, 4), _heads(k, 2).repeat_interleave(2, 1), _heads(v, 2).repeat_interleave(2, 1))


def _gated(m: Any, x: Tensor) -> Any:
    gate, up = m.p(x).chunk(2, -1)
    return F.silu(gate) * up


PACKED: dict[str, tuple[int, Forward, Blocks]] = {
    "chunk": (18, lambda m, x: _attend(*m.p(x).chunk(3, -1)), Blocks(0, ("q", "k", "v"), (6, 6, 6))),
    "a chunk of a copy": (
        18,
        lambda m, x: _attend(*m.p(x).view(10, 3, 6).transpose(0, 1).contiguous().unbind(0)),
        Blocks(0, ("q", "k", "v"), (6, 6, 6)),
    ),
    "unbind": (18, _unbound, Blocks(0, ("q", "k", "v"), (6, 6, 6))),
    "grouped queries": (16, _grouped, Blocks(0, ("q", "k", "v"), (8, 4, 4))),
    "gate and up": (16, _gated, Blocks(0, ("gate", "up"), (8, 8))),
    "glu": (16, lambda m, x: F.glu(m.p(x)), Blocks(0, ("up", "gate"), (8, 8))),
    "mean and logarithm": (16, lambda m, x: m.p(x).chunk(2, -1), Blocks(0, ("0", "1"), (8, 8))),
}


@pytest.mark.parametrize("case", PACKED)
def test_a_packed_projection_is_split_where_its_output_is(case: str) -> None:
    out, forward, blocks = PACKED[case]
    parameter = seen(Built(forward, p=nn.Linear(6, out)), X)["p.weight"]
    assert parameter.blocks == blocks
    assert block_fans(parameter) == Fans(6, blocks.sizes[0])


def test_views_that_take_all_features_make_no_blocks() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.p(x)
        y[:, 0].add_(1)
        return torch.cat([y[:, :2], y[:, 2:]], 1)

    assert seen(Built(forward, p=nn.Linear(6, 8)), X)["p.weight"].blocks is None


def test_heads_that_interleave_query_key_and_value_have_the_right_fan_in_and_no_blocks() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:  # GPT-NeoX and BLOOM: (head, 3, size)
        return _attend(*_heads(m.p(x), 2).chunk(3, -1))

    parameter = seen(Built(forward, p=nn.Linear(6, 18)), X)["p.weight"]
    assert parameter.blocks is None
    assert block_fans(parameter).fan_in == 6


def test_attention_of_torch_packs_query_key_and_value_whichever_way_it_unpacks_them() -> None:
    model = Built(lambda m, x, y: m.a(x, y, y)[0], a=nn.MultiheadAttention(6, 2, batch_first=True))
    packed = Blocks(0, ("q", "k", "v"), (6, 6, 6))
    assert seen(model, X, X)["a.in_proj_weight"].blocks == packed
    assert seen(model, X, torch.randn(2, 3, 6))["a.in_proj_weight"].blocks == packed
    own = Built(lambda m, x: m.a(x, x, x, need_weights=False)[0], a=nn.MultiheadAttention(6, 2))
    assert seen(own.eval(), X)["a.in_proj_weight"].blocks == packed


@pytest.mark.parametrize(
    ("layer", "names"), [(nn.LSTM(6, 5), "ifgo"), (nn.GRU(6, 5), "rzn"), (nn.LSTMCell(6, 5), "ifgo")]
)
def test_gates_stay_blocks_when_a_recurrent_layer_runs(layer: nn.Module, names: str) -> None:
    reading = seen(Built(lambda m, x: m.r(x), r=layer), X[0])
    packed = [p for p in reading.parameters if p.ndim == 2]
    assert [p.role for p in packed] == ["weight", "recurrent"]
    assert all(p.blocks == Blocks(0, tuple(names), (5,) * len(names)) for p in packed)


# --------------------------------------------------------------------------------------------------------------- roles


def _rms(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


def _with_table(m: Any, x: Tensor) -> Tensor:
    bias = m.w[torch.arange(25) % 9].view(5, 5, -1).permute(2, 0, 1)
    return torch.softmax((x @ x.mT).unsqueeze(1) + bias, -1) @ x.unsqueeze(1)


ROLES: dict[str, tuple[tuple[int, ...], Forward, str]] = {
    "position": ((1, 5, 6), lambda m, x: x + m.w, "position"),
    "class token": ((1, 1, 6), lambda m, x: torch.cat([m.w.expand(2, -1, -1), x], 1), "token"),
    "mask token": ((6,), lambda m, x: torch.where(torch.arange(5).view(5, 1) > 2, m.w, x), "token"),
    "table": ((9, 2), _with_table, "table"),
    "layer scale": ((6,), lambda m, x: m.w * x, "scale"),
    "temperature": ((1,), lambda m, x: x / m.w, "scale"),
    "rate": ((6,), lambda m, x: x * torch.exp(-torch.exp(m.w)), "rate"),
    "time step": ((6,), lambda m, x: x * F.softplus(m.w), "rate"),
    "bias": ((6,), lambda m, x: x + m.w, "bias"),
    "bias of a function": ((7,), lambda m, x: F.linear(x, torch.ones(7, 6), m.w), "bias"),
    "slope": ((1,), lambda m, x: F.prelu(x, m.w), "slope"),
    "norm weight": ((6,), lambda m, x: m.w * _rms(x), "norm_weight"),
    "norm bias": ((6,), lambda m, x: F.layer_norm(x, (6,)) + m.w, "norm_bias"),
    "functional norm": ((6,), lambda m, x: F.layer_norm(x, (6,), m.w), "norm_weight"),
    "unused": ((6,), lambda m, x: x * 2, "unused"),
    "factor behind a whole norm": ((6,), lambda m, x: m.w * F.layer_norm(x, (6,), torch.ones(6)), "scale"),
    "shift of an affine function": ((1, 1, 6), lambda m, x: torch.addcmul(m.w, torch.ones(6), x), "bias"),
}


@pytest.mark.parametrize("case", ROLES)
def test_a_raw_parameter_has_the_role_that_it_plays(case: str) -> None:
    shape, forward, role = ROLES[case]
    assert usage(Built(forward, w=shape), "w", X).role == role


def test_the_gain_of_a_standardized_weight_is_a_factor() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        weight = F.batch_norm(m.w.reshape(1, 7, -1), None, None, m.g.view(-1), training=True)
        return F.linear(x, weight.reshape_as(m.w))

    for size in (6, 7):  # as many columns as rows, too
        reading = seen(Built(forward, w=(7, size), g=(7, 1)), torch.randn(2, size))
        assert (reading["w"].role, reading["g"].role) == ("weight", "scale")
        assert block_fans(reading["w"]) == Fans(size, 7)


def test_layers_that_run_on_learned_queries_alone_are_layers() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        queries = m.n(m.p(m.t.expand(2, -1, -1)))
        return m.h(_attend(queries, x, x))

    model = Built(forward, t=(1, 4, 6), p=nn.Linear(6, 6), n=nn.LayerNorm(6), h=nn.Linear(6, 3))
    roles = {p.name: p.role for p in seen(model, X).parameters}
    assert (roles["t"], roles["p.weight"], roles["p.bias"]) == ("token", "weight", "bias")
    assert (roles["n.weight"], roles["n.bias"], roles["h.weight"]) == ("norm_weight", "norm_bias", "weight")


def test_layers_that_run_on_constants_alone_are_layers() -> None:
    model = Built(lambda m, x: x + m.p(torch.linspace(0, 1, 5).view(5, 1)), p=nn.Linear(1, 6))
    parameter = seen(model, X)["p.weight"]
    assert parameter.role == "weight"
    assert block_fans(parameter) == Fans(1, 6)


def test_the_neutral_weight_of_a_norm_is_zero_where_one_is_added() -> None:
    assert usage(Built(lambda m, x: _rms(x) * (1 + m.w), w=(6,)), "w", X).neutral == 0
    assert usage(Built(lambda m, x: _rms(x) * m.w, w=(6,)), "w", X).neutral == 1


def test_the_padding_row_is_kept_from_the_module() -> None:
    model = nn.Sequential(nn.Embedding(9, 6, padding_idx=3), nn.Linear(6, 2))
    assert seen(model, torch.zeros(2, 4, dtype=torch.int64))["0.weight"].padding == 3


def test_a_tied_head_is_an_embedding_that_makes_the_output() -> None:
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 6), nn.Linear(6, 9))
    model[2].weight = model[0].weight
    reading = seen(model, torch.zeros(2, 4, dtype=torch.int64))
    tied = reading["0.weight"].usage
    assert tied is not None
    assert (tied.role, tied.output, tied.calls) == ("embedding", True, 2)
    assert reading["1.weight"].usage is not None
    assert not reading["1.weight"].usage.output


def test_what_a_weight_follows_and_what_follows_it_are_told() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    found = [usage(model, name, X) for name in ("0.weight", "3.weight", "5.weight")]
    assert [(u.follows, u.activation, u.norm_follows, u.output) for u in found] == [
        ("input", "gelu", True, False),
        ("gelu", "relu", False, False),
        ("relu", "", False, True),
    ]


def test_experts_that_no_token_chose_are_used_as_their_siblings() -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)) for _ in range(4))
            self.router = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            chosen = self.router(x).topk(1, -1).indices
            out = torch.zeros_like(x)
            for number, expert in enumerate(self.experts):
                rows = (chosen == number).any(-1).nonzero(as_tuple=True)[0]
                if len(rows):
                    out.index_add_(0, rows, expert(x[rows]))
            return x + out

    reading = seen(Experts(), X[0, :2])
    usages = [reading[f"experts.{number}.2.weight"].usage for number in range(4)]
    assert all(u is not None and u.role == "weight" and u.follows == "relu" for u in usages)
    assert all(u is not None and u.residual is not None for u in usages)
    assert sum(u.calls for u in usages if u is not None) == 2


# ----------------------------------------------------------------------------------------------------------- residuals


def _residuals(model: nn.Module, *args: Any) -> dict[str, Residual]:
    found = {p.name: p.usage.residual for p in seen(model, *args).parameters if p.usage is not None}
    return {name: residual for name, residual in found.items() if residual is not None and name.endswith("weight")}


def _places(model: nn.Module, *args: Any) -> dict[str, tuple[int, int, str | None]]:
    return {name: (each.index, each.writers, each.norm) for name, each in _residuals(model, *args).items()}


def _block(forward: Forward) -> Built:
    norms = {f"n{i}": nn.LayerNorm(6) for i in range(3)}
    layers = {"q": nn.Linear(6, 18), "a": nn.Linear(6, 6), "u": nn.Linear(6, 8), "d": nn.Linear(8, 6)}
    return Built(forward, **norms, **layers, h=nn.Linear(6, 3))


def _attention(m: Any, x: Tensor) -> Tensor:
    out: Tensor = m.a(_attend(*m.q(x).chunk(3, -1)))
    return out


def _mlp(m: Any, x: Tensor) -> Tensor:
    out: Tensor = m.d(F.gelu(m.u(x)))
    return out


def test_a_stream_before_norms_runs_through_all_blocks() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        x = x + _attention(m, m.n0(x))
        return m.h(m.n2(x + F.dropout(_mlp(m, m.n1(x)))))

    assert _places(_block(forward), X) == {"a.weight": (0, 2, None), "d.weight": (1, 2, None)}


def test_a_norm_after_the_addition_ends_the_stream() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        x = m.n0(x + _attention(m, x))
        return m.h(m.n1(x + _mlp(m, x)))

    found = _residuals(_block(forward), X)
    assert {name: (each.index, each.writers) for name, each in found.items()} == {
        "a.weight": (0, 1),
        "d.weight": (0, 1),
    }
    assert found["a.weight"].stream != found["d.weight"].stream


@pytest.mark.parametrize("summed_first", [False, True])
def test_parallel_branches_write_into_one_stream(summed_first: bool) -> None:
    def forward(m: Any, x: Tensor) -> Any:
        one, other = _attention(m, m.n0(x)), _mlp(m, m.n0(x))
        return m.h(m.n2(one + other + x if summed_first else x + one + other))

    found = _residuals(_block(forward), X)
    assert found.keys() == {"a.weight", "d.weight"}
    assert len({each.stream for each in found.values()}) == 1
    assert {each.writers for each in found.values()} == {1 if summed_first else 2}


def test_the_norm_that_closes_a_branch_is_named() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        return m.h(x + m.n1(_attention(m, m.n0(x))))

    assert _places(_block(forward), X) == {"a.weight": (0, 1, "n1.weight")}


def test_layer_scale_and_dropout_lie_within_the_branch() -> None:
    model = Built(lambda m, x: m.h(x + F.dropout(m.g * m.a(x))), g=(6,), a=nn.Linear(6, 6), h=nn.Linear(6, 3))
    assert _places(model, X) == {"a.weight": (0, 1, None)}


def _conv(channels: int, out: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)


class _Basic(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        stride = 1 if channels == out else 2
        self.conv1, self.bn1 = _conv(channels, out, stride), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = _conv(out, out), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        project = nn.Sequential(_conv(channels, out, stride, 1), nn.BatchNorm2d(out))
        self.skip = nn.Identity() if channels == out else project

    def forward(self, x: Tensor) -> Any:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.skip(x)
        return self.relu(out)


def test_blocks_of_a_resnet_name_their_last_norm_and_projections_begin_a_stream() -> None:
    model = nn.Sequential(_conv(4, 4), nn.ReLU(), _Basic(4, 4), _Basic(4, 8), _Basic(8, 8))
    assert _places(model, IMAGE) == {
        "2.conv2.weight": (0, 1, "2.bn2.weight"),
        "3.conv2.weight": (0, 2, "3.bn2.weight"),
        "4.conv2.weight": (1, 2, "4.bn2.weight"),
    }


def test_the_last_norm_of_a_branch_before_activation_does_not_close_it() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        x = m.stem(x)
        x = x + m.c2(F.relu(m.n2(m.c1(F.relu(m.n1(x))))))
        return m.head(F.relu(m.n3(x)))

    norms = {f"n{i}": nn.BatchNorm2d(4) for i in (1, 2, 3)}
    convolutions = {name: _conv(4, 4) for name in ("stem", "c1", "c2", "head")}
    assert _places(Built(forward, **norms, **convolutions), IMAGE) == {"c2.weight": (0, 1, None)}


def test_a_branch_without_weights_does_not_end_the_stream() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        x = x + m.a(F.relu(x))
        x = x + F.avg_pool2d(F.relu(x), 3, 1, 1)
        return m.head(x + m.b(F.relu(x)))

    model = Built(forward, a=_conv(4, 4), b=_conv(4, 4), head=_conv(4, 3))
    assert _places(model, IMAGE) == {"a.weight": (0, 2, None), "b.weight": (1, 2, None)}


def test_each_level_of_a_unet_is_a_stream_of_its_own() -> None:
    def forward(m: Any, x: Tensor) -> Any:
        x = m.stem(x)
        x = x + m.a(F.silu(x))
        low = m.down(x)
        low = low + m.b(F.silu(low))
        both = torch.cat([F.interpolate(low, scale_factor=2), x], 1)
        return m.head(m.skip(both) + m.c2(F.silu(m.c1(both))))

    parts = {"stem": _conv(4, 4), "a": _conv(4, 4), "down": _conv(4, 4, 2), "b": _conv(4, 4), "skip": _conv(8, 4, 1, 1)}
    model = Built(forward, **parts, c1=_conv(8, 4), c2=_conv(4, 4), head=_conv(4, 3))
    found = _residuals(model, IMAGE)
    assert found.keys() == {"a.weight", "b.weight", "c2.weight"}
    assert len({each.stream for each in found.values()}) == 3


def test_encoder_and_decoder_have_streams_of_their_own() -> None:
    def forward(m: Any, x: Tensor, y: Tensor) -> Any:
        memory = x + m.e(F.relu(x))
        y = y + m.c(_attend(m.q(m.n(y)), m.k(memory), m.v(memory)))
        return m.h(y + m.d(F.relu(m.n(y))))

    layers = {name: nn.Linear(6, 6) for name in "eqkvcdh"}
    found = _residuals(Built(forward, n=nn.LayerNorm(6), **layers), X, X.clone())
    assert {name: (each.index, each.writers) for name, each in found.items()} == {
        "e.weight": (0, 1),
        "c.weight": (0, 2),
        "d.weight": (1, 2),
    }
    assert found["c.weight"].stream == found["d.weight"].stream != found["e.weight"].stream
