"""However large a model is, what is in memory stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
import initwise as iw
from torch import nn
from initwise.writing.files._entries import find_contents
from initwise.writing.files._sharded import write_parts_to
from initwise.writing.files._split import split

def contents(width):
    with torch.device("meta"):
        model = nn.Sequential(nn.Embedding(2 * width, width), nn.Linear(width, width)).bfloat16()
    return split(find_contents(model, iw.plan(model, "torch-default")), 10**9, {})

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

write_parts_to(contents(512), None)
before = peak()
parts = contents(16_384)
write_parts_to(parts, None)
print(sum(part.nbytes for part in parts) >> 20, round(peak() - before))
"""


@pytest.mark.long
def test_a_model_of_a_gigabyte_and_a_half_is_drawn_in_less_than_a_tenth_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=300)
    size, taken = map(int, done.stdout.split())  # MB
    assert size > 1500
    assert taken < 150
