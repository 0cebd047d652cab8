"""Fills: any shape, stride, dtype, start and thread count give the whole's values."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from initwise.errors import ArgumentError, ArgumentTypeError
from initwise.random import Draw, NormalDraw, TruncatedNormalDraw, UniformDraw, _fill, fill, key, normal

STREAM = key(11, "layer.weight")
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
DRAWS: list[Draw] = [NormalDraw(0.1, 0.02), UniformDraw(-0.3, 0.2), TruncatedNormalDraw(0.0, 1.0, -2.0, 2.0)]


def filled(shape: tuple[int, ...], draw: Draw = DRAWS[0], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    tensor = torch.full(shape, torch.nan, dtype=dtype)
    fill(tensor, draw, STREAM)
    return tensor


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_format_plays_no_part(draw: Draw, dtype: torch.dtype) -> None:
    expected = filled((6, 5, 3, 7), draw, dtype)
    layouts = [
        torch.empty(6, 5, 3, 7, dtype=dtype).contiguous(memory_format=torch.channels_last),
        torch.empty(7, 3, 5, 6, dtype=dtype).permute(3, 2, 1, 0),
        torch.empty(6, 10, 3, 20, dtype=dtype)[:, ::2, :, 5:12],
        torch.empty(6, 5, 3, 14, dtype=dtype)[..., ::2],
    ]
    for tensor in layouts:
        fill(tensor, draw, STREAM)
        assert torch.equal(tensor, expected)


def test_a_large_transposed_matrix_equals_its_rows() -> None:
    tensor = torch.empty(700, 300).T
    fill(tensor, DRAWS[0], STREAM)
    assert torch.equal(tensor, filled((300, 700)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_the_rounded_float32(dtype: torch.dtype) -> None:
    for scale in (1.0, 1e-6):  # the second gives subnormal float16 numbers
        draw = NormalDraw(0.0, scale)
        assert torch.equal(filled((10_000,), draw, dtype), filled((10_000,), draw).to(dtype))


def test_float64_is_the_widened_float32() -> None:
    assert torch.equal(filled((1000,), dtype=torch.float64), filled((1000,)).double())


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (1, 64), (63, 200), (64, 128), (17, 5000), (4999, 5000)])
def test_a_run_equals_the_slice_of_the_whole(start: int, stop: int) -> None:
    part = torch.empty(stop - start)
    fill(part, DRAWS[0], STREAM, start=start)
    assert torch.equal(part, filled((5000,))[start:stop])


def test_shards_equal_the_whole() -> None:
    whole = filled((37, 53))
    for rows, columns in (
        (slice(0, 37), slice(10, 30)), (slice(5, 9), slice(0, 53)), (slice(3, 4), slice(7, 8)),
        (slice(1, 37, 3), slice(0, 53)), (slice(0, 37), slice(2, 53, 5)),
    ):  # fmt: skip
        shard = torch.empty_like(whole[rows, columns])
        start = rows.start * 53 + columns.start
        fill(shard, DRAWS[0], STREAM, start=start, strides=(53 * (rows.step or 1), columns.step or 1))
        assert torch.equal(shard, whole[rows, columns])


def test_nothing_outside_the_view_is_written() -> None:
    base = torch.full((40, 300), 7.0)
    fill(base[3:30, 11:211], DRAWS[0], STREAM)
    assert (base[3:30, 11:211] != 7).all()
    base[3:30, 11:211] = 7
    assert (base == 7).all()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (1, 1, 5)])
def test_shapes_of_any_rank(shape: tuple[int, ...]) -> None:
    tensor = filled(shape, NormalDraw(0, 1))
    assert tensor.flatten().tolist() == normal(11, "layer.weight", 0, tensor.numel()).tolist()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(filled((3_000_001,)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_a_forked_child_fills_with_threads_of_its_own() -> None:
    code = (
        "import os, torch; torch.set_num_threads(2)\n"
        "from initwise.random import NormalDraw, fill, key\n"
        "x, y = torch.empty(2_000_000), torch.empty(2_000_000).share_memory_()\n"
        "fill(x, NormalDraw(0, 1), key(0, 'w'))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    fill(y, NormalDraw(0, 1), key(0, 'w')); os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0 and torch.equal(x, y)\n"
    )
    if not hasattr(os, "fork"):
        pytest.skip("this platform cannot fork")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_parameters_and_negated_views_are_filled() -> None:
    parameter = torch.nn.Parameter(torch.empty(50))
    fill(parameter, DRAWS[0], STREAM)
    assert torch.equal(parameter.detach(), filled((50,)))
    negated = torch.zeros(50, dtype=torch.complex64).conj().imag
    assert negated.is_neg()
    fill(negated, DRAWS[0], STREAM)
    assert torch.equal(negated, filled((50,)))


def test_other_devices_are_filled_in_chunks_through_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fill, "_COPY_CHUNK", 100)
    tensor = torch.empty(7, 11, 13).permute(2, 0, 1)
    _fill._fill_by_copies(tensor, DRAWS[0], STREAM, 5, [77, 11, 1])
    expected = torch.empty(13, 7, 11)
    fill(expected, DRAWS[0], STREAM, start=5)
    assert torch.equal(tensor, expected)


def test_the_version_counter_and_the_generator_are_left_alone() -> None:
    tensor, state = torch.empty(10), torch.get_rng_state()
    fill(tensor, DRAWS[0], STREAM)
    assert tensor._version == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_filled_is_an_error() -> None:
    with pytest.raises(ArgumentTypeError, match=r"got a list, allowed is a torch\.Tensor"):
        fill([1.0], DRAWS[0], STREAM)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"the tensor is torch\.int64, .* allowed is a strided tensor of float32"):
        fill(torch.empty(3, dtype=torch.int64), DRAWS[0], STREAM)
    with pytest.raises(ArgumentError, match="on the meta device and has no memory"):
        fill(torch.empty(3, device="meta"), DRAWS[0], STREAM)
    with pytest.raises(ArgumentError, match="elements share memory"):
        fill(torch.empty(3, 1).expand(3, 2), DRAWS[0], STREAM)
    with pytest.raises(ArgumentError, match="strides has 1 entries, the tensor has 2 axes"):
        fill(torch.empty(3, 2), DRAWS[0], STREAM, strides=(1,))
    with pytest.raises(ArgumentError, match=r"allowed is 0 <= index < 2\*\*62"):
        fill(torch.empty(3), DRAWS[0], STREAM, start=2**62 - 2)
    with pytest.raises(ArgumentError, match="no negative stride"):
        fill(torch.empty(3), DRAWS[0], STREAM, start=10, strides=(-1,))
    with pytest.raises(ArgumentTypeError, match=r"start is 1\.5"):
        fill(torch.empty(3), DRAWS[0], STREAM, start=1.5)  # type: ignore[arg-type]
