"""What arithmetic costs: energy, area and leakage of MACs, vector lanes, registers and the control around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology.scaling import area_factor, energy_factor
from hwlib.technology.sram import bit_cell_area_m2
from hwlib.technology.tables import Array, constant, curve, entry, remembered

Format = Literal["fp32", "16bit", "fp8", "int8", "int4"]
Style = Literal["systolic", "tensor", "simd"]
FORMATS: tuple[Format, ...] = ("fp32", "16bit", "fp8", "int8", "int4")
STYLES: tuple[Style, ...] = ("systolic", "tensor", "simd")
OPERAND_BITS: dict[Format, int] = {"fp32": 32, "16bit": 16, "fp8": 8, "int8": 8, "int4": 4}
VECTOR_OPERANDS = 3
"""Operands of a vector operation: two read, one written."""

LANE_REGISTERS = 256
"""Words of registers of a lane."""


def _scaled_energy(key: str, node_nm: ArrayLike) -> Array:
    item = entry(key)
    return float(item["value"]) * energy_factor(float(item["at_node_nm"]), node_nm)


def mac_energy_J(node_nm: ArrayLike, fmt: Format) -> Array:
    """Energy of one multiply-accumulate in the functional unit, at random data (half of the bits toggle).

    A power law of the node through Horowitz (45 nm) and Jouppi (7 nm). Raises KeyError for an unknown format.
    Keys: mac.fp32, mac.16bit, mac.fp8, mac.int8, mac.int4.
    """
    return curve(f"mac.{fmt}")(node_nm)


@remembered
def mac_area_m2(node_nm: ArrayLike, fmt: Format) -> Array:
    """Area of one multiply-accumulate cell with its registers, before `wiring_overhead`.

    Raises KeyError for an unknown format.
    Keys: mac_area.fp32, mac_area.16bit, mac_area.fp8, mac_area.int8, mac_area.int4, scaling.area.
    """
    item = entry(f"mac_area.{fmt}")
    return float(item["value"]) * area_factor(float(item["at_node_nm"]), node_nm)


@remembered
def register_energy_J_per_bit(node_nm: ArrayLike) -> Array:
    """One bit through one pipeline register, as operands hop between cells. Keys: logic.register, scaling.energy."""
    return _scaled_energy("logic.register", node_nm)


def register_file_energy_J_per_bit(node_nm: ArrayLike) -> Array:
    """One bit to or from a multi-kB register file through its operand collector. Keys: logic.register_file."""
    return curve("logic.register_file")(node_nm)


@remembered
def control_energy_J_per_mac(node_nm: ArrayLike, style: Style, fmt: Format = "16bit") -> Array:
    """Instruction, scheduling and clock overhead per MAC, proportional to the operands' bits.

    Register-file traffic is not in it. Raises KeyError for an unknown style or format.
    Keys: control.systolic, control.tensor, control.simd, scaling.energy.
    """
    return _scaled_energy(f"control.{style}", node_nm) * (OPERAND_BITS[fmt] / 16.0)


def lane_format(bits: float) -> Format:
    """The number format whose multiply-adds a lane of so many bits has: int8, 16 bit, or fp32 above.

    Keys: mac.int8, mac.16bit, mac.fp32.
    """
    return "int8" if bits <= 8 else "16bit" if bits <= 16 else "fp32"


def _of_lanes(model: Callable[[ArrayLike, Format], Array], node_nm: ArrayLike, bits: ArrayLike) -> Array:
    """A property of multiply-adds by the width of lanes, broadcast over both."""
    widths = np.asarray(bits, dtype=float)
    found: Array = model(node_nm, "fp32") + 0.0 * widths
    for width in (16.0, 8.0):
        if (widths <= width).any():
            found = np.where(widths <= width, model(node_nm, lane_format(width)), found)
    return found


@remembered
def vector_op_energy_J(node_nm: ArrayLike, bits: ArrayLike = 32.0) -> Array:
    """One plain vector operation: arithmetic, operands through the lane's registers, control, broadcast over both.

    E = mac/2 + 3 bits through the register file + control, with the multiply-add of `lane_format(bits)`.
    Keys: mac.fp32, mac.16bit, mac.int8, logic.register_file, control.vector_lane.
    """
    registers = VECTOR_OPERANDS * np.asarray(bits, dtype=float) * register_file_energy_J_per_bit(node_nm)
    return 0.5 * _of_lanes(mac_energy_J, node_nm, bits) + registers + _lane_control_J(node_nm)


@remembered
def _lane_control_J(node_nm: ArrayLike) -> Array:
    return _scaled_energy("control.vector_lane", node_nm)


@remembered
def special_op_energy_J(node_nm: ArrayLike, bits: ArrayLike = 32.0) -> Array:
    """One exponential, reciprocal or square root: a vector operation and some multiply-adds of the lane's format.

    Keys: logic.special_ops, mac.fp32, mac.16bit, mac.int8, logic.register_file, control.vector_lane.
    """
    more = constant("logic.special_ops") * _of_lanes(mac_energy_J, node_nm, bits)
    return vector_op_energy_J(node_nm, bits) + more


@remembered
def vector_lane_area_m2(node_nm: ArrayLike, bits: ArrayLike = 32.0) -> Array:
    """One lane with its special-function share and 256 words of registers, before `wiring_overhead`.

    Keys: logic.vector_lane_area, mac_area.fp32, mac_area.16bit, mac_area.int8, sram.bit_cell, sram.array_efficiency.
    """
    stored = LANE_REGISTERS * np.asarray(bits, dtype=float) * bit_cell_area_m2(node_nm)
    arithmetic = constant("logic.vector_lane_area") * _of_lanes(mac_area_m2, node_nm, bits)
    return arithmetic + stored / constant("sram.array_efficiency")


def logic_leakage_Wpm2(node_nm: ArrayLike) -> Array:
    """Static power of a square metre of powered logic. Keys: logic.leakage."""
    return curve("logic.leakage")(node_nm)


def wiring_overhead(node_nm: ArrayLike) -> Array:
    """Factor on the summed area of logic parts for routing and placement gaps. Keys: logic.wiring_overhead."""
    return np.asarray(curve("logic.wiring_overhead")(node_nm))
