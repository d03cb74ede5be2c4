"""What on-chip SRAM costs: CACTI's table by node, bank size and port width, held up by silicon where it is too good."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from hwlib.resources import read_csv
from hwlib.technology.scaling import energy_factor
from hwlib.technology.tables import Array, Grid, constant, curve, remembered

CAPACITIES_LOG2 = np.arange(3.0, 47.0)
WIDTHS_LOG2 = np.arange(0.0, 17.0)
_FLOOR_LOG2 = np.array([13.0, 15.0, 20.0])
_LN2 = float(np.log(2.0))

SMALL_BANK_EXPONENT = 0.1
"""How the floor falls under 8 KB: 7 nm's slope above it, at all nodes, or old nodes would undercut new ones."""


@cache
def _nodes_nm() -> Array:
    """Nodes of the grids: the table's own, the bit cells', so that both are met exactly."""
    own = {float(r["tech_nm"]) for r in read_csv("technology/sram_cacti.csv")}
    return np.array(sorted(own | {round(n, 6) for n in curve("sram.bit_cell").nodes_nm.tolist()}))


@cache
def _rows(column: str) -> tuple[Array, Array, Array, Array]:
    """Nodes, log2 capacities, log2 widths and the table's column as (node, capacity, width)."""
    rows = read_csv("technology/sram_cacti.csv")
    nodes = np.unique([float(r["tech_nm"]) for r in rows])
    capacities = np.unique([float(r["capacity_bytes"]) for r in rows])
    widths = np.unique([float(r["width_bits"]) for r in rows])
    values = np.full((len(nodes), len(capacities), len(widths)), np.nan)
    for r in rows:
        at = (float(r["tech_nm"]), float(r["capacity_bytes"]), float(r["width_bits"]))
        place = tuple(np.searchsorted(a, x) for a, x in zip((nodes, capacities, widths), at, strict=True))
        values[place] = float(r[column])
    return nodes, np.log2(capacities), np.log2(widths), values


def _over_nodes(values: Array, nodes: Array, node_exponents: tuple[Array, Array]) -> Array:
    """(node, …) logarithms on the grids' nodes: a power law between the table's, `node_exponents` outside them."""
    target = np.log(_nodes_nm())
    x = np.log(nodes)
    flat = values.reshape(len(nodes), -1)
    inside = np.stack([np.interp(target, x, flat[:, j]) for j in range(flat.shape[1])], axis=1)
    below, above = node_exponents
    shift = np.where(target < x[0], below, 0.0) + np.where(target > x[-1], above, 0.0)
    result: Array = (inside + shift[:, None]).reshape(len(target), *values.shape[1:])
    return result


def _extended(values: Array, axis: int, have: Array, want: Array, low: float, high: float) -> Array:
    """Logarithms carried on along one log2 axis with the exponents `low` below and `high` above the table."""
    index = np.clip(want - have[0], 0, len(have) - 1).astype(int)
    shift = low * np.minimum(want - have[0], 0.0) + high * np.maximum(want - have[-1], 0.0)
    shape = [1] * values.ndim
    shape[axis] = len(want)
    result: Array = np.take(values, index, axis=axis) + (_LN2 * shift).reshape(shape)
    return result


def _log_table(
    column: str, capacity: tuple[float, float], width: tuple[float, float], outside_nodes: tuple[Array, Array]
) -> Array:
    """Logarithm of a column on the whole grid (node, capacity, width), each exponent pair (below, above) the table."""
    nodes, capacities, widths, values = _rows(column)
    if column.endswith("energy_J"):
        values = values / np.exp2(widths)
    table = _over_nodes(np.log(values), nodes, outside_nodes)
    table = _extended(table, 1, capacities, CAPACITIES_LOG2, *capacity)
    return _extended(table, 2, widths, WIDTHS_LOG2, *width)


def _grid(log_values: Array) -> Grid:
    return Grid((np.log(_nodes_nm()), CAPACITIES_LOG2 * _LN2, WIDTHS_LOG2 * _LN2), log_values)


def _log_energy_floor() -> Array:
    """Logarithm of the silicon floor (node, capacity, width): the anchors' power law in node and capacity.

    floor = anchor x (0.6 + 0.4 x 64 / width).
    """
    nodes = _nodes_nm()
    anchors = np.log([curve(f"sram.floor_{size}")(nodes) for size in ("8k", "32k", "1m")])
    slopes = np.diff(anchors, axis=0) / np.diff(_FLOOR_LOG2)[:, None]
    c = CAPACITIES_LOG2[:, None]
    small = anchors[0] + np.where(c < _FLOOR_LOG2[0], SMALL_BANK_EXPONENT * _LN2, slopes[0]) * (c - _FLOOR_LOG2[0])
    large = anchors[1] + slopes[1] * (c - _FLOOR_LOG2[1])
    by_width = np.log(0.6 + 0.4 * 64.0 / np.exp2(WIDTHS_LOG2))
    floor: Array = np.where(c < _FLOOR_LOG2[1], small, large).T[:, :, None] + by_width
    return floor


