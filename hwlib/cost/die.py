"""What the silicon of one chip costs: dies that a reticle can print, how many of a wafer are good, at what price."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwlib.design.design import Design
from hwlib.technology import cost


@dataclass(frozen=True)
class DieFigures:
    """Dies that make up one chip, and of one of them: area, how many a wafer has, share without defects, price."""

    dies: float
    area_m2: float
    per_wafer: float
    good_share: float
    cost_USD: float


@lru_cache(maxsize=256)
def _figures(whole_m2: float, node_nm: float, harvest_share: float, model: str) -> DieFigures:
    dies = float(np.ceil(whole_m2 / cost.RETICLE_LIMIT_M2 - 1e-9))
    area = whole_m2 / dies
    good = float(cost.YIELDS[model](area, cost.defect_density_per_m2(node_nm)))
    per_wafer = float(cost.dies_per_wafer(area))
    price = dies * float(cost.wafer_price_USD(node_nm)) / (per_wafer * (good + harvest_share * (1.0 - good)))
    return DieFigures(dies, area, per_wafer, good, price)


def die_figures(design: Design) -> DieFigures:
    """Figures of a design's die. What exceeds a reticle is made of the fewest equal dies that don't.

    Packaging and test are not in the price; see package.py.
    """
    s = design.settings
    return _figures(s.die_width_m * s.die_height_m, s.node_nm, s.harvest_share, s.yield_model)
