"""Spare arrays of crossbars filled with copies of hot matrices, so that more rows of activations pass at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.crossbar_shape import arrays_per_instance
from hwlib.cost.machine import Machine
from hwlib.cost.work import ADC, CROSSBAR_T, Work
from hwlib.mapping.program import CROSSBAR, RESIDENT, Program
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
HALVINGS = 40


def copies_of(
    machine: Machine, program: Program, scenario: Scenario, work: Work, placed: Array, deep: float
) -> list[Array]:
    """Copies [D, W] of every weight matrix in each pool of crossbars: as the design says, or as spare arrays allow.

    Of a pool that spreads by itself, the time of the prefill, sum t_w / r_w, is least within its arrays for
    r_w ~ sqrt(t_w / arrays_w) (Lagrange); whole copies, one at least and as many as there are rows at most.
    """
    return [_of_pool(machine, program, scenario, work, placed, deep, b) for b in range(len(machine.crossbars))]


def _of_pool(
    machine: Machine, program: Program, scenario: Scenario, work: Work, placed: Array, deep: float, b: int
) -> Array:
    pool, weights = machine.crossbars[b], len(program.weights)
    count = machine.chip.count
    once = np.empty((count, weights))
    once[:] = pool.replicas[:, None]
    if not (pool.spread > 0).any() or weights == 0:
        return once
    whole = (program.phase == 0) & (program.cut == 0)
    here = np.flatnonzero((program.unit == CROSSBAR + b) & (program.source == RESIDENT) & whole)
    tables = {name: np.zeros((count, weights)) for name in ("m", "n", "k", "matrices", "seconds")}
    for name in ("m", "n", "k", "matrices"):
        tables[name][:, program.weight[here]] = program.values[name][:, here]
    seconds = np.maximum(work.times[:, here, CROSSBAR_T], work.times[:, here, ADC])
    tables["seconds"][:, program.weight[here]] = seconds
    need = arrays_per_instance(pool, scenario, tables["matrices"], tables["n"], tables["k"])
    arrays = np.where(placed[:, :, 2 + b] > 0, np.where(np.isfinite(need), need, 0.0) * placed[:, :, 2 + b], 0.0)
    hot = np.sqrt(np.where(arrays > 0, tables["seconds"] * placed[:, :, 2 + b] / np.maximum(arrays, 1e-300), 0.0))
    found = _spread(hot, arrays, np.maximum(1.0, np.ceil(tables["m"])), pool.arrays * deep)
    return np.where(pool.spread[:, None] > 0, found, once)


def _spread(hot: Array, arrays: Array, most: Array, room: Array) -> Array:
    """Whole copies [D, W] in proportion to `hot`, between one and `most`, that take no more than `room` [D] arrays."""

    def at(scale: Array) -> Array:
        return np.clip(np.floor(scale[:, None] * hot), 1.0, most)

    smallest = np.where(hot > 0, hot, np.inf).min(axis=1)
    high = np.where(np.isfinite(smallest), most.max(axis=1) / np.where(np.isfinite(smallest), smallest, 1.0), 1.0) + 1.0
    low = np.zeros_like(high)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        fits = (at(middle) * arrays).sum(axis=1) <= room
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return at(low)


def spread_times(machine: Machine, program: Program, times: Array, copies: list[Array]) -> Array:
    """Times [D, K, R] where matrices that spread over copies by themselves are shorter: ceil(m / copies) of m rows."""
    times = times.copy()
    for b, pool in enumerate(machine.crossbars):
        cols = np.flatnonzero((program.unit == CROSSBAR + b) & (program.source == RESIDENT) & (program.weight >= 0))
        if not len(cols) or not (pool.spread > 0).any():
            continue
        m, r = program.m[:, cols], copies[b][:, program.weight[cols]]
        shorter = np.where((pool.spread[:, None] > 0) & (r > 1), np.ceil(m / r) / np.maximum(m, 1e-300), 1.0)
        for resource in (CROSSBAR_T, ADC):
            times[:, cols, resource] *= shorter
    return times
