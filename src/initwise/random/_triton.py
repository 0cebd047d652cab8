"""The Triton backend for CUDA tensors: the NumPy reference's bits. Imported when the first CUDA tensor is filled.

Only integer operations, float32 multiply, add and explicit fused multiply-add; Triton's own fusion is switched off.
"""
# Triton's decorators are untyped, and what they compile is typed by Triton.
# mypy: ignore-errors

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl

from initwise.random import _normal
from initwise.random._keys import Key
from initwise.random._layout import Layout
from initwise.random._lowering import Lowered
from initwise.random._philox import KEY_STEPS, MULTIPLIERS, ROUNDS, TILE

_TILES = 16  # a program's tiles: 256 counters, 1024 elements
_ELEMENTS = 512  # a program's elements where each has a counter of its own
_KINDS = {"uniform": 0, "normal": 1, "truncated": 2}
_STORAGES = {"float32": 0, "bfloat16": 1, "float16": 2, "float64": 3}

_M0, _M1 = tl.constexpr(MULTIPLIERS[0]), tl.constexpr(MULTIPLIERS[1])
_W0, _W1 = tl.constexpr(KEY_STEPS[0]), tl.constexpr(KEY_STEPS[1])
_ROUNDS = tl.constexpr(ROUNDS)
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (tl.constexpr(c) for c in _normal.LOG)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10 = (tl.constexpr(c) for c in _normal.CENTRAL)
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = (tl.constexpr(c) for c in _normal.TAIL)
_UNIT, _HALF_UNIT = tl.constexpr(_normal.UNIT), tl.constexpr(_normal.HALF_UNIT)
_TAIL_BELOW, _TAIL_SHIFT = tl.constexpr(_normal.TAIL_BELOW), tl.constexpr(_normal.TAIL_SHIFT)
_OFFSET, _CENTRE = tl.constexpr(_normal.EXPONENT_OFFSET), tl.constexpr(_normal.MANTISSA_CENTRE)
_MANTISSA, _ONE = tl.constexpr(_normal.MANTISSA_MASK), tl.constexpr(_normal.ONE_BITS)
_UNIFORM_UNIT = tl.constexpr(2.0**-24)
_HEADER = tl.constexpr(13)  # parameters before the axes
_WIDTH = tl.constexpr(17)  # of a run among many: the header, one axis, the address


def fill_tensor(tensor: torch.Tensor, layout: Layout, lowered: Lowered, key: Key) -> None:
    """Write the elements of a layout into a tensor's memory."""
    memory = tensor.as_strided((layout.extent,), (1,))
    if lowered.storage == "bfloat16":
        memory = memory.view(torch.int16)  # rounded with integers, as everywhere
    parameters = _sent([_parameters(layout, lowered, key)], tensor.device)
    options: dict[str, Any] = {
        "KIND": _KINDS[lowered.kind], "STORAGE": _STORAGES[lowered.storage], "enable_fp_fusion": False, "num_warps": 4,
    }  # fmt: skip
    with torch.cuda.device_of(tensor):  # Triton launches on the current device; no guard for a CPU tensor
        if layout.is_run:
            fill_tiles[(_count(layout),)](memory, parameters, TILES=_TILES, **options)
        else:
            grid = (triton.cdiv(layout.numel, _ELEMENTS),)
            fill_elements[grid](memory, parameters, RANK=len(layout.sizes), ELEMENTS=_ELEMENTS, **options)


def fill_runs(runs: Sequence[tuple[torch.Tensor, Layout, Lowered, Key]]) -> None:
    """Write many runs of the stream, all on one device, in a launch for each kind of draw and storage."""
    grouped: dict[tuple[str, str], list[tuple[torch.Tensor, Layout, Lowered, Key]]] = {}
    for run in runs:
        grouped.setdefault((run[2].kind, run[2].storage), []).append(run)
    for (kind, storage), alike in grouped.items():
        jobs = [[*_parameters(place, low, stream), memory.data_ptr()] for memory, place, low, stream in alike]
        counts = torch.tensor([_count(place) for _, place, _, _ in alike])
        device = alike[0][0].device
        with torch.cuda.device_of(alike[0][0]):
            fill_jobs[(int(counts.sum()),)](
                _sent(jobs, device), _sent(_programs(counts), device), KIND=_KINDS[kind], STORAGE=_STORAGES[storage],
                TILES=_TILES, enable_fp_fusion=False, num_warps=4,
            )  # fmt: skip


def _count(layout: Layout) -> int:
    """Return how many programs a run takes."""
    first, last = layout.start // TILE, (layout.start + layout.numel - 1) // TILE
    return triton.cdiv(last - first + 1, _TILES)


def _programs(counts: torch.Tensor) -> torch.Tensor:
    """Return for each program its run, and which of the run's programs it is."""
    run = torch.arange(counts.numel()).repeat_interleave(counts)
    return torch.stack((run, torch.arange(run.numel()) - (counts.cumsum(0) - counts)[run]), dim=1)


