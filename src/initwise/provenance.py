"""Provenance: which operation wrote each parameter."""
