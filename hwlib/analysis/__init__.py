"""Readings of a result: what limits it, and how it changes."""
