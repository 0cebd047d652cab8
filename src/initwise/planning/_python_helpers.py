"""The functions that generated code needs for laws that `torch.nn.init` lacks or cannot draw in every dtype."""

from __future__ import annotations

HELPERS = {
    "_scaled": '''def _scaled(p, factor, draw, axis=None):
    """What `draw` makes, times one factor or times one for each index of an axis."""
    draw(p)
    shape = [-1 if place == axis else 1 for place in range(p.dim())] if axis is not None else ()
    p.mul_(torch.tensor(factor).to(p).reshape(shape))
''',
    "_orthogonal": '''def _orthogonal(p, gain, batch=()):
    """Each matrix (first axis, the others) of `p` orthogonal, one for each index of the batch axes."""
    stacked = p.movedim(batch, tuple(range(len(batch))))
    for index in itertools.product(*(range(p.shape[axis]) for axis in batch)):
        matrix = stacked[index]
        matrix.copy_(gain * _haar(matrix.shape[0], matrix[0].numel(), p.dtype).reshape(matrix.shape))
''',
    "_delta_orthogonal": '''def _delta_orthogonal(p, gain, groups):
    """A kernel that is zero but for its centre tap, which is orthogonal in each group."""
    p.zero_()
    centre = p[(slice(None), slice(None), *(size // 2 for size in p.shape[2:]))]
    for tap in centre.chunk(groups):
        tap.copy_(gain * _haar(*tap.shape, p.dtype))
''',
    "_sparse": '''def _sparse(p, sparsity, std, incoming, groups):
    """N(0, std) for some incoming weights of each unit, zero for the rest."""
    index = torch.arange(p.numel()).reshape(p.shape)
    if groups > 1 and 0 in incoming:
        index, incoming = index.unflatten(0, (groups, -1)), tuple(axis + 1 for axis in incoming)
    others = [axis for axis in range(index.dim()) if axis not in incoming]
    units = index.permute(*others, *incoming).reshape(math.prod(index.shape[axis] for axis in others), -1)
    kept = units.shape[1] - math.ceil(sparsity * units.shape[1])
    chosen = units.gather(1, torch.rand(units.shape).argsort(1)[:, :kept]).flatten()
    values = torch.zeros(p.numel(), dtype=_computed_in(p.dtype))
    values[chosen] = std * torch.randn(chosen.numel(), dtype=values.dtype)
    p.copy_(values.reshape(p.shape))
''',
    "_icnr": '''def _icnr(p, count, draw):
    """Output channels in runs of `count` equal ones, one of each run drawn by `draw`."""
    small = torch.empty_like(p[::count])
    draw(small)
    p.copy_(small.repeat_interleave(count, dim=0))
''',
    "_interpolating": '''def _interpolating(p, groups):
    """The kernel of a transposed convolution that interpolates linearly, channel by channel."""
    p.zero_()
    p.movedim((0, 1), (-2, -1)).add_(torch.eye(p.shape[1]).repeat(groups, 1).to(p))
    for axis, size in enumerate(p.shape[2:], 2):
        factor = (size + 1) // 2
        taps = torch.arange(size, dtype=torch.float64) - (factor - 1 if size % 2 else factor - 0.5)
        p.mul_((1 - taps.abs() / factor).to(p).reshape(-1, *[1] * (p.dim() - axis - 1)))
''',
    "_time_step_bias": '''def _time_step_bias(p, low, high, floor):
    """The inverse softplus of log-uniform time steps."""
    step = _uniform(p, math.log(low), math.log(high)).exp().clamp(min=floor)
    p.copy_(step + torch.log(-torch.expm1(-step)))
''',
    "_ring_gain": '''def _ring_gain(nu_log):
    """ln sqrt(1 - |lambda|^2) with |lambda| = exp(-exp(nu_log))."""
    return 0.5 * torch.log(-torch.expm1(-2 * nu_log.double().exp()))
''',
    "_uniform": '''def _uniform(p, low, high):
    """Uniform numbers of the shape of `p` in (low, high], in float64."""
    return high - (high - low) * torch.rand(p.shape, dtype=torch.float64, device=p.device)
''',
    "_haar": '''def _haar(rows, columns, dtype):
    """A matrix with orthonormal rows or columns, uniform over all such matrices."""
    tall = torch.randn(max(rows, columns), min(rows, columns), dtype=_computed_in(dtype))
    q, r = torch.linalg.qr(tall)
    q = q * torch.sgn(torch.diagonal(r))
    return q if rows >= columns else q.mT
''',
    "_computed_in": """def _computed_in(dtype):
    return dtype if dtype.is_complex or dtype == torch.float64 else torch.float32
""",
}
