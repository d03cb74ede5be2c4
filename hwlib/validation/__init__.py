"""Predictions beside measurements: what of the model was fitted or checked against tables, and how well it does."""
