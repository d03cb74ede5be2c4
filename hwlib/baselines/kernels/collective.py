"""Time of collectives over chips: launch floor, steps, a ramp with the root of the bytes, the links' plateau; short
all-reduces that go directly between all chips."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import Array, Ceilings
from hwlib.fields import choice, quantity

Direct = Literal["none", "each", "shared"]
DIRECT_BYTES = 8.0 * 2**20
"""Longer messages go to NCCL (vLLM: custom_all_reduce.py, TensorRT-LLM: its workspace, shared by the chips)."""


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
    direct: Annotated[
        Direct,
        choice(
            "Direct exchange",
            "Which messages of an all-reduce go straight between all chips, in one or two exchanges: none; those under "
            "8 MiB (vLLM's own kernel); those under 8 MiB over the number of chips (TensorRT-LLM's).",
        ),
    ] = "none"
    direct_s: Annotated[
        float, quantity("Launch of a direct exchange", "Launch and barriers of one exchange.", unit="s")
    ] = 0.0
    direct_step_s: Annotated[
        float, quantity("Direct latency of a chip", "Latency of each chip after the second in an exchange.", unit="s")
    ] = 0.0
    direct_share: Annotated[
        float, quantity("Share of links in one exchange", "Every chip reads the whole message of every other one.")
    ] = 1.0
    second_s: Annotated[
        float,
        quantity("Second exchange", "What it adds where each chip sums up a part and then sends it on.", unit="s"),
    ] = 0.0
    second_share: Annotated[
        float, quantity("Share of links in two exchanges", "Each moves a chip's part of the message only.")
    ] = 1.0


def wire_bytes(op: str, n: Array, size: Array) -> Array:
    """Bytes that leave the busiest chip: 2 (n-1)/n of the message for an all-reduce, (n-1)/n for the others."""
    factor = 2.0 if op == "all_reduce" else 1.0
    return size if op == "send_recv" else np.asarray(factor * (n - 1.0) / n * size)


def roofline_s(chip: Ceilings, op: str, n: Array, size: Array) -> Array:
    """Plain alpha-free bound: wire bytes at the published one-way bandwidth. Raises ValueError without links."""
    return np.asarray(wire_bytes(op, n, size) / _links(chip))


def collective_seconds(x: CollectiveConstants, chip: Ceilings, op: str, n: Array, size: Array) -> Array:
    """[K] seconds of a collective of `size` bytes over `n` chips. Raises ValueError where the device has no links.

    t = alpha + step (n - 2) + sqrt(ramp wire) + wire / share(n), wire = wire_bytes / beta, beta one way. Messages that
    go directly: t = alpha_d + step_d (n - 2) + min((n - 1) bytes / (share_1 beta), second + wire / share_2).
    """
    wire, more = wire_bytes(op, n, size) / _links(chip), np.maximum(0.0, n - 2.0)
    reached = x.share * (n / 8.0) ** x.spread
    ring = x.overhead_s + x.step_s * more + np.sqrt(x.ramp_s * wire) + wire / reached
    if x.direct == "none":
        return np.asarray(ring)
    once = (n - 1.0) * size / (x.direct_share * _links(chip))
    direct = x.direct_s + x.direct_step_s * more + np.minimum(once, x.second_s + wire / x.second_share)
    return np.where(size * (n if x.direct == "shared" else 1.0) < DIRECT_BYTES, direct, ring)


def _links(chip: Ceilings) -> float:
    if not chip.link_Bps:
        raise ValueError(f"{chip.name} has no published chip-to-chip links")
    return chip.link_Bps
