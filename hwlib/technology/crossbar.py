"""What in-memory-compute cells give and cost: area, reading, programming, endurance, and the logic around the array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology.logic import mac_energy_J, register_energy_J_per_bit
from hwlib.technology.scaling import area_factor, energy_factor, nominal_supply_V
from hwlib.technology.sram import bit_cell_area_m2
from hwlib.technology.tables import Array, constant, curve, entries, entry, remembered


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

    Of digital cells the storage alone: multipliers and adders are `product_area_m2`. `peripheral_area_factor` comes on
    top. Keys: sram.array_efficiency, crossbar.analog_sram_cells, crossbar.periphery, sram.bit_cell, cell.rram.
    """
    cell = _named(cell)
    if cell.name == "sram_digital":
        per_bit = bit_cell_area_m2(node_nm) / constant("sram.array_efficiency")
    elif cell.leaks:
        per_bit = constant("crossbar.analog_sram_cells") * bit_cell_area_m2(node_nm)
    else:
        side = np.maximum(node_nm, cell.smallest_node_nm) * 1e-9
        nonvolatile: Array = cell.area_F2 * side * side + 0.0 * np.asarray(bits_per_cell, dtype=float)
        return nonvolatile
    area: Array = per_bit * np.asarray(bits_per_cell, dtype=float)
    return area


def product_area_m2(node_nm: ArrayLike, adder: str = "tree") -> Array:
    """One 1b x 1b multiplier with its share of the adder tree, or with the adder of a cell that adds by itself.

    Keys: crossbar.product_area, crossbar.adding_cell_area, scaling.area.
    """
    item = entry("crossbar.product_area" if adder == "tree" else "crossbar.adding_cell_area")
    return float(item["value"]) * area_factor(float(item["at_node_nm"]), node_nm)


def accumulator_area_m2(node_nm: ArrayLike) -> Array:
    """Adder and register in which one column's share of a sum grows over the steps of an input.

    Keys: crossbar.accumulator_area, scaling.area.
    """
    item = entry("crossbar.accumulator_area")
    return float(item["value"]) * area_factor(float(item["at_node_nm"]), node_nm)


@remembered
def products_per_step(dac_bits: ArrayLike, booth: ArrayLike) -> Array:
    """One-bit products of a cell in one step: one an input bit, or with Booth recoding one a pair of bits.

    A recoded pair is a digit from -2 to 2, whose product is a bit wider. Keys: crossbar.booth.
    """
    bits = np.asarray(dac_bits, dtype=float)
    products: Array = np.where(np.asarray(booth) > 0, constant("crossbar.booth") * np.ceil(bits / 2.0), bits)
    return products


@remembered
def digital_array_area_m2(
    node_nm: ArrayLike, rows: ArrayLike, columns: ArrayLike, rows_active: ArrayLike, products: ArrayLike, adder: str
) -> Array:
    """One digital array before periphery: storage of all rows, products of the rows that compute at once, accumulators.

    `products`: of a cell in one step, see `products_per_step`. Keys: sram.bit_cell, sram.array_efficiency,
    crossbar.product_area, crossbar.adding_cell_area, crossbar.accumulator_area.
    """
    computing = np.minimum(rows_active, rows) * np.asarray(products, dtype=float)
    each = np.asarray(rows) * cell_area_m2("sram_digital", node_nm) + computing * product_area_m2(node_nm, adder)
    area: Array = np.asarray(columns, dtype=float) * (each + accumulator_area_m2(node_nm))
    return area


@remembered
def digital_drive_energy_J(
    node_nm: ArrayLike, columns: ArrayLike, bits: ArrayLike, array_m2: ArrayLike, rows: ArrayLike
) -> Array:
    """One row's input of `bits` bits into a digital array: a register each, and a full swing of its line.

    The line runs across the array, whose cells are as wide as their adders make them: sqrt(area of a cell) each, and
    meets one gate a column. Keys: logic.register, crossbar.wire_capacitance, crossbar.gate_capacitance, scaling.supply.
    """
    pitch = np.sqrt(np.asarray(array_m2) / (np.asarray(rows, dtype=float) * np.asarray(columns, dtype=float)))
    gates = constant("crossbar.gate_capacitance") * np.asarray(node_nm, dtype=float) / 28.0
    line = np.asarray(columns, dtype=float) * (constant("crossbar.wire_capacitance") * pitch + gates)
    energy: Array = np.asarray(bits, dtype=float) * (
        register_energy_J_per_bit(node_nm) + line * nominal_supply_V(node_nm) ** 2
    )
    return energy


