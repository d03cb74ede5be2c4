"""Collectives between chips: how many latencies one takes, and how its bandwidth rises with the size of a message."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

PORTS_LOG2 = 3.0
"""Chips that reach each other in one hop, through switches or directly: 2^3, as in a server of GPUs."""


def collective_latencies(chips: ArrayLike) -> Array:
    """Latencies of one all-reduce: one where a hop reaches all, log8(n) through levels of switches beyond."""
    return np.asarray(np.maximum(1.0, np.log2(np.asarray(chips, dtype=float)) / PORTS_LOG2))


def port_ramp(message_bytes: ArrayLike, ramp_bytes: ArrayLike) -> Array:
    """Share of its plateau that the bandwidth reaches for a message: sqrt(bytes / (bytes + ramp)).

    It rises with sqrt(bytes) well below `ramp_bytes` (MODEL.md, Mapping); with 0 there is no ramp.
    """
    size = np.maximum(np.asarray(message_bytes, dtype=float), 1e-300)
    return np.asarray(np.sqrt(size / (size + np.asarray(ramp_bytes, dtype=float))))
