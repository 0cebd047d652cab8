"""Numba kernels. Imported at the first large fill only; all in one file, so that Numba's cache sees every change.

Whole tiles are computed in one loop over 16 lanes, all ten rounds in scalars, which LLVM turns into vector code. Every
fused multiply-add is explicit and Numba contracts nothing by itself, so the bits are those of the NumPy reference.
"""
# Numba's decorators are untyped, and what they compile is typed by Numba; overloads must repeat all arguments.
# mypy: ignore-errors
# ruff: noqa: FURB136

from __future__ import annotations

import re

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from initwise.random import _normal
from initwise.random._philox import KEY_STEPS, LANES, MULTIPLIERS, ROUNDS, TILE

u32, u64, i32, f32 = np.uint32, np.uint64, np.int32, np.float32

_OPTIONS = {"error_model": "numpy", "nogil": True}
_INLINE = njit(forceinline=True, **_OPTIONS)


# ---- intrinsics


@intrinsic
def fma(typing, a, b, c):
    """Return a * b + c with one rounding."""

    def fused(ctx, builder, sig, args):
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), fused


@intrinsic
def bits_of(typing, value):
    """The bits of a float32."""

    def bitcast(ctx, builder, sig, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), bitcast


@intrinsic
def float_of(typing, bits):
    """The float32 of the bits."""

    def bitcast(ctx, builder, sig, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), bitcast


@intrinsic
def half_bits_of(typing, value):
    """The bits of a float32 rounded to float16, to nearest even."""

    def truncate(ctx, builder, sig, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), truncate


@intrinsic
def vectorize_widely(typing):
    """Let LLVM use 512-bit vectors in the calling function (by default it avoids them), and do not inline that one."""

    def annotate(ctx, builder, sig, args):
        attributes = builder.function.attributes
        attributes.add("noinline")
        set.add(attributes, '"prefer-vector-width"="512"')  # llvmlite's own add() knows no such attribute
        return ctx.get_dummy_value()

    return types.void(), annotate


# ---- bits

_M0, _M1 = u64(MULTIPLIERS[0]), u64(MULTIPLIERS[1])
_K0 = tuple(u32(KEY_STEPS[0] * i % 2**32) for i in range(ROUNDS))
_K1 = tuple(u32(KEY_STEPS[1] * i % 2**32) for i in range(ROUNDS))
_HALF = u64(32)


@_INLINE
def philox_round(c0, c1, c2, c3, k0, k1):
    """One of the ten rounds."""
    a, b = u64(c0) * _M0, u64(c2) * _M1
    return u32(b >> _HALF) ^ c1 ^ k0, u32(b), u32(a >> _HALF) ^ c3 ^ k1, u32(a)


@_INLINE
def philox(c0, c1, c2, c3, k0, k1):
    """The four words of a counter."""
    # Written out: a loop here would not be unrolled early enough for the loop over the lanes to be vectorized.
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[1]), u32(k1 + _K1[1]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[2]), u32(k1 + _K1[2]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[3]), u32(k1 + _K1[3]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[4]), u32(k1 + _K1[4]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[5]), u32(k1 + _K1[5]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[6]), u32(k1 + _K1[6]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[7]), u32(k1 + _K1[7]))
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, u32(k0 + _K0[8]), u32(k1 + _K1[8]))
    return philox_round(c0, c1, c2, c3, u32(k0 + _K0[9]), u32(k1 + _K1[9]))


# ---- values

_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (f32(c) for c in _normal.LOG)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10 = (f32(c) for c in _normal.CENTRAL)
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = (f32(c) for c in _normal.TAIL)
_UNIT, _HALF_UNIT, _TAIL_SHIFT = f32(_normal.UNIT), f32(_normal.HALF_UNIT), f32(_normal.TAIL_SHIFT)
_TAIL_BELOW, _OFFSET = i32(_normal.TAIL_BELOW), i32(_normal.EXPONENT_OFFSET)
_MANTISSA, _ONE, _CENTRE = i32(_normal.MANTISSA_MASK), i32(_normal.ONE_BITS), f32(_normal.MANTISSA_CENTRE)
_SIGN, _MAGNITUDE, _ALL = i32(-(2**31)), i32(2**31 - 1), i32(31)
_UNIFORM_UNIT = f32(2.0**-24)


