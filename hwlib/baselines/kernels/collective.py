"""Time of collectives over chips: launch floor, steps, a ramp with the root of the bytes, then the links' plateau."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import Array, Ceilings
from hwlib.fields import quantity


class CollectiveConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What a library makes of one collective on a device's links; fitted."""

    overhead_s: Annotated[float, quantity("alpha, launch", "Launch; in eager mode what the host adds.", unit="s")]
    step_s: Annotated[float, quantity("Latency of a chip", "Latency of each chip after the second.", unit="s")]
    ramp_s: Annotated[
        float,
        quantity(
            "Ramp",
            "Before the plateau time grows by sqrt(ramp x wire time): chunks too small to fill the links.",
            unit="s",
        ),
    ]
    share: Annotated[
        float,
        quantity(
            "Share of links' bandwidth",
            "Share of all links' bandwidth, one way, that a large message reaches on eight chips.",
        ),
    ]
    spread: Annotated[
        float,
        quantity(
            "Exponent of chips",
            "Of chips / 8 in that share: above 0 where fewer chips use fewer links, below where switches add up.",
        ),
    ]


def wire_bytes(op: str, n: Array, size: Array) -> Array:
    """Bytes that leave the busiest chip: 2 (n-1)/n of the message for an all-reduce, (n-1)/n for the others."""
    factor = 2.0 if op == "all_reduce" else 1.0
    return size if op == "send_recv" else np.asarray(factor * (n - 1.0) / n * size)


def roofline_s(chip: Ceilings, op: str, n: Array, size: Array) -> Array:
    """Plain alpha-free bound: wire bytes at the published one-way bandwidth. Raises ValueError without links."""
    return np.asarray(wire_bytes(op, n, size) / _links(chip))


def collective_seconds(x: CollectiveConstants, chip: Ceilings, op: str, n: Array, size: Array) -> Array:
    """[K] seconds of a collective of `size` bytes over `n` chips. Raises ValueError where the device has no links.

    t = alpha + step (n - 2) + sqrt(ramp wire) + wire / share(n), wire = wire_bytes / beta, beta one way.
    """
    wire = wire_bytes(op, n, size) / _links(chip)
    reached = x.share * (n / 8.0) ** x.spread
    return np.asarray(x.overhead_s + x.step_s * (n - 2.0) + np.sqrt(x.ramp_s * wire) + wire / reached)


def _links(chip: Ceilings) -> float:
    if not chip.link_Bps:
        raise ValueError(f"{chip.name} has no published chip-to-chip links")
    return chip.link_Bps