def _sent(table: list[list[int]] | torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a table on a device; the host does not wait for it."""
    host = torch.as_tensor(table, dtype=torch.int64)
    return (host.pin_memory() if device.type == "cuda" else host).to(device, non_blocking=True)


def _parameters(layout: Layout, lowered: Lowered, key: Key) -> list[int]:
    """Everything a kernel wants to know, as integers or the bits of floats: no value makes Triton compile anew."""
    bound = "<q" if lowered.storage == "float64" else "<i"
    numbers = [
        _bits(lowered.scale, "<i"),
        _bits(lowered.shift, "<i"),
        _bits(lowered.low, bound),
        _bits(lowered.high, bound),
    ]
    words = [lowered.first, lowered.count, _bits(lowered.z_low, "<i"), _bits(lowered.z_high, "<i")]
    header = [layout.start, key.k0, key.k1, key.c2, key.c3, *numbers, *words]
    return [*header, *layout.sizes, *layout.steps, *layout.strides]


def _bits(value: float, integer: str) -> int:
    number: int = struct.unpack(integer, struct.pack({"<q": "<d", "<i": "<f"}[integer], value))[0]
    return number


@triton.jit
def fill_tiles(memory, parameters, KIND: tl.constexpr, STORAGE: tl.constexpr, TILES: tl.constexpr):
    """A run of the stream, evenly strided in memory; each counter serves four elements."""
    fill_some_tiles(memory, parameters, tl.program_id(0).to(tl.int64), KIND, STORAGE, TILES)


@triton.jit
def fill_jobs(jobs, programs, KIND: tl.constexpr, STORAGE: tl.constexpr, TILES: tl.constexpr):
    """Many runs at once; each program finds its run, and which of its tiles are meant, in a table."""
    number = tl.program_id(0)
    parameters = jobs + tl.load(programs + 2 * number) * _WIDTH
    address = tl.load(parameters + _WIDTH - 1)
    if STORAGE == 0:
        memory = address.to(tl.pointer_type(tl.float32))
    elif STORAGE == 1:
        memory = address.to(tl.pointer_type(tl.int16))
    elif STORAGE == 2:
        memory = address.to(tl.pointer_type(tl.float16))
    else:
        memory = address.to(tl.pointer_type(tl.float64))
    fill_some_tiles(memory, parameters, tl.load(programs + 2 * number + 1), KIND, STORAGE, TILES)


@triton.jit
def fill_some_tiles(memory, parameters, program, KIND: tl.constexpr, STORAGE: tl.constexpr, TILES: tl.constexpr):
    """The tiles of one program of a run."""
    start = tl.load(parameters)
    size = tl.load(parameters + _HEADER)
    stride = tl.load(parameters + _HEADER + 2)
    counter = tl.arange(0, TILES * 16)
    tile = start // 64 + program * TILES + counter // 16
    lane = counter % 16
    w0, w1, w2, w3 = philox(tile * 16 + lane, parameters)
    place = tile * 64 + lane - start
    store(memory, place, size, stride, value_of(w0, parameters, KIND, STORAGE), STORAGE)
    store(memory, place + 16, size, stride, value_of(w1, parameters, KIND, STORAGE), STORAGE)
    store(memory, place + 32, size, stride, value_of(w2, parameters, KIND, STORAGE), STORAGE)
    store(memory, place + 48, size, stride, value_of(w3, parameters, KIND, STORAGE), STORAGE)


@triton.jit
def fill_elements(
    memory, parameters, KIND: tl.constexpr, STORAGE: tl.constexpr, RANK: tl.constexpr, ELEMENTS: tl.constexpr
):
    """Any layout; a counter for each element, of whose words it takes one."""
    rest = tl.program_id(0).to(tl.int64) * ELEMENTS + tl.arange(0, ELEMENTS)
    index = tl.zeros((ELEMENTS,), tl.int64) + tl.load(parameters)
    place = tl.zeros((ELEMENTS,), tl.int64)
    for back in tl.static_range(RANK):
        axis = parameters + _HEADER + (RANK - 1 - back)
        size = tl.load(axis)
        position = rest % size
        rest = rest // size
        index += position * tl.load(axis + RANK)
        place += position * tl.load(axis + 2 * RANK)
    w0, w1, w2, w3 = philox(index // 64 * 16 + index % 16, parameters)
    word = index % 64 // 16
    w = tl.where(word < 2, tl.where(word == 0, w0, w1), tl.where(word == 2, w2, w3))
    # What is left of the element's number after all axes is zero for the elements that exist.
    store(memory, place, tl.where(rest == 0, place + 1, 0), 1, value_of(w, parameters, KIND, STORAGE), STORAGE)


@triton.jit
def store(memory, place, size, stride, value, STORAGE: tl.constexpr):
    """Round to the storage dtype and write what lies within the run."""
    if STORAGE == 1:
        bits = value.to(tl.int32, bitcast=True)
        value = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.int16)
    if STORAGE == 2:
        value = value.to(tl.float16)
    tl.store(memory + place * stride, value, mask=(place >= 0) & (place < size))


@triton.jit
def word_parameter(parameters, number: tl.constexpr):
    """A 32-bit word of the parameters."""
    return tl.load(parameters + number).to(tl.uint32)


@triton.jit
def single_parameter(parameters, number: tl.constexpr):
    """A float32 of the parameters."""
    return tl.load(parameters + number).to(tl.int32).to(tl.float32, bitcast=True)


@triton.jit
def bound_parameter(parameters, number: tl.constexpr, STORAGE: tl.constexpr):
    """A bound of the support, in float64 for float64 storage."""
    if STORAGE == 3:
        return tl.load(parameters + number).to(tl.float64, bitcast=True)
    else:  # noqa: RET505 - Triton takes one of two branches, not an early return
        return single_parameter(parameters, number)


@triton.jit
def philox(block, parameters):
    """The four words of each counter."""
    k0, k1 = word_parameter(parameters, 1), word_parameter(parameters, 2)
    c0, c1 = (block & 0xFFFFFFFF).to(tl.uint32), (block >> 32).to(tl.uint32)
    c2 = tl.zeros_like(c0) + word_parameter(parameters, 3)
    c3 = tl.zeros_like(c0) + word_parameter(parameters, 4)
    zero = tl.zeros_like(c0)
    m0, m1 = zero + _M0, zero + _M1
    s0, s1 = zero + _W0, zero + _W1
    for _ in tl.static_range(_ROUNDS):
        a0, b0 = tl.umulhi(c0, m0), c0 * m0
        a1, b1 = tl.umulhi(c2, m1), c2 * m1
        c0, c1, c2, c3 = a1 ^ c1 ^ k0, b1, a0 ^ c3 ^ k1, b0
        k0, k1 = k0 + s0, k1 + s1
    return c0, c1, c2, c3


@triton.jit
def value_of(w, parameters, KIND: tl.constexpr, STORAGE: tl.constexpr):
    """What the draw makes of a word."""
    if KIND == 0:
        variate = (w >> 8).to(tl.int32).to(tl.float32) * _UNIFORM_UNIT
    elif KIND == 1:
        variate = normal_of(w)
    else:
        offset = (w.to(tl.uint64) * tl.load(parameters + 10).to(tl.uint64)) >> 32
        z = normal_of(word_parameter(parameters, 9) + offset.to(tl.uint32))
        variate = clamped(z, single_parameter(parameters, 11), single_parameter(parameters, 12))
    scale = tl.zeros_like(variate) + single_parameter(parameters, 5)
    value = tl.fma(scale, variate, tl.zeros_like(variate) + single_parameter(parameters, 6))
    if STORAGE == 3:
        value = value.to(tl.float64)
    if KIND != 1:
        low, high = bound_parameter(parameters, 7, STORAGE), bound_parameter(parameters, 8, STORAGE)
        value = clamped(value, low, high)
    return value


@triton.jit
def clamped(value, low, high):
    """The number of [low, high] nearest to the value."""
    return tl.where(value < low, low, tl.where(value > high, high, value))


@triton.jit
def normal_of(w):
    """A normal number from a word."""
    signed = w.to(tl.int32, bitcast=True)
    mask = signed >> 31
    m = signed ^ mask
    x = scaled(m ^ 0x7FFFFFFF)
    t = scaled(m)
    v = shifted_log(tl.fma(-t, t, t + t))
    ratio = tl.where(m < _TAIL_BELOW, tail(v - _TAIL_SHIFT), central(v))
    magnitude = x * ratio
    return tl.where(mask == 0, -magnitude, magnitude)


@triton.jit
def scaled(integers):
    """Return (2 * i + 1) / 2**32."""
    return tl.fma(integers.to(tl.float32), _UNIT, _HALF_UNIT)


# Horner's scheme, written out: in the interpreter each call of a function costs a millisecond.


@triton.jit
def shifted_log(y):
    """Return -log2(y), less a constant."""
    bits = y.to(tl.int32, bitcast=True)
    f = ((bits & _MANTISSA) | _ONE).to(tl.float32, bitcast=True) - _CENTRE
    p = tl.fma(tl.fma(tl.fma(tl.fma(f, _L6, _L5), f, _L4), f, _L3), f, _L2)
    p = tl.fma(tl.fma(p, f, _L1), f, _L0)
    return tl.fma(f, p, (-(bits >> 23) + _OFFSET).to(tl.float32))


@triton.jit
def central(v):
    """The ratio |z| / x of most words."""
    p = tl.fma(tl.fma(tl.fma(tl.fma(tl.fma(v, _C10, _C9), v, _C8), v, _C7), v, _C6), v, _C5)
    return tl.fma(tl.fma(tl.fma(tl.fma(tl.fma(p, v, _C4), v, _C3), v, _C2), v, _C1), v, _C0)


@triton.jit
def tail(v):
    """The ratio |z| / x of the words next to an end."""
    p = tl.fma(tl.fma(tl.fma(tl.fma(v, _T7, _T6), v, _T5), v, _T4), v, _T3)
    return tl.fma(tl.fma(tl.fma(p, v, _T2), v, _T1), v, _T0)
