"""Weight initialization for PyTorch."""
