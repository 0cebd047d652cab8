"""Is the culprit named rightly: models into each of which one wrong law was planted, and their right twins."""
