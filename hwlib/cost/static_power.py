"""What blocks draw whether they work or not: leakage, refresh, background of DRAM, and clocks that never stop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.area import RATES, per_word
from hwlib.cost.crossbar_pool import refreshes_per_s
from hwlib.cost.floorplan import Floorplan
from hwlib.cost.lower import Lowered, Parameters
from hwlib.cost.operands import deliveries_J
from hwlib.technology import crossbar, dram, logic, sram

Array = NDArray[np.float64]

IDLE_ARRAY_LEAKAGE = 0.1
"""Leakage of crossbar peripheries over that of dense logic of the same area: converters and drivers are analog or
power-gated while their array is idle (estimate)."""


def static_W(chip: Lowered, plan: Floorplan, clocks: Array) -> Array:
    """[D, B] static power of every block: leakage by area, SRAM by capacity, background power of DRAM, and `clocks`.

    The user's own value of a block stands for all of it.
    """
    result = plan.area_m2 * logic.logic_leakage_Wpm2(chip.node_nm) + clocks
    for kind, p in chip.kinds.items():
        modelled = result[:, p.index]
        if kind == "sram":
            share = np.array([sram.standby_share(c) for c in p.word("cell")])
            modelled = sram.sram_leakage_W(chip.node_nm, p.capacity_bytes, share)
        elif kind == "dram":
            background = np.array([dram.dram_technology(t).background_W for t in p.word("technology")])
            modelled = modelled + p.channels * background
        elif kind == "crossbar":
            modelled = _crossbar_leakage(chip, p, modelled)
        result[:, p.index] = p.own("leakage_W", modelled)
    return result


def clocks_W(chip: Lowered, share: float) -> Array:
    """[D, B] what clocks and control of compute arrays and vector units draw at any time: `share` of their peak power.

    Units that wait go on being clocked; Wattch's model of conditional clocking (Brooks et al., ISCA 2000) lets them
    draw a tenth of their maximum. `share` is the class prior's.
    """
    result = np.zeros((chip.count, len(chip.shape.topology.ids)))
    if share > 0.0:
        for kind, peak_W in (("compute_array", array_peak_W), ("vector_unit", vector_peak_W)):
            if kind in chip.kinds:
                p = chip.kinds[kind]
                result[:, p.index] = np.where(np.isnan(p.leakage_W), share * peak_W(chip, p), 0.0)
    return result


def array_peak_W(chip: Lowered, p: Parameters) -> Array:
    """[D, n] power of compute arrays at full rate, at random data, in the format that draws most."""
    cells = p.rows * p.columns * p.count * p.clock_Hz
    node, most = chip.node_nm, np.zeros_like(cells)
    for fmt, rate in RATES.items():
        speed = getattr(p, rate)
        if speed.any():
            mac = p.own("mac_energy_J", logic.mac_energy_J(node, fmt))
            most = np.maximum(most, speed * (mac + deliveries_J(p, node, fmt, 1.0)))
    return np.asarray(cells * most)


def vector_peak_W(chip: Lowered, p: Parameters) -> Array:
    """[D, n] power of vector units with every lane at work."""
    op = p.own("op_energy_J", logic.vector_op_energy_J(chip.node_nm, p.lane_bits))
    return np.asarray(p.lanes * p.count * p.clock_Hz * op)


def _crossbar_leakage(chip: Lowered, p: Parameters, by_area: Array) -> Array:
    """Cells of SRAM leak like SRAM; the other devices don't, their converters and drivers leak by area.

    Cells that forget are rewritten: energy of a write over the retention.
    """

    def cell_m2(cell: str) -> Array:
        return crossbar.cell_area_m2(cell, chip.node_nm, 1.0 if cell == "sram_digital" else p.bits_per_cell)

    cells = per_word(p.word("cell"), lambda c: cell_m2(c) + 0.0 * p.rows)
    share = np.clip(p.arrays * p.rows * p.columns * cells / np.maximum(_area_of(chip, by_area), 1e-30), 0.0, 1.0)
    leaks = np.array([crossbar.cell_technology(c).leaks for c in p.word("cell")])
    held = p.arrays * p.rows * p.columns * np.where(p.ping_pong > 0, 2.0, 1.0)
    cell = np.where(leaks, sram.sram_leakage_W(chip.node_nm, held / 8.0, sram.standby_share("low_power")), 0.0)
    return IDLE_ARRAY_LEAKAGE * by_area * (1.0 - share) + cell + held * _refresh_W(p)


def _refresh_W(p: Parameters) -> Array:
    """Power of rewriting one cell as often as it forgets [D, n]."""
    often = [refreshes_per_s(c, p.retention_s[:, i]) for i, c in enumerate(p.word("cell"))]
    energy = p.own("write_energy_J", per_word(p.word("cell"), lambda c: _write_J(c) + 0.0 * p.rows))
    return np.stack(often, axis=1) * energy


def _write_J(cell: str) -> Array:
    return np.asarray(crossbar.cell_technology(cell).write_energy_J)


def _area_of(chip: Lowered, by_area: Array) -> Array:
    return by_area / logic.logic_leakage_Wpm2(chip.node_nm)
