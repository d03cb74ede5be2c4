"""Published in-memory-compute macros against their drawn designs, uncalibrated and calibrated on one point."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hwlib.catalog import load_published
from hwlib.catalog.published import PublishedChip, published_chips
from hwlib.cost.chip_peak import ChipPeak, array_areas_m2, at_supply, chip_peak, near_memory_op_J
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import build
from hwlib.design.design import Design
from hwlib.design.parts import Crossbar
from hwlib.validation.reference import FIRST_LINE, Comparison, Groups, Skips, number, read_table
from hwlib.validation.tables import Row

UNCALIBRATED = "uncalibrated"
CALIBRATED = "calibrated on one operating point"


@dataclass(frozen=True)
class Condition:
    """An operating point as a table's text gives it; None where it says nothing."""

    supply_V: float | None
    input_bits: int
    weight_bits: int
    clock_Hz: float | None


@dataclass(frozen=True)
class Point:
    """A drawn macro at an operating point."""

    design: Design
    part: Crossbar
    peak: ChipPeak
    supply_V: float


_METRICS: dict[str, tuple[str, Callable[[Point], float]]] = {
    "TOPS": ("TOPS", lambda p: p.peak.ops_per_s / 1e12),
    "TOPS/W": ("TOPS/W", lambda p: p.peak.array_ops_per_J / 1e12),
    "TOPS/mm2": ("TOPS/mm2", lambda p: p.peak.ops_per_s / 1e12 / (p.peak.array_area_m2 * 1e6)),
    "energy_per_MAC": ("fJ", lambda p: 2e15 / p.peak.array_ops_per_J),
    "energy_ADC": ("pJ", lambda p: 1e12 * p.peak.arrays[0].pass_J["adc"]),
    "energy_CiM": ("pJ", lambda p: 1e12 * (p.peak.arrays[0].pass_J["cell"] + p.peak.arrays[0].pass_J["dac"])),
    "energy_NMC": ("pJ", lambda p: 1e12 * _near_J(p)),
    "area_ADC": ("um2", lambda p: 1e12 * array_areas_m2(p.part, p.design.settings.node_nm)["adc"]),
    "area_CiM": ("um2", lambda p: 1e12 * array_areas_m2(p.part, p.design.settings.node_nm)["cells"]),
    "area_NMC": ("um2", lambda p: 1e12 * _near_area_m2(p.design)),
}
"""By metric: its unit in tables, and the model's value. CiM: cells with their row drivers. NMC: see `_near_J`."""

NEAR_OPS = 2.0
"""Operations of the near-memory datapath on a column's sum: it is scaled, and added to what came before (estimate)."""

LANE_BITS = 32.0


def compare(table: Path, design: Design | None = None) -> Comparison:
    """Every row of a table with columns chip, condition, metric, unit, published, against the chip as it is drawn.

    `design` stands in for every chip of the table. Once uncalibrated, and once with each metric scaled so that the
    chip's first row of it is met; that row is then not judged. Raises TableError.
    """
    rows = read_table(table, ("chip", "condition", "metric", "unit", "published"))
    skips, groups, told, first = Skips(), Groups(), list[dict[str, Any]](), dict[tuple[str, str], float]()
    points: dict[tuple[str, Condition], Point] = {}
    for line, row in enumerate(rows, FIRST_LINE):
        found = _row(row, line, skips, points, design)
        if found is None:
            continue
        chip, metric, predicted, published, located = found
        names = {"line": line, "chip": chip, "condition": row["condition"], "metric": row["metric"]}
        figures: dict[str, Any] = {"unit": row["unit"], "predicted": predicted, "published": published}
        figures["calibrated"] = None
        groups.add(chip, metric, predicted, published, str(row["unit"]), UNCALIBRATED)
        if located and (chip, metric) in first:
            figures["calibrated"] = first[chip, metric] * predicted
            groups.add(chip, metric, figures["calibrated"], published, str(row["unit"]), CALIBRATED)
        elif located:
            first[chip, metric] = published / predicted
        told.append({**names, **figures})
    notes = (
        "Energies and areas come from technology tables, some of them from the same papers; see docs/validation.md.",
    )
    return Comparison("macro", groups.all(), tuple(told), skips.as_json(), notes)


