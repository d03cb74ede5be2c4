"""What it costs to bring the operands of a MAC to it inside its unit: register bits moved, and control."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.area import per_word
from hwlib.cost.lower import Parameters
from hwlib.technology import logic
from hwlib.technology.tables import remembered

Array = NDArray[np.float64]

REGISTER_BITS = {"systolic": (1.0, 32.0), "tensor": (0.19, 4.0), "simd": (2.0, 8.0)}
"""Bits moved in registers per MAC: (per operand bit, accumulator bits). Systolic: the input and the 32-bit partial sum
hop one cell. Tensor: a 16 x 8 x 16 matrix instruction reads (256 + 128) operands and moves 128 accumulators twice for
2,048 MACs. SIMD: both operands from the register file, accumulator kept for four MACs."""


@remembered
def delivery_J(node: Array, style: str, fmt: logic.Format, toggle: Array) -> Array:
    """Energy to deliver the operands of one MAC inside its unit: register bits moved plus control."""
    per_bit, accumulator = REGISTER_BITS[style]
    bits = per_bit * logic.OPERAND_BITS[fmt] + accumulator
    register = logic.register_energy_J_per_bit if style == "systolic" else logic.register_file_energy_J_per_bit
    control: Array = logic.control_energy_J_per_mac(node, cast(logic.Style, style), fmt)
    return np.asarray(bits * register(node) * toggle + control)


def deliveries_J(p: Parameters, node: Array, fmt: logic.Format, toggle: Array | float) -> Array:
    """[D, n] the same of every compute array, by its style."""
    activity = np.asarray(toggle)
    return per_word(p.word("style"), lambda style: delivery_J(node, style, fmt, activity) + 0.0 * p.rows)
