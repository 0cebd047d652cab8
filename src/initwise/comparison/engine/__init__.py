"""The trial engine: cells in a storage that many processes share, and the processes."""