def _row(
    row: Row, line: int, skips: Skips, points: dict[tuple[str, Condition], Point], design: Design | None
) -> tuple[str, str, float, float, bool] | None:
    """(chip, metric, predicted, published, whether it is of an operating point); None where it can't be judged."""
    chip, metric = (row["chip"] or "").strip(), _metric(row["metric"] or "")
    drawn = next((c for c in published_chips() if chip in (c.design, *c.tables)), None)
    try:
        published = number(row, "published")
    except ValueError as error:
        skips.add(line, "published", str(error))
        return None
    if not published > 0:
        skips.add(line, "published", "model only: nothing was published")
    elif drawn is None and design is None:
        skips.add(line, "chip", f"{chip[:60]!r} isn't drawn in the catalog")
    elif metric not in _METRICS or _METRICS[metric][0] != (row["unit"] or "").strip():
        skips.add(line, "metric", f"{row['metric']!r} in {row['unit']!r} has no part in a crossbar's model")
    else:
        condition = parsed(row["condition"] or "", drawn)
        point = points.get((chip, condition))
        if point is None:
            point = points[chip, condition] = _point(drawn, design, condition)
        return chip, metric, _METRICS[metric][1](point), published, not metric.startswith("area")
    return None


def _metric(text: str) -> str:
    """The metric's name without its bits: "TOPS/W_1b" -> "TOPS/W"."""
    return re.sub(r"_\d+b$", "", text.strip())


def parsed(text: str, chip: PublishedChip | None = None) -> Condition:
    """What a condition such as "0.85V;1b/1b" or "0.8V;1b in;8b w;100MHz" says; bits default to the chip's first point.

    Where it gives no clock, that which was published at this supply holds.
    """
    supply = re.search(r"([\d.]+) ?V\b", text)
    both = re.search(r"(\d+)b/(\d+)b", text)
    inputs, weights = re.search(r"(\d+)b in", text), re.search(r"(\d+)b w", text)
    clock = re.search(r"([\d.]+) ?MHz", text)
    known = chip.points if chip is not None else ()
    bits = (known[0].input_bits, known[0].weight_bits) if known else (8, 8)
    volts = float(supply[1]) if supply else None
    hertz = float(clock[1]) * 1e6 if clock else next((p.clock_Hz for p in known if p.supply_V == volts), None)
    input_bits = int((both[1] if both else inputs[1] if inputs else 0) or bits[0])
    weight_bits = int((both[2] if both else weights[1] if weights else 0) or bits[1])
    return Condition(volts, min(max(input_bits, 1), 32), min(max(weight_bits, 1), 32), hertz)


def _point(chip: PublishedChip | None, design: Design | None, condition: Condition) -> Point:
    drawn = design if design is not None else load_published(chip.design if chip is not None else "")
    return point_of(drawn, condition, chip.clock_Hz if chip is not None else None)


def point_of(design: Design, condition: Condition, clock_Hz: float | None) -> Point:
    """A design with its crossbars at an operating point; `clock_Hz`: what its own times are of.

    Raises ValueError where the design has no crossbar.
    """
    node, blocks, part = design.settings.node_nm, list(design.blocks), None
    for i, block in enumerate(blocks):
        if isinstance(block.part, Crossbar):
            part = block.part
            if condition.supply_V is not None:
                factor = condition.clock_Hz / clock_Hz if condition.clock_Hz and clock_Hz else None
                part = at_supply(part, node, condition.supply_V, factor)
            blocks[i] = msgspec.structs.replace(block, part=part)
    if part is None:
        raise ValueError(f"{design.name} has no crossbar")
    moved = msgspec.structs.replace(design, blocks=tuple(blocks))
    from hwlib.technology.scaling import nominal_supply_V

    supply = part.supply_V if part.supply_V is not None else float(nominal_supply_V(node))
    return Point(moved, part, chip_peak(moved, condition.input_bits, condition.weight_bits), supply)


def _near_J(p: Point) -> float:
    """Near-memory operations on the sums of all columns; a lane takes as many at once as fit into its 32 bits."""
    packed = LANE_BITS / p.part.adc_bits
    return p.part.columns * NEAR_OPS / packed * near_memory_op_J(p.design.settings.node_nm, p.supply_V)


def _near_area_m2(design: Design) -> float:
    """Area of the vector units that stand for a near-memory datapath."""
    machine = build(lower([design], shape_of(design)), (8,))
    return float(sum(machine.plan.area_m2[0, i] for i, b in enumerate(design.blocks) if b.kind == "vector_unit"))
