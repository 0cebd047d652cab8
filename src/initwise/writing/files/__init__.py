"""The weights of a plan in files: sharded safetensors and torch's distributed checkpoints, with bounded memory."""

from initwise.writing.files._disk import flush
from initwise.writing.files._entries import Contents, ValuesError, find_contents
from initwise.writing.files._folder import STATE
from initwise.writing.files._safetensors import write_file
from initwise.writing.files._size import size_in_bytes, words
from initwise.writing.files._write_weights import Written, metadata, write_weights

__all__ = [
    "STATE",
    "Contents",
    "ValuesError",
    "Written",
    "find_contents",
    "flush",
    "metadata",
    "size_in_bytes",
    "words",
    "write_file",
    "write_weights",
]
