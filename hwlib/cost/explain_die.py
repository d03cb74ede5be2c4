"""Where the price of a chip's silicon comes from: dies of a wafer, their yield, and the wafer's price."""

from __future__ import annotations

import numpy as np

from hwlib.cost.assemble import OneDesign
from hwlib.cost.die import die_figures
from hwlib.cost.explain_area import at_node, node_nm
from hwlib.cost.explain_inputs import Sheet
from hwlib.report import Explanation
from hwlib.technology import cost
from hwlib.technology.tables import constant

KEYS = ("die_cost_USD", "die.good_share", "die.per_wafer", "die.count")


YIELD_WORDS = {
    "negative_binomial": "defects that cluster: negative binomial",
    "murphy": "defects that spread evenly: Murphy (1964)",
}


def die(one: OneDesign, key: str) -> Explanation:
    """die_cost_USD, die.good_share, die.per_wafer and die.count."""
    figures, s = die_figures(one.design), Sheet(one)
    label, unit, value, formula, source = {
        "die_cost_USD": ("Cost of the silicon", "USD", figures.cost_USD, _cost, "price of a wafer over its sold dies"),
        "die.good_share": ("Yield", "", figures.good_share, _good, YIELD_WORDS[one.design.settings.yield_model]),
        "die.per_wafer": ("Dies of a wafer", "", figures.per_wafer, _per_wafer, "whole dies on a round wafer"),
        "die.count": ("Dies of a chip", "", figures.dies, _count, "fewest equal dies that a reticle prints"),
    }[key]
    return s.explanation(key, label, value, unit, formula(s), source)


def _whole(s: Sheet) -> str:
    return f"{s.setting('die_width_m')} * {s.setting('die_height_m')}"


def _count(s: Sheet) -> str:
    limit = s.technology("reticle", cost.RETICLE_LIMIT_M2, "m²", "cost.reticle_limit")
    return f"ceil({_whole(s)} / {limit} - 1e-9)"


def _area(s: Sheet) -> str:
    figures = die_figures(s.one.design)
    if figures.dies == 1.0:
        return _whole(s)
    return f"{_whole(s)} / {s.figure('dies', figures.dies, '', 'die.count')}"


def _per_wafer(s: Sheet) -> str:
    d = s.technology("wafer_diameter", cost.WAFER_DIAMETER_M, "m", "cost.wafer_diameter")
    area, pi = f"({_area(s)})", f"{np.pi!r}"
    return f"max({pi} * {d} ** 2 / (4 * {area}) - {pi} * {d} / sqrt(2 * {area}), min(1, {d} ** 2 / 2 / {area}))"


def _good(s: Sheet) -> str:
    density = float(cost.defect_density_per_m2(node_nm(s)))
    defects = s.technology("defect_density", density, "1/m²", "cost.defect_density", at_node(s))
    if s.one.design.settings.yield_model == "murphy":
        return f"((1 - exp(-({_area(s)}) * {defects})) / (({_area(s)}) * {defects})) ** 2"
    alpha = s.technology("cluster", constant("cost.cluster"), "", "cost.cluster")
    return f"(1 + {_area(s)} * {defects} / {alpha}) ** -{alpha}"


def _cost(s: Sheet) -> str:
    figures = die_figures(s.one.design)
    price = float(cost.wafer_price_USD(node_nm(s)))
    wafer = s.technology("wafer_price", price, "USD", "cost.wafer_price", at_node(s))
    good = s.figure("good_share", figures.good_share, "", "die.good_share")
    sold = f"({good} + {s.setting('harvest_share')} * (1 - {good}))"
    several = f"{s.figure('dies', figures.dies, '', 'die.count')} * " if figures.dies > 1.0 else ""
    return f"{several}{wafer} / ({s.figure('per_wafer', figures.per_wafer, '', 'die.per_wafer')} * {sold})"
