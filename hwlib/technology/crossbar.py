"""What in-memory-compute cells give and cost: area, reading, programming, endurance, and the logic around the array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology.logic import mac_energy_J
from hwlib.technology.scaling import energy_factor, nominal_supply_V
from hwlib.technology.sram import bit_cell_area_m2
from hwlib.technology.tables import Array, constant, curve, entries, entry


@dataclass(frozen=True)
class CellTechnology:
    """One memory cell for in-memory compute, in SI units; reading holds at the node of its source."""

    name: str
    area_F2: float
    """Area in squares of the node; 0 for SRAM, whose area follows the foundries' bit cells."""
    smallest_node_nm: float
    """The cell keeps its size below this node."""
    read_energy_J: float
    """One cell in one analog step, or one bit-MAC of a digital array."""
    read_time_s: float
    """One analog step (row drive, settling, sampling), or one bit step of a digital array."""
    write_energy_J: float
    """Programming one cell once, all verify pulses included."""
    write_time_row_s: float
    """Programming one row of an array once, all verify pulses included."""
    verify_pulses: float
    """Pulses that one programming takes; each wears the cell."""
    endurance_writes: float
    """Pulses that one cell survives."""
    retention_s: float
    variation: float
    """Standard deviation of a cell's level over the full level."""
    ir_drop: float
    """Resistance of the bit line along one cell times the conductance of a full cell."""
    leaks: bool
    """True where the cell needs power to keep its weight."""
    analog: bool
    """True where columns sum currents or charge and need an ADC."""

    @property
    def programmings(self) -> float:
        """How often one cell can be programmed: endurance over verify pulses."""
        return self.endurance_writes / self.verify_pulses


def _cells() -> Mapping[str, CellTechnology]:
    found = {
        k.removeprefix("cell."): v["record"] for k, v in entries().items() if k.startswith("cell.") and "record" in v
    }
    return MappingProxyType({name: CellTechnology(name=name, **record) for name, record in found.items()})


CELL_TECHNOLOGIES: Mapping[str, CellTechnology] = _cells()


def cell_technology(name: str) -> CellTechnology:
    """The cell of a name ("rram"). Raises KeyError for an unknown one.

    Keys: cell.sram_digital, cell.sram_analog, cell.rram, cell.pcm, cell.flash, and for each
    cell.rram.write_energy, cell.rram.endurance and so on.
    """
    return CELL_TECHNOLOGIES[name]


def _named(cell: CellTechnology | str) -> CellTechnology:
    return CELL_TECHNOLOGIES[cell] if isinstance(cell, str) else cell


def cell_area_m2(cell: CellTechnology | str, node_nm: ArrayLike, bits_per_cell: ArrayLike = 1) -> Array:
    """Area of what holds `bits_per_cell` weight bits; an SRAM cell holds one, so there it counts as many cells.

    A digital cell carries its share of multiplier and adder tree. `peripheral_area_factor` comes on top.
    Keys: crossbar.digital_area, crossbar.analog_sram_cells, crossbar.periphery, sram.bit_cell, cell.rram.
    """
    cell = _named(cell)
    if cell.name == "sram_digital":
        per_bit = curve("crossbar.digital_area")(node_nm) / constant("crossbar.periphery")
    elif cell.leaks:
        per_bit = constant("crossbar.analog_sram_cells") * bit_cell_area_m2(node_nm)
    else:
        side = np.maximum(node_nm, cell.smallest_node_nm) * 1e-9
        nonvolatile: Array = cell.area_F2 * side * side + 0.0 * np.asarray(bits_per_cell, dtype=float)
        return nonvolatile
    area: Array = per_bit * np.asarray(bits_per_cell, dtype=float)
    return area


def digital_bitmac_energy_J(node_nm: ArrayLike, supply_V: ArrayLike | None = None) -> Array:
    """One 1b x 1b product with its share of the adder tree, at nominal supply or scaled to `supply_V` with V².

    Keys: crossbar.bitmac, scaling.supply.
    """
    nominal = curve("crossbar.bitmac")(node_nm)
    if supply_V is None:
        return nominal
    scaled: Array = nominal * (np.asarray(supply_V, dtype=float) / nominal_supply_V(node_nm)) ** 2
    return scaled


def cell_read_energy_J(cell: CellTechnology | str, node_nm: ArrayLike, bits_per_cell: ArrayLike = 1) -> Array:
    """Energy of one cell in one step; of sram_digital the bit-MAC. Non-volatile cells don't follow the node.

    An analog SRAM cell of several bits is as many cells on one capacitor ladder.
    Keys: crossbar.bitmac, crossbar.analog_sram_read, cell.rram, cell.pcm, cell.flash.
    """
    cell = _named(cell)
    if cell.name == "sram_digital":
        return digital_bitmac_energy_J(node_nm)
    if cell.leaks:
        ladder: Array = curve("crossbar.analog_sram_read")(node_nm) * np.asarray(bits_per_cell, dtype=float)
        return ladder
    return np.full(np.shape(node_nm), cell.read_energy_J)


def cell_supply_V(cell: CellTechnology | str, node_nm: ArrayLike) -> Array:
    """Supply at which `cell_read_energy_J` holds. Keys: crossbar.analog_sram_supply, scaling.supply."""
    cell = _named(cell)
    if cell.leaks and cell.analog:
        return curve("crossbar.analog_sram_supply")(node_nm)
    return nominal_supply_V(node_nm)


def adding_cell_energy_J(node_nm: ArrayLike) -> Array:
    """One step of a digital cell that adds its product to its neighbour's sum, at nominal supply.

    Keys: mac.int8, crossbar.adders_per_mac, crossbar.ripple.
    """
    adder = mac_energy_J(node_nm, "int8") / constant("crossbar.adders_per_mac")
    energy: Array = constant("crossbar.ripple") * adder
    return energy


def cell_read_time_s(cell: CellTechnology | str, node_nm: ArrayLike) -> Array:
    """Time of one step; only a digital array's cycle follows the node. Keys: crossbar.digital_cycle, cell.rram."""
    cell = _named(cell)
    if cell.name == "sram_digital":
        return curve("crossbar.digital_cycle")(node_nm)
    return np.full(np.shape(node_nm), cell.read_time_s)


def shift_add_energy_J(node_nm: ArrayLike) -> Array:
    """One shift-and-add of a column's digital sum. Keys: crossbar.shift_add, scaling.energy."""
    item = entry("crossbar.shift_add")
    return float(item["value"]) * energy_factor(float(item["at_node_nm"]), node_nm)


def row_driver_energy_J(node_nm: ArrayLike, columns: ArrayLike) -> Array:
    """One full swing of a word line across `columns` cells: (wire + gates) x V².

    Pitch is the square root of the 6T cell. Keys: crossbar.wire_capacitance, crossbar.gate_capacitance,
    sram.bit_cell, scaling.supply.
    """
    wire = constant("crossbar.wire_capacitance") * np.sqrt(bit_cell_area_m2(node_nm))
    gates = constant("crossbar.gate_capacitance") * np.asarray(node_nm, dtype=float) / 28.0
    energy: Array = np.asarray(columns, dtype=float) * (wire + gates) * nominal_supply_V(node_nm) ** 2
    return energy


def peripheral_area_factor() -> float:
    """Factor on cells and converters for drivers, multiplexers and control. Keys: crossbar.periphery."""
    return constant("crossbar.periphery")
