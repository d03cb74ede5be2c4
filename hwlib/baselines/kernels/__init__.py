"""Closed-form kernel times of von Neumann devices: pure functions of fitted constants, device ceilings and rows."""
