"""Lints on what is shared: ties between parameters, and shards and replicas between ranks."""

from initwise.lints.shared._accidental import accidental
from initwise.lints.shared._broken import broken
from initwise.lints.shared._keyed import keyed
from initwise.lints.shared._ranks import ranks

SHARED = (broken, accidental, keyed, ranks)

__all__ = ["SHARED"]
