"""Why an LLM does not fit on a chip, in words: what, where, by how many bytes, and what would fit."""

from __future__ import annotations

import msgspec

from hwlib.cost.run import Run
from hwlib.design.design import Design
from hwlib.units import format_quantity as show
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import kv_per_chip_bytes, stages, weights_per_chip_bytes

MOST_CHIPS = 4096
"""Most chips with tensor parallelism that are proposed, as many as a scenario can have."""


def shortage(r: Run, d: int, llm: LlmArchitecture, design: Design) -> str:
    """Why the LLM does not fit: what, where, by how many bytes, and what would fit."""
    where = "DRAM" if r.machine.dram is not None else "SRAM" if r.machine.sram is not None else "memory"
    memory, scenario = r.memory, r.scenario
    if (cells := _cache_shortage(r, d, llm)) is not None:
        return cells
    elsewhere = memory.in_crossbars[d] + (memory.in_sram[d] if r.machine.dram is not None else 0.0)
    left = max(0.0, float(memory.weights[d] - elsewhere))  # shards round up, so that more may have been placed
    need, have = left + float(memory.kv_per_sequence[d]), memory.usable * float(memory.capacity[d])
    text = (
        f"{llm.name} does not fit: weights of {show(left, 'B')} and the KV cache of one sequence "
        f"({show(float(memory.kv_per_sequence[d]), 'B')}) need {show(need, 'B')} in {where} per chip, which offers "
        f"{show(have, 'B')} ({100.0 * memory.usable:.0f} % of {show(float(memory.capacity[d]), 'B')}): "
        f"{need - have:.0f} bytes ({show(need - have, 'B')}) too many."
    )
    if r.machine.dram is None and (idle := [b.name for b in design.blocks if b.kind == "dram"]):
        return text + f" {idle[0]} is not linked to the part of the chip that runs: connect it to its SRAM or units."
    if have <= 0:
        return text + " Add DRAM, or SRAM as a scratchpad, with a link to the units."
    doubled = (scenario.tensor_parallel * 2**i for i in range(1, 13))
    for tensor in (chips for chips in doubled if chips <= MOST_CHIPS):
        shared = msgspec.structs.replace(scenario, tensor_parallel=tensor)
        weights = max(0.0, weights_per_chip_bytes(llm, shared) - float(elsewhere))
        if weights + kv_per_chip_bytes(llm, shared, shared.prompt + shared.output / 2.0) <= have:
            return text + f" {shared.chips} chips with tensor parallelism would hold it, or fewer weight bits."
    return text + " More chips don't help; fewer tokens or bits would."


def _cache_shortage(r: Run, d: int, llm: LlmArchitecture) -> str | None:
    """Why one sequence's keys and values don't fit into the crossbars that hold them; None where they do."""
    if r.memory.kv_arrays is None:
        return None
    have = float(r.machine.crossbars[r.machine.kv_pool].arrays[d]) * stages(llm, r.scenario)
    need = float(r.memory.kv_arrays[d])
    if not need > have:
        return None
    taken = f"{need:.0f} arrays" if need < float("inf") else "more columns for one value than an array has"
    return (
        f"{llm.name} does not fit: the KV cache of one sequence takes {taken}, and the crossbars that hold it have "
        f"{have:.0f}. Add arrays, or let DRAM hold the cache (Holds: weights)."
    )
