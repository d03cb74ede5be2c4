"""How resources overlap: the time of an operator from its resource times, their shares, and life without a wall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.machine import Machine
from hwlib.cost.work import OVERHEAD, PROGRAM
from hwlib.mapping.program import RELOADED, Program
from hwlib.report import RESOURCES

Array = NDArray[np.float64]


def combine(times: Array, p: Array, serial_program: Array) -> Array:
    """t = (sum t_i^p)^(1/p) over overlapping resources, plus overhead and programming that can't overlap [D, K]."""
    overlapping = times.copy()
    overlapping[..., OVERHEAD] = 0.0
    overlapping[..., PROGRAM] *= 1.0 - serial_program
    largest = np.maximum(overlapping.max(axis=-1), 1e-300)
    power = p[:, None, None]
    norm = largest * ((overlapping / largest[..., None]) ** power).sum(axis=-1) ** (1.0 / p[:, None])
    return np.asarray(norm + times[..., OVERHEAD] + serial_program * times[..., PROGRAM])


def serial_programming(machine: Machine, program: Program) -> Array:
    """[D, K]: 1 where programming can't overlap with computing in the same arrays."""
    if not machine.crossbars or not (program.source == RELOADED).any():
        return np.zeros((1, len(program)))
    return np.asarray(
        (program.source == RELOADED)[None, :] * (machine.crossbars[0].ping_pong < 0.5)[:, None], dtype=float
    )


def without_walls(
    times: Array, p: Array, serial: Array, pass_time: Array, seconds: Callable[[Array, Array], Array]
) -> Array:
    """[2, D, R]: phase time over phase time with one resource free ("without this wall").

    `seconds`: the time of a pass [2, D] from the columns' resource times and times.
    """
    result = np.ones((2, len(times), len(RESOURCES)))
    for i in range(len(RESOURCES)):
        if not times[..., i].any():
            continue
        freed = times.copy()
        freed[..., i] = 0.0
        tau = combine(freed, p, serial)
        result[:, :, i] = pass_time / np.maximum(seconds(freed, tau), 1e-300)
    return result


def shares(times: Array, tau: Array, p: Array, serial: Array) -> Array:
    """[D, K, R]: seconds of one instance by resource; share of i = t t_i^p / sum t_j^p, additive parts on their own."""
    overlapping = times.copy()
    overlapping[..., OVERHEAD] = 0.0
    overlapping[..., PROGRAM] *= 1.0 - serial
    largest = np.maximum(overlapping.max(axis=-1, keepdims=True), 1e-300)
    powered = (overlapping / largest) ** p[:, None, None]
    rest = tau - times[..., OVERHEAD] - serial * times[..., PROGRAM]
    result = rest[..., None] * powered / np.maximum(powered.sum(-1, keepdims=True), 1e-300)
    result[..., OVERHEAD] += times[..., OVERHEAD]
    result[..., PROGRAM] += serial * times[..., PROGRAM]
    return np.asarray(result)
