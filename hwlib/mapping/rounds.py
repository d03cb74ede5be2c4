"""Programming a matrix into fewer arrays than it needs: which part of it each round holds, and what that re-reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPLITS = np.concatenate([np.arange(1.0, 33.0), 2.0 ** np.arange(6, 17)])

HEIGHTS = np.arange(1.0, 33.0)


@dataclass(frozen=True)
class Rounds:
    """How often the arrays are filled, and into how many parts the sums and the outputs are split for that."""

    fills: Array
    over_sums: Array
    """Partial results are written to the buffer, and read again, so many times."""
    over_outputs: Array
    """Inputs are read so many times."""


def off_chip_bytes(
    inputs: Array, results: Array, room: Array, batch: Array, moved: Array, held: Rounds | None = None
) -> Array:
    """Bytes between DRAM and a buffer beside those of `moved`, in which inputs come and results go once anyway.

    Of both what exceeds `room` is in DRAM and passes once; with rounds `asked_again` comes on top, one matrix after the
    other.
    """
    once = np.maximum(np.maximum(inputs + results - room, 0.0) - moved, 0.0)
    if held is None:
        return np.asarray(once)
    return np.asarray(once + asked_again(inputs, results, held.over_sums, held.over_outputs, room * batch))


def asked_again(inputs: Array, results: Array, over_sums: Array, over_outputs: Array, room: Array) -> Array:
    """Bytes of inputs and partial results that rounds fetch from DRAM, or put there, once more; everything broadcasts.

    Outputs one part after the other: the part's partial results stay, the rest of the room holds inputs. Or sums one
    part after the other: the part's inputs stay, the rest holds partial results. The less of the two.
    """
    parked = np.where(over_sums > 1.0, results / over_outputs, 0.0)
    kept = np.where(over_outputs > 1.0, inputs / over_sums, 0.0)
    again, back = over_outputs - 1.0, 2.0 * (over_sums - 1.0)
    by_outputs = again * _beyond(inputs, room - parked) + back * over_outputs * _beyond(parked, room)
    by_sums = back * _beyond(results, room - kept) + again * over_sums * _beyond(kept, room)
    return np.minimum(by_outputs, by_sums)


def _beyond(held: Array, room: Array) -> Array:
    return np.maximum(held - np.maximum(room, 0.0), 0.0)


def rounds(
    down: Array,
    across: Array,
    batch: Array,
    arrays: Array,
    inputs: Array,
    results: Array,
    room: Array | float = np.inf,
    apart: Array | float = 0.0,
) -> Rounds:
    """Rounds of matrices of down x across arrays each, `batch` of them; everything broadcasts.

    Every round holds a rectangle of arrays. Of all splits of the sums into 1 … 32 parts or powers of two, and of
    rectangles up to 32 arrays high, that with the least traffic of inputs and partial results is taken:
    inputs x over_outputs + results x (2 over_sums - 1); among equal ones that with the fewest rounds, then with the
    fewest reads. `room`: bytes of a buffer for both, beyond which a byte costs as much as `apart` bytes in it.
    """
    d, a, held, x, y, space, far = (
        np.asarray(v, dtype=float)[..., None] for v in (down, across, arrays, inputs, results, room * batch, apart)
    )
    least = np.ceil(d / held)
    shape = np.broadcast_shapes(*(v.shape for v in (d, a, held, x, y, space, far)))[:-1]
    tried = (np.ceil(d / np.maximum(SPLITS, least)), np.ceil(d / least), np.minimum(HEIGHTS, np.minimum(d, held)))
    tall = np.maximum(np.concatenate([np.broadcast_to(t, (*shape, t.shape[-1])) for t in tried], axis=-1), 1.0)
    wide = np.clip(np.floor(held / tall), 1.0, a)
    over_sums, over_outputs = np.ceil(d / tall), np.ceil(a / wide)
    reads = x * over_outputs + y * over_sums
    traffic = reads + y * (over_sums - 1.0) + far * asked_again(x, y, over_sums, over_outputs, space)
    each = over_sums * over_outputs
    scale = np.maximum(traffic.min(-1, keepdims=True), 1e-300)
    order = np.round(traffic / scale, 9) * 1e12 + each * 1e3 + reads / np.maximum(reads.max(-1, keepdims=True), 1e-300)
    best = order.argmin(-1)[..., None]
    over_sums, over_outputs = (np.take_along_axis(v, best, -1)[..., 0] for v in (over_sums, over_outputs))
    once = over_sums * over_outputs == 1.0
    fills = np.where(once, np.ceil(down * across * batch / arrays), batch * over_sums * over_outputs)
    return Rounds(fills, over_sums, over_outputs)
