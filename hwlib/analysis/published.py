"""Published chips against the model: throughput, efficiency, area and power of each drawn chip, point by point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from hwlib.catalog import load_published
from hwlib.catalog.published import OperatingPoint, PublishedChip, published_chips
from hwlib.cost.chip_peak import ChipPeak, at_supply, chip_peak
from hwlib.design.design import Design
from hwlib.design.parts import Crossbar

FIGURES = {"tops": "TOPS", "tops_per_W": "TOPS/W", "area_mm2": "mm²", "power_W": "W"}
"""Figures that are compared, with their units. 1 MAC = 2 OP."""


@dataclass(frozen=True)
class PublishedRow:
    """One operating point of a chip; `modelled` and `published` by FIGURES, None where nothing was published."""

    design: str
    name: str
    year: int
    venue: str
    point: OperatingPoint
    modelled: dict[str, float]
    published: dict[str, float | None]

    def ratio(self, figure: str) -> float | None:
        """Modelled over published; None where nothing was published."""
        known = self.published[figure]
        return None if not known else self.modelled[figure] / known

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        point = msgspec.to_builtins(self.point)
        kept = {
            key: point[key]
            for key in ("condition", "input_bits", "weight_bits", "scope", "source", "confidence", "note")
        }
        figures = {
            f"{name}{ending}": value
            for name in FIGURES
            for ending, value in (
                ("_published", self.published[name]),
                ("_modelled", self.modelled[name]),
                ("_ratio", self.ratio(name)),
            )
        }
        return {"design": self.design, "name": self.name, "year": self.year, "venue": self.venue, **kept, **figures}


def _moved(design: Design, chip: PublishedChip, point: OperatingPoint) -> Design:
    """The design with its crossbars at the supply and clock of a point."""
    if point.supply_V is None:
        return design
    factor = point.clock_Hz / chip.clock_Hz if point.clock_Hz and chip.clock_Hz else None
    node = design.settings.node_nm
    blocks = [
        msgspec.structs.replace(b, part=at_supply(b.part, node, point.supply_V, factor))
        if isinstance(b.part, Crossbar)
        else b
        for b in design.blocks
    ]
    return msgspec.structs.replace(design, blocks=tuple(blocks))


def _modelled(peak: ChipPeak, scope: str) -> dict[str, float]:
    arrays = scope == "arrays"
    return {
        "tops": peak.ops_per_s / 1e12,
        "tops_per_W": (peak.array_ops_per_J if arrays else peak.chip_ops_per_J) / 1e12,
        "area_mm2": (peak.array_area_m2 if arrays else peak.chip_area_m2) * 1e6,
        "power_W": peak.array_W if arrays else peak.chip_W,
    }


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Every operating point of every published chip that is drawn, beside what the model finds for it."""
    rows = []
    for chip in published_chips():
        design = load_published(chip.design)
        for point in chip.points:
            peak = chip_peak(_moved(design, chip, point), point.input_bits, point.weight_bits)
            published = {name: getattr(point, name) for name in FIGURES}
            rows.append(
                PublishedRow(
                    chip.design, design.name, chip.year, chip.venue, point, _modelled(peak, point.scope), published
                )
            )
    return tuple(rows)