@_INLINE
def uniform_of(w):
    """A uniform number in [0, 1) from a word."""
    return f32(i32(w >> u32(8))) * _UNIFORM_UNIT


@_INLINE
def normal_of(w):
    """A normal number from a word."""
    mask = i32(w) >> _ALL
    m = i32(w) ^ mask
    x = fma(f32(m ^ _MAGNITUDE), _UNIT, _HALF_UNIT)
    t = fma(f32(m), _UNIT, _HALF_UNIT)
    v = shifted_log(fma(-t, t, t + t))
    ratio = tail(v - _TAIL_SHIFT) if m < _TAIL_BELOW else central(v)
    return float_of(bits_of(x * ratio) ^ (~mask & _SIGN))


@_INLINE
def shifted_log(y):
    """Return -log2(y), less a constant."""
    bits = bits_of(y)
    f = float_of((bits & _MANTISSA) | _ONE) - _CENTRE
    p = fma(fma(fma(fma(fma(fma(_L6, f, _L5), f, _L4), f, _L3), f, _L2), f, _L1), f, _L0)
    return fma(f, p, f32(_OFFSET - (bits >> i32(23))))


@_INLINE
def central(v):
    """The ratio |z| / x of most words."""
    p = fma(fma(fma(fma(fma(_C10, v, _C9), v, _C8), v, _C7), v, _C6), v, _C5)
    return fma(fma(fma(fma(fma(p, v, _C4), v, _C3), v, _C2), v, _C1), v, _C0)


@_INLINE
def tail(v):
    """The ratio |z| / x of the words next to an end."""
    return fma(fma(fma(fma(fma(fma(fma(_T7, v, _T6), v, _T5), v, _T4), v, _T3), v, _T2), v, _T1), v, _T0)


@_INLINE
def clamped(value, low, high):
    """The number of [low, high] nearest to the value."""
    return low if value < low else (high if value > high else value)


# ---- what a draw makes of a word; the number of its parameters tells the draws apart


def value_of(w, parameters):
    """The value of a word; NumPy arrays of uint32 take the word itself."""


@overload(value_of, jit_options={"forceinline": True, **_OPTIONS})
def _value_of(w, parameters):
    return {0: _word, 2: _normal_value, 4: _uniform_value, 8: _truncated_value}[len(parameters)]


def _word(w, parameters):
    return w


def _normal_value(w, parameters):
    scale, shift = parameters
    return fma(scale, normal_of(w), shift)


def _uniform_value(w, parameters):
    scale, shift, low, high = parameters
    return clamped(fma(scale, uniform_of(w), shift), low, high)


def _truncated_value(w, parameters):
    scale, shift, low, high, first, count_less_one, z_low, z_high = parameters
    offset = u32((u64(w) * u64(count_less_one) + u64(w)) >> _HALF)  # w * count >> 32; a count of 2**32 fits as well
    z = clamped(normal_of(u32(first + offset)), z_low, z_high)
    return clamped(fma(scale, z, shift), low, high)


def stored(value, out):
    """The value as the array holds it: int16 arrays hold bfloat16, uint16 arrays float16."""


@overload(stored, jit_options={"forceinline": True, **_OPTIONS})
def _stored(value, out):
    return {types.int16: _bfloat16, types.uint16: _float16}.get(out.dtype, _unchanged)


def _unchanged(value, out):
    return value


def _float16(value, out):
    return half_bits_of(value)


def _bfloat16(value, out):
    bits = bits_of(value)
    return np.int16((bits + i32(0x7FFF) + ((bits >> i32(16)) & i32(1))) >> i32(16))


# ---- fills


