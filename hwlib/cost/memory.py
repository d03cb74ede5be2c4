"""What one chip keeps where, how full that makes its memories, and how many sequences run in what is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.kv_cells import arrays_of_all, sequences
from hwlib.cost.machine import Machine
from hwlib.cost.places import weight_table
from hwlib.mapping.program import Program
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import kv_per_chip_bytes, stages, weights_per_chip_bytes
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

USABLE = 0.9
"""Share of the memory that weights and KV cache may fill (MODEL.md, Workload); settings of a device may differ."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one chip [D]: what has to be kept where, and the batch that runs."""

    weights: Array
    in_crossbars: Array
    in_sram: Array
    kv_per_sequence: Array
    capacity: Array
    """Of the memory that holds what is left: DRAM, or SRAM where there is no DRAM."""

    batch: Array
    kv_on_chip: NDArray[np.bool_]
    unplaced: Array
    """Bytes of weights that found no place at all."""

    room: Array
    """Bytes of scratchpad open to weights."""

    usable: float = USABLE
    """Share of `capacity` that weights and KV cache may fill."""

    kv_arrays: Array | None = None
    """Arrays of crossbars that one sequence's keys and values take, where they live there."""


def memory_of(
    machine: Machine,
    program: Program,
    scenarios: tuple[Scenario, ...],
    llm: LlmArchitecture,
    placed: Array,
    kv_on_chip: NDArray[np.bool_],
    room: Array,
    usable: float,
) -> Memory:
    """What a group's chips keep with weights where `placed` [D, W, places] says, and the batch that runs beside it."""
    scenario = scenarios[0]
    size = weight_table(program, program.store_bytes)
    held = placed * size[:, :, None] / stages(llm, scenario)
    in_crossbars, in_sram = held[:, :, 2:].sum((1, 2)), held[:, :, 1].sum(1)
    weights = np.full(machine.chip.count, weights_per_chip_bytes(llm, scenario))
    kv = each(machine, [kv_per_chip_bytes(llm, s, s.prompt + s.output / 2.0) for s in scenarios])
    if machine.dram is not None:
        capacity, left = machine.dram.capacity_bytes, weights - in_crossbars - in_sram
    elif machine.sram is not None:
        capacity, left = machine.sram.capacity_bytes, weights - in_crossbars
    else:
        capacity, left = np.zeros(machine.chip.count), weights - in_crossbars
    free = usable * capacity - np.maximum(left, 0.0)
    batch = np.where(kv > 0, np.floor(free / np.maximum(kv, 1e-300)), np.where(free >= 0, np.inf, 0.0))
    batch = np.where(kv_on_chip & (left <= usable * capacity) & (machine.dram is not None), np.inf, batch)
    kv_arrays = kv_arrays_of(machine, program, scenarios)
    if kv_arrays is not None:
        room_for = np.floor(machine.crossbars[machine.kv_pool].arrays * stages(llm, scenario) / kv_arrays)
        batch = np.where(left <= usable * capacity, room_for, 0.0)
    running = np.minimum(np.maximum(batch, 0.0), each(machine, [float(s.batch) for s in scenarios]))
    unplaced = np.maximum(0.0, np.maximum(left, 0.0) + kv - usable * capacity)
    return Memory(
        weights,
        in_crossbars,
        in_sram,
        kv,
        capacity,
        running,
        kv_on_chip,
        np.where(running < 1, unplaced, 0.0),
        room,
        usable,
        kv_arrays,
    )


def kv_arrays_of(machine: Machine, program: Program, scenarios: tuple[Scenario, ...]) -> Array | None:
    """[D] arrays that one sequence's keys and values take where crossbars hold them."""
    if machine.kv_pool < 0:
        return None
    pool = machine.crossbars[machine.kv_pool]
    every = arrays_of_all(pool, program, machine.kv_pool, scenarios[0])
    return np.asarray(np.maximum(every / sequences(program), 1e-300))


def kv_at_end_bytes(llm: LlmArchitecture, scenario: Scenario, batch: float) -> float:
    """Bytes of a batch's KV cache on the busiest chip when its last token is made."""
    return kv_per_chip_bytes(llm, scenario, float(scenario.prompt + scenario.output)) * batch


def each(machine: Machine, values: list[float]) -> Array:
    """[D]: one value for all designs, or one for each."""
    return np.full(machine.chip.count, values[0] if len(values) == 1 else values)
