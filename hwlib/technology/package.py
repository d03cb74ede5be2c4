"""What a packaged chip costs beyond its dies: memory, interposer, substrate, bonds that fail, and test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology import cost
from hwlib.technology.tables import Array, constant

BYTES_PER_GB = 1e9


def memory_price_USD_per_byte(technology: str) -> float:
    """Price of DRAM devices or stacks. Raises KeyError for an unknown technology. Keys: cost.memory.HBM3."""
    return constant(f"cost.memory.{technology}") / BYTES_PER_GB


def interposer_cost_USD(area_m2: ArrayLike) -> Array:
    """A good passive silicon interposer: wafer price of its node over good ones of a wafer (Chiplet Actuary, 2022).

    Keys: cost.interposer_node, cost.interposer_defects, cost.wafer_price, cost.wafer_diameter, cost.cluster.
    """
    node, defects = constant("cost.interposer_node"), constant("cost.interposer_defects")
    good = cost.dies_per_wafer(area_m2) * cost.yield_negative_binomial(area_m2, defects)
    return np.asarray(cost.wafer_price_USD(node) / good)


def substrate_cost_USD(carried_m2: ArrayLike) -> Array:
    """Organic substrate below so much silicon (dies, or the interposer with all on it).

    Keys: cost.substrate, cost.substrate_layers, cost.substrate_margin.
    """
    each = constant("cost.substrate") * constant("cost.substrate_layers")
    return np.asarray(np.asarray(carried_m2, dtype=float) * constant("cost.substrate_margin") * each)


def interposer_area_m2(dies_m2: ArrayLike, stacks: ArrayLike) -> Array:
    """Interposer below dies and stacks. Keys: cost.stack_footprint, cost.interposer_margin."""
    return np.asarray(carried_area_m2(dies_m2, stacks) * constant("cost.interposer_margin"))


def carried_area_m2(dies_m2: ArrayLike, stacks: ArrayLike) -> Array:
    """Dies and stacks side by side. Keys: cost.stack_footprint."""
    return np.asarray(np.asarray(dies_m2, dtype=float) + np.asarray(stacks) * constant("cost.stack_footprint"))


def tested_cost_USD(parts_USD: ArrayLike, bonded: ArrayLike) -> Array:
    """A good package: its parts over bonds that all hold, and test. Keys: cost.bonding_yield, cost.test_share."""
    good = constant("cost.bonding_yield") ** np.asarray(bonded, dtype=float)
    return np.asarray(np.asarray(parts_USD, dtype=float) / good * (1.0 + constant("cost.test_share")))