def digital_bitmac_energy_J(node_nm: ArrayLike, supply_V: ArrayLike | None = None) -> Array:
    """One 1b x 1b product with its share of the adder tree, at nominal supply or scaled to `supply_V` with V².

    Keys: crossbar.bitmac, scaling.supply.
    """
    nominal = curve("crossbar.bitmac")(node_nm)
    if supply_V is None:
        return nominal
    scaled: Array = nominal * (np.asarray(supply_V, dtype=float) / nominal_supply_V(node_nm)) ** 2
    return scaled


def _charge_energy_J(key: str, node_nm: ArrayLike) -> Array:
    """Charge moves in capacitors and wires as long as the cell is wide: C ~ sqrt(bit cell). Keys: sram.bit_cell."""
    item = entry(key)
    shrink = np.sqrt(bit_cell_area_m2(node_nm) / bit_cell_area_m2(float(item["at_node_nm"])))
    energy: Array = float(item["value"]) * shrink
    return energy


def cell_read_energy_J(cell: CellTechnology | str, node_nm: ArrayLike, bits_per_cell: ArrayLike = 1) -> Array:
    """Energy of one cell in one step; of sram_digital the bit-MAC. Non-volatile cells don't follow the node.

    An analog SRAM cell of several bits is as many cells on one capacitor ladder, of one bit a capacitor of its own.
    Keys: crossbar.bitmac, crossbar.capacitor_read, crossbar.ladder_read, cell.rram, cell.pcm, cell.flash.
    """
    cell = _named(cell)
    if cell.name == "sram_digital":
        return digital_bitmac_energy_J(node_nm)
    if cell.leaks:
        bits = np.asarray(bits_per_cell, dtype=float)
        one, ladder = (_charge_energy_J(f"crossbar.{kind}_read", node_nm) for kind in ("capacitor", "ladder"))
        return np.where(bits > 1.0, ladder * bits, one)
    return np.full(np.shape(node_nm), cell.read_energy_J)


def cell_supply_V(cell: CellTechnology | str, node_nm: ArrayLike, bits_per_cell: ArrayLike = 1) -> Array:
    """Supply at which `cell_read_energy_J` holds.

    Keys: crossbar.capacitor_read, crossbar.ladder_read, scaling.supply.
    """
    cell = _named(cell)
    if cell.leaks and cell.analog:
        one, ladder = (float(entry(f"crossbar.{kind}_read")["at_supply_V"]) for kind in ("capacitor", "ladder"))
        return np.where(np.asarray(bits_per_cell, dtype=float) > 1.0, ladder, one) + 0.0 * np.asarray(node_nm)
    return nominal_supply_V(node_nm)


def adding_cell_energy_J(node_nm: ArrayLike, settled: ArrayLike = 1.0) -> Array:
    """One step of a digital cell that adds its product to its neighbour's sum, at nominal supply.

    `settled`: share of the time that a sum takes to settle which a step has; transitions beyond the useful ones happen
    for as long only. Keys: mac.int8, crossbar.adders_per_mac, crossbar.ripple.
    """
    adder = mac_energy_J(node_nm, "int8") / constant("crossbar.adders_per_mac")
    transitions = 1.0 + (constant("crossbar.ripple") - 1.0) * np.asarray(settled, dtype=float)
    energy: Array = transitions * adder
    return energy


def cell_read_time_s(cell: CellTechnology | str, node_nm: ArrayLike) -> Array:
    """Time of one step; only a digital array's cycle follows the node. Keys: crossbar.digital_cycle, cell.rram."""
    cell = _named(cell)
    if cell.name == "sram_digital":
        return curve("crossbar.digital_cycle")(node_nm)
    return np.full(np.shape(node_nm), cell.read_time_s)


@remembered
def shift_add_energy_J(node_nm: ArrayLike) -> Array:
    """One shift-and-add of a column's digital sum. Keys: crossbar.shift_add, scaling.energy."""
    item = entry("crossbar.shift_add")
    return float(item["value"]) * energy_factor(float(item["at_node_nm"]), node_nm)


@remembered
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
