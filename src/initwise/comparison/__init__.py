"""Strategies compared on the user's task: a paired experiment with a known error rate."""
