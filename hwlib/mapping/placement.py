"""Placement by rule: which weights live in crossbars, SRAM or DRAM, for how many of the layers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ALIKE = 2.0**30
"""Savings that differ by less than one part of these are alike: rounding shall not choose between them."""


def fill(saving: Array, size: Array, wanted: Array, capacity: Array) -> Array:
    """How many instances [D, W] of each weight matrix go into a memory.

    saving [D, W]: what one instance saves there (any unit; not placed where <= 0); size [D, W]: capacity that one
    takes (infinite where it can't be there); wanted [D, W]: instances left; capacity [D]. Largest saving per
    capacity first, whole instances only; later passes give the remainder to matrices that still fit.
    """
    if len(wanted) == 1:
        return np.array([_fill_one(saving[0].tolist(), size[0].tolist(), wanted[0].tolist(), float(capacity[0]))])
    usable = (saving > 0) & np.isfinite(size) & (size > 0)
    if not usable.any():
        return np.zeros(wanted.shape)
    safe = np.where(usable, size, 1.0)
    mantissa, exponent = np.frexp(np.where(usable, saving / safe, 0.0))
    order = np.argsort(-np.ldexp(np.round(mantissa * ALIKE), exponent), axis=1, kind="stable")
    sorted_by = np.arange(len(order))[:, None], order
    sizes, left = safe[sorted_by], np.where(usable, wanted, 0.0)[sorted_by]
    taken = np.zeros_like(left)
    room = capacity[:, None].astype(float)
    for _ in range(left.shape[1]):  # each pass settles at least the first kind of matrix that doesn't fit any more
        left = np.where(sizes <= room + 1e-9, left, 0.0)
        need = sizes * left
        before = np.cumsum(need, axis=1) - need
        more = np.minimum(np.maximum(np.floor((room - before) / sizes + 1e-9), 0.0), left)
        if not more.any():
            break  # nor would anything go in after this pass
        taken, left = taken + more, left - more
        room = room - (more * sizes).sum(axis=1, keepdims=True)
    result = np.zeros_like(taken)
    result[sorted_by] = taken
    return result


def _fill_one(saving: list[float], size: list[float], wanted: list[float], room: float) -> list[float]:
    """The same for one design in plain numbers: it has a few matrices, and arrays of few are slow."""
    taken = [0.0] * len(wanted)
    usable = [i for i, (gain, need) in enumerate(zip(saving, size, strict=True)) if gain > 0 and 0 < need < math.inf]

    def rank(i: int) -> float:
        mantissa, exponent = math.frexp(saving[i] / size[i])
        return -math.ldexp(round(mantissa * ALIKE), exponent)

    for i in sorted(usable, key=rank):
        if size[i] <= room + 1e-9:
            all_fit = wanted[i] * size[i] <= room
            taken[i] = wanted[i] if all_fit else min(max(math.floor(room / size[i] + 1e-9), 0.0), wanted[i])
            room -= taken[i] * size[i]
    return taken
