"""Time of normalisations, activations, rope and additions: passes over DRAM above a launch floor."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import Array, Ceilings, norm
from hwlib.fields import quantity

RAMP_BYTES = 1e8
ELEMENT_BYTES = 2.0
PASSES = {"rmsnorm": 2.0, "layernorm": 2.0, "softmax": 2.0, "gelu": 2.0, "add": 3.0, "silu_mul": 3.0, "attn_rope": 2.0}
"""Compulsory passes over rows x columns elements: inputs read and results written."""


class ElementwiseConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What a framework makes of one element-wise operator on a device; fitted."""

    overhead_s: Annotated[
        float, quantity("t0, launch overhead", "Launch, and what the host adds in eager mode.", unit="s")
    ]
    passes: Annotated[
        float,
        quantity(
            "Passes over DRAM", "Times that the tensor goes through DRAM at the published bandwidth, losses included."
        ),
    ]
    ramp: Annotated[float, quantity("gamma, DRAM ramp", "Bandwidth grows as (bytes / 1e8)^gamma.")]
    norm: Annotated[float, quantity("p, overlap", "How sharply the floor gives way to traffic.")]
    row_s: Annotated[
        float, quantity("Work of a row", "Work of one row on one core: reductions and index arithmetic.", unit="s")
    ]
    column_s: Annotated[
        float, quantity("tc, element of a row", "Of one core that works through a row by itself.", unit="s")
    ] = 0.0


def elementwise_seconds(x: ElementwiseConstants, chip: Ceilings, rows: Array, cols: Array) -> Array:
    """[K] seconds: t = ||t0, passes x bytes/beta (bytes/1e8)^-gamma||_p + rows x row_s / S.

    Beyond 1e8 bytes, more than was measured, the ramp stays where it is.
    """
    size = rows * cols * ELEMENT_BYTES
    stream = x.passes * size / chip.dram_Bps * (np.minimum(size, RAMP_BYTES) / RAMP_BYTES) ** -x.ramp
    alone = x.overhead_s + cols * x.column_s
    return np.asarray(norm(stream, alone, x.norm) + rows * x.row_s / chip.sms)


def roofline_s(chip: Ceilings, op: str, rows: Array, cols: Array) -> Array:
    """Plain roofline: compulsory passes at the published bandwidth."""
    return np.asarray(PASSES.get(op, 2.0) * rows * cols * ELEMENT_BYTES / chip.dram_Bps)
