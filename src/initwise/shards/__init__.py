"""Which elements of a whole tensor a process holds, and where: shards of DTensors, slices and flat ranges."""

from initwise.shards._held import Held, held, is_sharded, local
from initwise.shards._piece import Piece
from initwise.shards._slice import FlatRange, Shard, Slice

__all__ = ["FlatRange", "Held", "Piece", "Shard", "Slice", "held", "is_sharded", "local"]
