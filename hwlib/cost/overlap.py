"""How resources overlap: the time of an operator from its resource times, their shares, and life without a wall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.machine import Machine
from hwlib.cost.work import OVERHEAD, PROGRAM
from hwlib.mapping.program import RELOADED, Program
from hwlib.report import RESOURCES

if TYPE_CHECKING:
    from hwlib.cost.run import Run

Array = NDArray[np.float64]

LEFT = 1.0 - np.eye(len(RESOURCES))
"""[R, R]: 1 where a resource is left when another is free."""


ALL = np.ones(len(RESOURCES))


def combine(times: Array, p: Array, serial_program: Array) -> Array:
    """t = (sum t_i^p)^(1/p) over overlapping resources, plus overhead and programming that can't overlap [D, K]."""
    return powers(times, p, serial_program).combined()


@dataclass(frozen=True)
class Powers:
    """Resource times [D, K, R], those of them that can overlap, the largest t of each column [D, K], and (t_i / t)^p of
    every resource, which times, shares and life without a wall all are made of."""

    times: Array
    p: Array
    serial_program: Array
    overlapping: Array
    largest: Array
    powered: Array

    def combined(self) -> Array:
        """As `combine` [D, K]."""
        norm = self.largest * (self.powered @ ALL) ** (1.0 / self.p[:, None])
        return np.asarray(norm + self.times[..., OVERHEAD] + self.serial_program * self.times[..., PROGRAM])

    def shares(self, tau: Array) -> Array:
        """[D, K, R]: seconds of one instance by resource; share of i = t t_i^p / sum t_j^p, additive parts apart.

        `tau` [D, K]: the seconds that are shared out.
        """
        alone, programming = self.times[..., OVERHEAD], self.serial_program * self.times[..., PROGRAM]
        rest = (tau - alone - programming) / np.maximum(self.powered @ ALL, 1e-300)
        result = self.powered * rest[..., None]
        result[..., OVERHEAD] += alone
        result[..., PROGRAM] += programming
        return np.asarray(result)

    def freed(self, which: list[int]) -> Array:
        """`combine` with one resource free, for each of `which` [W, D, K].

        All leave one out of the same powers. Only where the largest time is the free one, the others' powers are taken
        over the largest of themselves, since their own would be lost beside it.
        """
        first = self.overlapping.argmax(axis=-1)
        second, others = _powered(self.overlapping * LEFT[first], self.p)
        free = np.array(which)
        here = first == free[:, None, None]
        sums = np.where(here, others @ ALL, (self.powered @ LEFT[:, which]).transpose(2, 0, 1))
        norm = np.where(here, second, self.largest) * sums ** (1.0 / self.p[:, None])
        norm += (free != OVERHEAD)[:, None, None] * self.times[..., OVERHEAD]
        norm += (free != PROGRAM)[:, None, None] * (self.serial_program * self.times[..., PROGRAM])
        return norm


def powers(times: Array, p: Array, serial_program: Array) -> Powers:
    """The powers of resource times; `p` [D], `serial_program` [D, K] as `serial_programming`."""
    overlapping = times * LEFT[OVERHEAD]
    if serial_program.any():
        overlapping[..., PROGRAM] *= 1.0 - serial_program
    return Powers(times, p, serial_program, overlapping, *_powered(overlapping, p))


def powers_of(r: Run) -> Powers:
    """Those of a run's times: kept from when these were made, unless a clock or kernels changed them."""
    if r.powers is not None and r.powers.times is r.times:
        return r.powers
    return powers(r.times, r.machine.p_norm, serial_programming(r.machine, r.program))


def _powered(overlapping: Array, p: Array) -> tuple[Array, Array]:
    """The largest [D, K] and the powers [D, K, R] as in `Powers`."""
    largest = np.maximum(overlapping.max(axis=-1), 1e-300)
    return largest, (overlapping / largest[..., None]) ** p[:, None, None]


def serial_programming(machine: Machine, program: Program) -> Array:
    """[D, K]: 1 where programming can't overlap with computing in the same arrays."""
    if not machine.crossbars or not (program.source == RELOADED).any():
        return np.zeros((1, len(program)))
    return np.asarray(
        (program.source == RELOADED)[None, :] * (machine.crossbars[0].ping_pong < 0.5)[:, None], dtype=float
    )
