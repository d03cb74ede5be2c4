"""What a die costs: dies per wafer, yield, wafer price by node."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib.technology.tables import Array, constant, curve

RETICLE_LIMIT_M2 = constant("cost.reticle_limit")
WAFER_DIAMETER_M = constant("cost.wafer_diameter")


def fits_reticle(die_area_m2: ArrayLike) -> NDArray[np.bool_]:
    """True where one exposure field can print the die. Keys: cost.reticle_limit."""
    return np.less_equal(die_area_m2, RETICLE_LIMIT_M2)


def dies_per_wafer(die_area_m2: ArrayLike) -> Array:
    """Whole dies on a 300 mm wafer: pi d²/4A - pi d/sqrt(2A), at least the one that a wafer-scale part is.

    Above the inscribed square (0.045 m²) a share of one. Keys: cost.wafer_diameter.
    """
    area = np.asarray(die_area_m2, dtype=float)
    d = WAFER_DIAMETER_M
    formula = np.pi * d * d / (4.0 * area) - np.pi * d / np.sqrt(2.0 * area)
    return np.maximum(formula, np.minimum(1.0, d * d / 2.0 / area))


def yield_negative_binomial(
    die_area_m2: ArrayLike, defects_per_m2: ArrayLike, alpha: float = constant("cost.cluster")
) -> Array:
    """Share of good dies with clustered defects: (1 + A D/alpha)^-alpha. Keys: cost.cluster, cost.defect_density."""
    expected = np.asarray(die_area_m2, dtype=float) * np.asarray(defects_per_m2, dtype=float)
    share: Array = (1.0 + expected / alpha) ** -alpha
    return share


def yield_murphy(die_area_m2: ArrayLike, defects_per_m2: ArrayLike) -> Array:
    """Share of good dies after Murphy: ((1 - e^-AD)/AD)². Keys: cost.defect_density."""
    expected = np.maximum(np.asarray(die_area_m2, dtype=float) * np.asarray(defects_per_m2, dtype=float), 1e-12)
    share: Array = (-np.expm1(-expected) / expected) ** 2
    return share


def defect_density_per_m2(node_nm: ArrayLike) -> Array:
    """Defects per m² of a mature line. Keys: cost.defect_density."""
    return curve("cost.defect_density")(node_nm)


def wafer_price_USD(node_nm: ArrayLike) -> Array:
    """Sale price of a 300 mm wafer. Keys: cost.wafer_price."""
    return curve("cost.wafer_price")(node_nm)


YIELDS = {"negative_binomial": yield_negative_binomial, "murphy": yield_murphy}
"""Yield models by the name that designs choose them by."""


def good_dies_per_wafer(
    die_area_m2: ArrayLike, node_nm: ArrayLike, defects_per_m2: ArrayLike | None = None, harvest: float = 0.0
) -> Array:
    """Sellable dies of a wafer; `harvest` (0 to 1) is the share of faulty dies sold with units switched off.

    Raises ValueError for a harvest outside 0 to 1. Keys: cost.wafer_diameter, cost.cluster, cost.defect_density.
    """
    if not 0.0 <= harvest <= 1.0:
        raise ValueError(f"harvest {harvest} isn't a share between 0 and 1")
    density = defect_density_per_m2(node_nm) if defects_per_m2 is None else defects_per_m2
    good = yield_negative_binomial(die_area_m2, density)
    return dies_per_wafer(die_area_m2) * (good + harvest * (1.0 - good))


def die_cost(
    die_area_m2: ArrayLike, node_nm: ArrayLike, defects_per_m2: ArrayLike | None = None, harvest: float = 0.0
) -> Array:
    """Price of one sellable die in US dollars: wafer price over good dies. Without packaging, test and masks.

    Keys: cost.wafer_price, cost.wafer_diameter, cost.cluster, cost.defect_density.
    """
    return wafer_price_USD(node_nm) / good_dies_per_wafer(die_area_m2, node_nm, defects_per_m2, harvest)
