"""What crossbars do for an operator: conversions, drives, reads and programming (MODEL.md, In-memory compute)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.crossbar_shape import adc_turns, crossbar_shape
from hwlib.cost.machine import CrossbarPool, Machine
from hwlib.cost.traffic import activation_room, fill, move_on_chip, operand_bytes, reads_scores
from hwlib.cost.work import ADC, CROSSBAR_T, PROGRAM, Work
from hwlib.mapping import tiling
from hwlib.mapping.program import CROSSBAR, RELOADED, RESIDENT, Columns, Program
from hwlib.mapping.rounds import Rounds, off_chip_bytes, rounds
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
Shape = Mapping[str, Array]


def pool_work(machine: Machine, program: Program, work: Work, index: int, scenario: Scenario) -> None:
    """Everything that one pool of crossbars does: weight GEMMs, or attention and the writes of its cache."""
    pool = machine.crossbars[index]
    x = crossbar_shape(pool, scenario)
    if cols := program.on(CROSSBAR + index):
        _multiply(machine, work, cols, pool, x)
        if pool.keeps_kv:
            _beside_the_cache(machine, work, cols, index)
        else:
            _beside_the_weights(machine, work, cols, index, x)
    if cols := program.on(CROSSBAR + index, moving=True):
        _write_cache(machine, program, work, cols, index, x)


def _multiply(machine: Machine, work: Work, cols: Columns, pool: CrossbarPool, x: Shape) -> None:
    """Times at the arrays and their converters, and their actions."""
    m, n, k, batch = cols.m, cols.n, cols.k, cols.batch
    copied = (cols.source == RESIDENT) & (x["replicas"] > 1)
    steps = np.where(copied, np.ceil(m / x["replicas"]), m) * x["slices_in"]
    groups = np.ceil(np.minimum(k, x["rows"]) / x["rows_active"])
    full = np.floor(k / x["rows"])
    all_groups = full * np.ceil(x["rows"] / x["rows_active"]) + np.ceil((k - full * x["rows"]) / x["rows_active"])
    work.times[:, cols.at, CROSSBAR_T] = steps * groups * x["read_time_s"] / machine.prior["crossbar"]
    side_by_side = np.ceil(n / x["across"])
    if pool.digital:
        work.shift_adds[:, cols.at] = m * n * batch * x["slices_in"] * all_groups
    else:
        converted = x["copies_converted"] * m * n * x["slices_in"] * x["slices_w"] * all_groups * batch
        reference = x["offset"] * m * x["slices_in"] * all_groups * side_by_side * batch
        work.times[:, cols.at, ADC] = steps * groups * adc_turns(x, n) / x["adc_rate_Hz"]
        work.conversions[:, cols.at] = work.shift_adds[:, cols.at] = converted + reference
    work.drives[:, cols.at] = m * k * batch * x["slices_in"] * side_by_side
    each = np.where(x["adds_in_cells"] > 0.0, side_by_side * x["switching"], n * x["width"])
    cells = m * k * batch * x["slices_in"] * each
    work.cell_reads[:, cols.at] = cells if pool.digital else cells * (1.0 - machine.chip.settings["zero_share"])


def _beside_the_weights(machine: Machine, work: Work, cols: Columns, index: int, x: Shape) -> None:
    """Traffic of weight GEMMs: inputs in and results out, once for every round of programming; weights pass once."""
    a, _, o = operand_bytes(cols)
    held = _reload(machine, work, cols, index, x)
    reads, writes = a, o
    if held is not None:
        reads, writes = a * held.over_outputs + o * (held.over_sums - 1.0), o * held.over_sums
    move_on_chip(machine, work, cols, reads, writes, machine.streams.names[4 + index])
    if machine.sram is not None and machine.dram is not None:
        cached = cols.kv_read_bytes + cols.kv_write_bytes
        beside = off_chip_bytes(a, o, activation_room(machine), cols.batch, cached, held)
        fill(machine, work, cols, beside + cols.weight_bytes * (cols.source == RELOADED) + cached)


def _beside_the_cache(machine: Machine, work: Work, cols: Columns, index: int) -> None:
    """Traffic of attention whose keys and values are in the cells: queries in, scores to softmax and back, results."""
    a, _, o = operand_bytes(cols)
    read = reads_scores(cols)
    reads, writes = a + cols.fused_bytes * read, o + cols.fused_bytes * (1.0 - read)
    move_on_chip(machine, work, cols, reads, writes, machine.streams.names[4 + index])
    if machine.sram is not None and machine.dram is not None:
        fill(machine, work, cols, tiling.spilled_share(a + o, activation_room(machine)) * (a + o))


def _write_cache(machine: Machine, program: Program, work: Work, cols: Columns, index: int, x: Shape) -> None:
    """New keys and values on their way into the cells of a pool, a write time for each token of a sequence."""
    later = program.n[:, np.flatnonzero((program.kv_write_bytes > 0).all(axis=0) & (program.phase == 1))]
    tokens = cols.n / later.min(axis=1, keepdims=True)
    work.cell_writes[:, cols.at] = cols.n * x["slices_w"] * x["copies"]
    work.times[:, cols.at, PROGRAM] = tokens * x["write_time_s"]
    move_on_chip(machine, work, cols, cols.kv_write_bytes, 0.0 * cols.n, machine.streams.names[4 + index])


def _beyond_the_buffer(machine: Machine) -> tuple[Array | float, Array | float]:
    """Room of the buffer, and how many bytes there cost as much energy as one that DRAM sends or takes [D, 1]."""
    if machine.sram is None or machine.dram is None:
        return np.inf, 0.0
    near = np.maximum(machine.sram.read_J_per_bit, 1e-18)
    return activation_room(machine), (machine.dram.read_J_per_bit / near)[:, None] + 1.0


def _reload(machine: Machine, work: Work, cols: Columns, index: int, x: Shape) -> Rounds | None:
    """Weights that are programmed anew for every use: cells, time in fills of the arrays, and their way in.

    None where all weights stay.
    """
    again, n, k, batch = cols.source == RELOADED, cols.n, cols.k, cols.batch
    if not again.any():
        return None
    a, _, o = operand_bytes(cols)
    room, apart = _beyond_the_buffer(machine)
    found = rounds(np.ceil(k / x["rows"]), np.ceil(n / x["across"]), batch, x["arrays"], a, o, room, apart)
    held = Rounds(*(np.where(again, v, 1.0) for v in (found.fills, found.over_sums, found.over_outputs)))
    rows = np.where(x["whole_array"] > 0, x["rows"], np.minimum(k, x["rows"]))
    work.fills[:, cols.at], work.over_sums[:, cols.at] = held.fills, held.over_sums
    work.over_outputs[:, cols.at] = held.over_outputs
    work.cell_writes[:, cols.at] = np.where(again, n * k * batch * x["slices_w"] * x["copies"], 0.0)
    work.times[:, cols.at, PROGRAM] = np.where(again, held.fills * rows * x["write_time_s"], 0.0)
    work.times[:, cols.at, CROSSBAR_T] *= held.fills
    work.times[:, cols.at, ADC] *= held.fills
    moved = np.where(again, cols.weight_bytes, 0.0)
    work.stream_bytes[:, cols.at, 4 + index] += moved
    if machine.sram is not None:
        past = x["bypass"] * moved if machine.dram is not None else 0.0 * moved
        work.sram_read_bytes[:, cols.at] += moved - past
        work.sram_write_bytes[:, cols.at] -= past
    return held
