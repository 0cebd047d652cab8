"""Whole experiments on the built-in tasks, timed, with their verdicts."""
