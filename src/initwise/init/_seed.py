"""The key of a drop-in call: what torch's generator says next."""

import torch
from torch import Generator

NAME = ""
LABEL = "drop-in"


def next_seed(generator: Generator | None) -> int:
    """Read 64 bits from `generator` on its own device, or from torch's default CPU generator whatever the device.

    Only this generator moves, by the same amount for any tensor.
    """
    device = "cpu" if generator is None else generator.device
    low, high = torch.randint(0, 2**32, (2,), dtype=torch.int64, generator=generator, device=device).tolist()
    return int(low) + (int(high) << 32)
