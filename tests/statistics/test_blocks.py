"""Blocks cover a tensor once, and say where in the whole their elements lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from initwise.statistics import Block, in_threads, row_major


@given(
    shape=st.lists(st.integers(1, 9), min_size=0, max_size=4),
    order=st.randoms(use_true_random=False),
    most=st.integers(1, 40),
)
def test_blocks_of_any_tensor_hold_each_element_once_under_its_own_number(
    shape: list[int], order: object, most: int
) -> None:
    axes = list(range(len(shape)))
    order.shuffle(axes)  # type: ignore[attr-defined]
    numbers = torch.arange(int(np.prod(shape)))
    tensor = torch.empty([shape[axis] for axis in axes], dtype=torch.int64).permute(np.argsort(axes).tolist())
    tensor.copy_(numbers.reshape(shape))
    seen = []
    for block in Block.of(tensor).ordered().cut(most):
        assert block.tensor.numel() <= most
        steps = [np.arange(size) * step for size, step in zip(block.tensor.shape, block.steps, strict=True)]
        places = block.start + sum(np.ix_(*steps)) if steps else np.array(block.start)
        assert np.array_equal(block.tensor.numpy(), places)
        seen += block.tensor.flatten().tolist()
    assert sorted(seen) == numbers.tolist()


def test_a_transposed_matrix_is_cut_so_that_runs_of_the_stream_stay_together() -> None:
    tensor = torch.empty(4096, 1000).t()  # memory runs along axis 1 of the (1000, 4096) view's other side
    cut = list(Block(tensor, 0, row_major((1000, 4096))).ordered().cut(2**14))
    along = [block.tensor.shape[block.steps.index(1)] for block in cut]
    assert min(along) >= 128
    assert sum(block.tensor.numel() for block in cut) == tensor.numel()


def test_threads_return_results_in_order_and_pass_errors_on() -> None:
    assert in_threads(lambda item: item**2, list(range(50))) == [item**2 for item in range(50)]
    with pytest.raises(ZeroDivisionError, match="zero"):
        in_threads(lambda item: 1 / item, [1, 2, 0, 3])