@njit(**_OPTIONS)
def fill_tiles(out, place, tile, count, key, parameters):
    """Write whole tiles, contiguously."""
    vectorize_widely()
    k0, k1, c2, c3 = key
    for i in range(count):
        block = u64(tile + i) * u64(LANES)
        c0, c1 = u32(block), u32(block >> _HALF)  # a tile never crosses a multiple of 2**32
        at = u64(place + i * TILE)
        for lane in range(u64(LANES)):
            w0, w1, w2, w3 = philox(c0 + u32(lane), c1, c2, c3, k0, k1)
            out[at + lane] = stored(value_of(w0, parameters), out)
            out[at + lane + u64(LANES)] = stored(value_of(w1, parameters), out)
            out[at + lane + u64(2 * LANES)] = stored(value_of(w2, parameters), out)
            out[at + lane + u64(3 * LANES)] = stored(value_of(w3, parameters), out)


@njit(**_OPTIONS)
def fill_run(out, scratch, held, place, stride, index, step, count, key, parameters):
    """Write elements that lie evenly in the stream and in memory; `scratch` holds the tile `held`."""
    while count > 0:
        tile, offset = index // TILE, index % TILE
        direct = step == 1 and stride == 1 and offset == 0 and count >= TILE
        tiles = count // TILE if direct else 1
        if direct or tile != held:  # one call for both cases: it is compiled once
            fill_tiles(out if direct else scratch, place * direct, tile, tiles, key, parameters)  # scratch: at 0
        if direct:
            taken = tiles * TILE
        else:
            held = tile
            taken = count if step == 0 else min(count, (TILE - 1 - offset) // step + 1)
            for i in range(taken):
                out[place + i * stride] = scratch[offset + i * step]
        count -= taken
        index += taken * step
        place += taken * stride
    return held


def fill_range(out, scratch, start, axes, position, rank, begin, end, key, parameters):
    """Write the elements begin, ..., end - 1 of a layout.

    `scratch` has room for a tile; `axes` holds the layout's sizes, steps and strides, one after the other; `position`
    has room for an index of each axis.
    """
    steps, strides, last = rank, 2 * rank, rank - 1
    rest = begin
    for axis in range(last, -1, -1):
        position[axis] = rest % axes[axis]
        rest //= axes[axis]
    held = -1
    while begin < end:
        count = min(axes[last] - position[last], end - begin)
        index, place = start, 0
        for axis in range(rank):
            index += position[axis] * axes[steps + axis]
            place += position[axis] * axes[strides + axis]
        stride, step = axes[strides + last], axes[steps + last]
        held = fill_run(out, scratch, held, place, stride, index, step, count, key, parameters)
        begin += count
        position[last] += count
        for axis in range(last, 0, -1):
            if position[axis] == axes[axis]:
                position[axis] = 0
                position[axis - 1] += 1


# ---- compilation

_ELEMENTS = {
    "word": types.uint32,
    "float32": types.float32,
    "bfloat16": types.int16,
    "float16": types.uint16,
    "float64": types.float64,
}


def llvm_ir(kind, storage, symbol):
    """The optimized LLVM code of `fill_range` for a kind of draw and a storage, as a function of the given name.

    Its arguments are two pointers that Numba's calling convention wants, then those of `fill_range`, tuples spread out.
    """
    element, integers = types.CPointer(_ELEMENTS[storage]), types.CPointer(types.int64)
    single, bound = types.float32, types.float64 if storage == "float64" else types.float32
    parameters = types.Tuple(
        {
            "word": (),
            "normal": (single, single),
            "uniform": (single, single, bound, bound),
            "truncated": (single, single, bound, bound, types.uint32, types.uint32, single, single),
        }[kind]
    )
    index, key = types.int64, types.UniTuple(types.uint32, 4)
    signature = (element, element, index, integers, integers, index, index, index, key, parameters)
    function = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(fill_range)
    function.compile(types.void(*signature))
    code = function.inspect_llvm(signature)
    (mangled,) = re.findall(r"^define .*@([^\s(]*fill_range[^\s(]*)\(", code, flags=re.MULTILINE)
    return code.replace(mangled, symbol)
