"""What every test may rely on: no network, and a torchvision that can be imported wherever it is installed."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of transformers or timm: a test never asks for a file

from tests import peers

__all__ = ["peers"]  # importing it is what declares torchvision's operators