@cache
def _energy_grid(column: str) -> Grid:
    """Energy per bit; beyond the table capacity^0.5 above (wires), ^0.25 below, width^-0.7 below 32 bits."""
    nodes = _nodes_nm()
    outside = (0.4 * np.log(nodes / 5.0), np.log(energy_factor(65.0, nodes)))
    table = _log_table(column, (0.25, 0.5), (-0.7, 0.0), outside)
    floored = np.maximum.accumulate(np.maximum(table, _log_energy_floor()), axis=1)
    if column == "read_energy_J":  # a wider word never costs more per bit; the table's last digits say so once or twice
        floored = np.maximum.accumulate(floored[:, :, ::-1], axis=2)[:, :, ::-1]
    return _grid(floored)


@cache
def _area_grid() -> Grid:
    nodes = _nodes_nm()
    cell = np.log(bit_cell_area_m2(nodes))
    outside = (cell - np.log(bit_cell_area_m2(5.0)), cell - np.log(bit_cell_area_m2(65.0)))
    table = _log_table("area_m2", (1.0, 1.0), (0.0, 0.5), outside)
    floor = cell[:, None, None] + np.log(8.0 / constant("sram.array_efficiency")) + (CAPACITIES_LOG2 * _LN2)[:, None]
    floored = np.maximum(table, floor)
    for axis in range(3):
        floored = np.maximum.accumulate(floored, axis=axis)
    return _grid(floored)


@cache
def _clock_grid() -> Grid:
    nodes = _nodes_nm()
    outside = (np.log(5.0 / nodes) * 0.3, np.log(65.0 / nodes))
    table = _log_table("throughput_per_s", (0.0, -0.5), (0.0, 0.0), outside)
    capped = np.minimum(table, np.log(curve("sram.clock_cap")(nodes))[:, None, None])
    return _grid(np.minimum.accumulate(np.minimum.accumulate(capped, axis=1), axis=0))


@remembered
def sram_read_energy_J_per_bit(node_nm: ArrayLike, bank_bytes: ArrayLike, width_bits: ArrayLike) -> Array:
    """Energy to read one bit at the port of a bank, broadcast over the arguments.

    Log-linear between CACTI's rows, floored by published silicon, never cheaper than a smaller bank.
    Keys: sram.read_energy, sram.floor_8k, sram.floor_32k, sram.floor_1m.
    """
    return _energy_grid("read_energy_J")(np.log(node_nm), np.log(bank_bytes), np.log(width_bits))


@remembered
def sram_write_energy_J_per_bit(node_nm: ArrayLike, bank_bytes: ArrayLike, width_bits: ArrayLike) -> Array:
    """Energy to write one bit at the port of a bank, as `sram_read_energy_J_per_bit`.

    Keys: sram.write_energy, sram.floor_8k, sram.floor_32k, sram.floor_1m.
    """
    return _energy_grid("write_energy_J")(np.log(node_nm), np.log(bank_bytes), np.log(width_bits))


@remembered
def sram_area_m2(node_nm: ArrayLike, bank_bytes: ArrayLike, width_bits: ArrayLike) -> Array:
    """Area of one bank: CACTI's, and at least bits x bit cell / 0.55.

    Keys: sram.area, sram.bit_cell, sram.array_efficiency.
    """
    return _area_grid()(np.log(node_nm), np.log(bank_bytes), np.log(width_bits))


def cell_area_factor(cell: str) -> float:
    """Area of a bank of such cells over one of SRAM: below 1 for eDRAM. Keys: sram.edram_area."""
    return constant("sram.edram_area") if cell == "edram" else 1.0


def standby_share(cell: str) -> float:
    """Static power of a cell type over that of fast SRAM cells; of eDRAM its refresh.

    Keys: sram.leakage_low_power, sram.edram_standby.
    """
    if cell == "high_performance":
        return 1.0
    return constant("sram.edram_standby" if cell == "edram" else "sram.leakage_low_power")


def sram_leakage_W(node_nm: ArrayLike, capacity_bytes: ArrayLike, share: ArrayLike) -> Array:
    """Static power of `capacity_bytes`; `share` of that of fast cells, see `standby_share`. Keys: sram.leakage."""
    leakage: Array = curve("sram.leakage")(node_nm) * np.asarray(capacity_bytes, dtype=float) * share
    return leakage


@remembered
def sram_max_clock_Hz(node_nm: ArrayLike, bank_bytes: ArrayLike, width_bits: ArrayLike) -> Array:
    """Accesses per second that one bank can take. Keys: sram.clock, sram.clock_cap."""
    return _clock_grid()(np.log(node_nm), np.log(bank_bytes), np.log(width_bits))


def bit_cell_area_m2(node_nm: ArrayLike) -> Array:
    """Area of one high-density 6T cell. Keys: sram.bit_cell."""
    return curve("sram.bit_cell")(node_nm)
