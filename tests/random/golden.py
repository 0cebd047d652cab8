"""Fixed fills and their SHA-256: the stream's bits, the same on every backend. A changed hash is another stream.

python tests/random/golden.py         the CPU backend that the environment selects
python tests/random/golden.py triton  the Triton backend, in Triton's interpreter without a GPU
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch

from initwise.random import Draw, Key, NormalDraw, TruncatedNormalDraw, UniformDraw, fill, key
from initwise.random._layout import layout
from initwise.random._lowering import lower


@dataclass(frozen=True)
class Case:
    name: str
    draw: Draw
    dtype: torch.dtype
    sha256: str
    shape: tuple[int, ...] = (4_321,)
    start: int = 0
    strides: tuple[int, ...] | None = None


_NORMAL, _UNIFORM = NormalDraw(0.01, 0.02), UniformDraw(-0.1, 0.3)
_TRUNCATED, _HALF = TruncatedNormalDraw(-0.5, 0.7, -2.0, 2.0), TruncatedNormalDraw(0.0, 1.0, 0.0, math.inf)

CASES = (
    Case("normal float32", _NORMAL, torch.float32, "195c547cf8341d3440fc85fdbab117e70e8a32fd757a432bbd8a2b4f81777c60"),
    Case(
        "normal bfloat16", _NORMAL, torch.bfloat16, "3dcac7c93af0c282f5172b138f4fdbd229c80a6a58b83e273be655c40616578f"
    ),
    Case("normal float16", _NORMAL, torch.float16, "cfe4788a8a3b376d3a67c955dcd431121d3b160ea182d24b2750fe29230357af"),
    Case("normal float64", _NORMAL, torch.float64, "f9a4a6497b4bc02fab2b643ad4748060039fcca338f08945ff978972e670100a"),
    Case(
        "uniform float32", _UNIFORM, torch.float32, "66d240592f8dd51943dd42ab88cdd08d22dab0c028b83692dcf84edff45aa901"
    ),
    Case(
        "uniform bfloat16", _UNIFORM, torch.bfloat16, "ce5091c2f7b5ec220785fd12c6188d45a4a2137366148218a39ee6acf5c0a974"
    ),
    Case(
        "uniform float16", _UNIFORM, torch.float16, "132b8e0e8095af64e56ac7af047d8b5a84874c103562e3438d09c817acb2a68c"
    ),
    Case(
        "uniform float64", _UNIFORM, torch.float64, "526ac38727d23712b33459458e857fbc01ec9f51b1a06019a53e700974561c5a"
    ),
    Case(
        "truncated float32",
        _TRUNCATED,
        torch.float32,
        "87c2ef6bb5774866d25c5709ae038e594f595f2ca78b3b14456758b4435f2cb0",
    ),
    Case(
        "truncated bfloat16",
        _TRUNCATED,
        torch.bfloat16,
        "bd3598613058b476a525d5cfe648d6d5c35474ad5eb91a88562939291aa4f135",
    ),
    Case(
        "truncated float16",
        _TRUNCATED,
        torch.float16,
        "525245c1e08ced4938139ede2d195b6f9ce960bab02bb85491ba3a54a3e3e178",
    ),
    Case(
        "truncated float64",
        _TRUNCATED,
        torch.float64,
        "8612ede3e082c28ced73a07d5e1b37050362b51673a4282fcfc9aee8f513b660",
    ),
    Case(
        "half-normal float32", _HALF, torch.float32, "dfb9071237ec96cfb6d46410761e8328f1808ea8e81a6855d7e9fc7d0d483fd0"
    ),
    Case(
        "standard normal, far out",
        NormalDraw(0, 1),
        torch.float32,
        "ecc2d44a84c2e6fb9655935377212acc3ec7699b55f1240810869b125f7a5e1c",
        start=2**61 + 13,
    ),
    Case(
        "many normals",
        NormalDraw(0, 1),
        torch.float32,
        "f1953c9a09365f6e132de8cba545bed123b1665b792c5d37e958cbe24fe06d6c",
        shape=(300_007,),
    ),
    Case(
        "columns of a matrix",
        _NORMAL,
        torch.bfloat16,
        "a8a755eb6f2dde364871b599a3fff8ad81e1cb2f75f3b0ef51cfcc49364e9b4a",
        shape=(60, 40),
        start=17,
        strides=(100, 1),
    ),
    Case(
        "every third element",
        _UNIFORM,
        torch.float32,
        "dd07d3f3bf498deebb7b303bff8637cc3f69d5ae329eb7118c179e4c8a116fbd",
        shape=(50, 30),
        start=2**32 - 9,
        strides=(99, 3),
    ),
)


def sha256(case: Case, filler: Callable[..., None] = fill) -> str:
    """The digest of the values' little-endian bytes."""
    tensor = torch.empty(case.shape, dtype=case.dtype)
    filler(tensor, case.draw, key(20_240_229, "layers.0.weight", case.name), start=case.start, strides=case.strides)
    integers = tensor.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[case.dtype.itemsize])
    array = integers.numpy()
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def fill_by_triton(
    tensor: torch.Tensor, draw: Draw, stream: Key, *, start: int, strides: tuple[int, ...] | None
) -> None:
    """What `fill` does on a CUDA tensor; in Triton's interpreter on one of the CPU."""
    from initwise.random import _triton
    from initwise.random._fill import STORAGE_NAMES

    device = tensor if torch.version.cuda is None else tensor.cuda()
    place = layout(tensor.shape, tensor.stride(), start, strides)
    _triton.fill_tensor(device, place, lower(draw, STORAGE_NAMES[tensor.dtype]), stream)
    tensor.copy_(device)


def _use_large_programs() -> None:
    """The interpreter is slow by the program, not by the element."""
    from initwise.random import _triton

    _triton._TILES, _triton._ELEMENTS = 128, 4096


def main(backend: str) -> None:
    """Compare all hashes; the exit code is the number of wrong ones."""
    filler: Callable[..., None] = fill
    cases = list(CASES)
    if backend == "triton":
        if torch.version.cuda is None:
            os.environ["TRITON_INTERPRET"] = "1"
            _use_large_programs()
            cases = [case for case in cases if math.prod(case.shape) < 10_000]
        filler = fill_by_triton
    wrong = [case.name for case in cases if sha256(case, filler) != case.sha256]
    sys.stdout.write(f"{len(cases) - len(wrong)} of {len(cases)} golden hashes; wrong: {wrong}; ")
    sys.stdout.write(f"numba {'yes' if 'numba' in sys.modules else 'no'}\n")
    raise SystemExit(len(wrong))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cpu")
