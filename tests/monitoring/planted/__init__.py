"""Trainings with a known mistake, and their right twins: what a monitor's suggestion is held against."""
