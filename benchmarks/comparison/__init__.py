"""Experiments whose answer is known: how often the verdicts are wrong, how often they are found, what a race saves."""
