"""Digests of weights: one number for what a model holds, whatever its order, ties, wrappers and shards."""

from initwise.digests._digest import digest

__all__ = ["digest"]
