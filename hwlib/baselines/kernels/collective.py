"""Time of collectives over chips: launch floor, steps, a ramp with the root of the bytes, then the links' plateau."""

from __future__ import annotations

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import Array, Ceilings


class CollectiveConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What a library makes of one collective on a device's links; fitted."""

    overhead_s: float
    """alpha, s: launch; in eager mode what the host adds."""

    step_s: float
    """Latency of each further chip, s."""

    ramp_s: float
    """Before the plateau time grows by sqrt(ramp_s x wire time): chunks too small to fill the links, s."""

    share: float
    """Share of all links' bandwidth, one way, that a large message reaches on eight chips."""

    spread: float
    """Exponent of chips / 8 in that share: above 0 where fewer chips use fewer links, below where switches add up."""


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
