"""Any cutting of a tensor into boxes or flat ranges sums to the whole, compiled or in NumPy, whatever lies where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from initwise.digests import Lanes, Part, _lanes, _sums
from initwise.shards import FlatRange, Piece, held

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.complex64, torch.complex128,
    torch.int64, torch.int8, torch.bool,
]  # fmt: skip


@pytest.fixture(params=["numba", "numpy"], scope="module", autouse=True)
def _backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiled code for the smallest tensor, or none."""
    before, _sums.SMALL = _sums.SMALL, 0 if request.param == "numba" else 2**60
    yield
    _sums.SMALL = before


def _random(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> Tensor:
    count = int(np.prod(shape)) * dtype.itemsize
    drawn = np.random.default_rng(seed).integers(0, 2 if dtype == torch.bool else 256, count, dtype=np.uint8)
    return torch.from_numpy(drawn).view(dtype).view(shape) if count else torch.zeros(shape, dtype=dtype)


def _sum(like: Tensor, pieces: list[Piece]) -> Lanes:
    return _sums.summed([Part("parameter", "w", like.dtype, tuple(like.shape), pieces)])[0]


def _whole(tensor: Tensor) -> Lanes:
    return _sum(tensor, list(held(tensor).pieces))


def _by_hand(tensor: Tensor) -> Lanes:
    """The formula, one word at a time, in Python's integers."""
    key = _lanes.keys(f"parameter\0w\0{tensor.dtype}\0{tuple(tensor.shape)}")
    stored = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    sums = [0, 0]
    for word in range(-(-len(stored) // 4)):
        value = int.from_bytes(stored[4 * word : 4 * word + 4], "little")
        scales = _lanes._scales(np.array([word // 1024], dtype=np.uint64), key)
        for lane in (0, 1):
            sums[lane] += value * int(_lanes.TABLE[lane][word % 1024]) * int(scales[lane][0])
    elements = tensor.numel() * (2 if tensor.dtype.itemsize == 16 else 1)
    first, second = ((sums[lane] + elements * key.each[lane]) % 2**64 for lane in (0, 1))
    return Lanes(first, second, elements)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_sums_are_those_of_the_formula(dtype: torch.dtype) -> None:
    for shape in ((5, 7, 31), (1, 4099), (3,), ()):
        tensor = _random(shape, dtype)
        assert _whole(tensor) == _by_hand(tensor), shape


@st.composite
def _cuts(draw: st.DrawFn) -> tuple[Tensor, list[Piece]]:
    """A tensor, and boxes that cover it, each with strides of its own."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    tensor = _random(shape, draw(st.sampled_from(DTYPES)), draw(st.integers(0, 99)))
    boxes = [Piece(tensor, (0,) * len(shape))]
    for _ in range(draw(st.integers(0, 5))):
        box = boxes.pop(draw(st.integers(0, len(boxes) - 1)))
        axis = draw(st.integers(0, len(shape) - 1))
        size = box.view.shape[axis]
        at = draw(st.integers(0, size))
        for low, high in ((0, at), (at, size)):
            start = (*box.start[:axis], box.start[axis] + low, *box.start[axis + 1 :])
            boxes.append(Piece(box.view.narrow(axis, low, high - low), start))
    return tensor, [Piece(_laid(draw, box.view), box.start) for box in boxes]


def _laid(draw: st.DrawFn, view: Tensor) -> Tensor:
    """The same values: as a view, in memory of their own, transposed, or every other element of a larger tensor."""
    how = draw(st.sampled_from(["view", "own", "transposed", "gaps"]))
    if how == "own":
        return view.contiguous()
    if how == "transposed":
        return view.transpose(0, -1).contiguous().transpose(0, -1)
    if how == "gaps":
        return torch.stack([view, view], -1)[..., 0]
    return view


@given(_cuts())
def test_boxes_sum_to_the_whole(cut: tuple[Tensor, list[Piece]]) -> None:
    tensor, boxes = cut
    assert _sum(tensor, boxes) == _whole(tensor)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 729), max_size=4),
)
def test_flat_ranges_sum_to_the_whole(shape: tuple[int, ...], dtype: torch.dtype, at: list[int]) -> None:
    tensor = _random(shape, dtype)
    flat = tensor.view(-1)
    bounds = sorted({0, *(min(cut, flat.numel()) for cut in at), flat.numel()})
    parts = [held(flat[low:high], FlatRange(shape, low)).pieces for low, high in pairwise(bounds)]
    assert _sum(tensor, [piece for pieces in parts for piece in pieces]) == _whole(tensor)


@given(st.sampled_from(DTYPES), st.integers(1, 3000), st.integers(2995, 6000))
def test_columns_of_a_wide_matrix_that_cut_words_and_blocks_sum_to_the_whole(
    dtype: torch.dtype, low: int, high: int
) -> None:
    tensor = _random((3, 6001), dtype)
    bounds = (0, low, max(low, high), 6001)
    parts = [Piece(tensor[:, begin:end].contiguous(), (0, begin)) for begin, end in pairwise(bounds) if begin < end]
    assert _sum(tensor, parts) == _whole(tensor)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_tasks_of_any_size_sum_to_the_whole(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = _random((40, 150), torch.bfloat16)
    expected = _whole(tensor), _whole(tensor.t())
    monkeypatch.setattr(_sums, "PIECE", piece)
    monkeypatch.setattr(_sums, "CHUNK", piece)
    monkeypatch.setattr(_sums, "COPIED", piece)
    assert (_whole(tensor), _whole(tensor.t())) == expected


@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_permuted_tensors_are_summed_in_the_order_of_the_whole(dtype: torch.dtype) -> None:
    """Their sizes are no multiples of a tile's."""
    tensor = _random((290, 2, 131), dtype)
    for order in permutations(range(3)):
        view = tensor.permute(order)
        assert _whole(view) == _whole(view.contiguous()), order
        part = view[1:, 1:, 7:]
        here = [Piece(part, (1, 1, 7))]
        assert _sum(view, here) == _sum(view, [Piece(part.contiguous(), (1, 1, 7))]), order


def test_what_no_element_is_held_of_sums_to_nothing() -> None:
    tensor = torch.zeros(0, 4)
    assert _whole(tensor) == Lanes() == _sum(torch.zeros(4, 4), [])


def test_conjugate_and_negative_views_count_as_their_values() -> None:
    values = _random((4, 5), torch.complex64)
    assert _whole(values.conj()) == _whole(values.conj().resolve_conj())
    assert _whole(values.conj().imag) == _whole(values.conj().imag.resolve_neg())


def test_elements_that_share_memory_count_each() -> None:
    row = _random((1, 5), torch.float32)
    assert _whole(row.expand(4, 5)) == _whole(row.expand(4, 5).contiguous())


@given(st.sampled_from([torch.bool, torch.bfloat16, torch.float32, torch.float64]), st.data())
def test_one_changed_element_changes_both_lanes(dtype: torch.dtype, data: st.DataObject) -> None:
    tensor = _random((7, 300), dtype)
    other = tensor.clone()
    row, column = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 299))
    bits = other.view(-1).view(torch.uint8)
    at = (row * 300 + column) * dtype.itemsize + data.draw(st.integers(0, dtype.itemsize - 1))
    bits[at] ^= 1 if dtype == torch.bool else 2 ** data.draw(st.integers(0, 7))
    one, two = _whole(tensor), _whole(other)
    assert one.first != two.first
    assert one.second != two.second


def test_swaps_that_sums_with_regular_weights_do_not_see_are_seen() -> None:
    eye = torch.eye(2048)
    seen = {_whole(eye), _whole(eye.flip(0)), _whole(eye.roll(1, 0)), _whole(eye.roll(1024, 0)), _whole(-eye)}
    seen |= {_whole(torch.ones(2048, 2048)), _whole(torch.zeros(2048, 2048)), _whole(-torch.ones(2048, 2048))}
    halves = torch.cat([torch.ones(1024, 2048), torch.zeros(1024, 2048)])
    seen |= {_whole(halves), _whole(halves.flip(0)), _whole(halves.t()), _whole(halves.t().flip(1))}
    assert len(seen) == 12
