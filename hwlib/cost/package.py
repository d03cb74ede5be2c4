"""What one packaged chip costs: its dies, memory, interposer where stacks sit on one, substrate, failed bonds, test."""

from __future__ import annotations

from dataclasses import dataclass

from hwlib.cost.die import die_figures
from hwlib.design.design import Design
from hwlib.design.parts import Dram
from hwlib.technology import package
from hwlib.technology.dram import dram_technology

STACKED = "HBM"
"""How the names of DRAM in stacks begin, which need an interposer beside the die."""


@dataclass(frozen=True)
class PackageFigures:
    """US dollars by part, sizes and counts that they rest on, and the sum of a package that was bonded and tested."""

    dies_USD: float
    memory_USD: float
    interposer_USD: float
    substrate_USD: float
    bonded: float
    """Dies and stacks that are attached, each at the bonding yield."""

    stacks: float
    carried_m2: float
    """Silicon that the interposer, or without one the substrate, carries."""

    interposer_m2: float
    parts_USD: float
    cost_USD: float


def drams_of(design: Design) -> tuple[tuple[str, Dram], ...]:
    """Ids and parts of the design's DRAM blocks."""
    return tuple((b.id, b.part) for b in design.blocks if isinstance(b.part, Dram))


def memory_USD(part: Dram) -> float:
    """Price of one DRAM block's devices."""
    usual = dram_technology(part.technology).capacity_bytes
    each = usual if part.capacity_bytes is None else part.capacity_bytes
    return part.channels * each * package.memory_price_USD_per_byte(part.technology)


def package_figures(design: Design) -> PackageFigures:
    """Estimates all of them: list prices are contracts, and change by the quarter. Sources: resources, cost.*."""
    die, drams = die_figures(design), drams_of(design)
    memory = float(sum(memory_USD(part) for _, part in drams))
    stacks = float(sum(part.channels for _, part in drams if part.technology.startswith(STACKED)))
    carried = float(package.carried_area_m2(die.area_m2 * die.dies, stacks))
    on_interposer = stacks > 0 or die.dies > 1
    area = float(package.interposer_area_m2(die.area_m2 * die.dies, stacks)) if on_interposer else 0.0
    interposer = float(package.interposer_cost_USD(area)) if on_interposer else 0.0
    substrate = float(package.substrate_cost_USD(area or carried))
    bonded = die.dies + stacks + (1.0 if on_interposer else 0.0)
    parts = die.cost_USD + memory + interposer + substrate
    total = float(package.tested_cost_USD(parts, bonded))
    return PackageFigures(die.cost_USD, memory, interposer, substrate, bonded, stacks, carried, area, parts, total)
