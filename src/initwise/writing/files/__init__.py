"""The weights of a plan in files: sharded safetensors and torch's distributed checkpoints, with bounded memory."""

from initwise.writing.files._disk import flush
from initwise.writing.files._entries import ValuesError
from initwise.writing.files._safetensors import write_file
from initwise.writing.files._size import words
from initwise.writing.files._write_weights import Written, metadata, write_weights

__all__ = ["ValuesError", "Written", "flush", "metadata", "words", "write_file", "write_weights"]
