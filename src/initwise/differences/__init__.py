"""Differences of plans and models, law by law and parameter by parameter."""
