"""What lives where in words: the memories of a machine, and the instances of weights that a run keeps in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.machine import Machine
from hwlib.cost.run import Run
from hwlib.design.design import KV_CACHE
from hwlib.report import Kept, Store


def stores(machine: Machine) -> tuple[Store, ...]:
    """Every memory that can hold weights or KV cache: DRAM, SRAM, then each pool of crossbars, as placements count."""
    blocks = machine.chip.designs[0].blocks

    def named(label: str, index: tuple[int, ...]) -> Store:
        return Store(label=label, blocks=tuple(blocks[i].id for i in index))

    def pool(held: object) -> tuple[int, ...]:
        return () if held is None else tuple(int(i) for i in held.parameters.index)  # type: ignore[attr-defined]

    found = [named("DRAM", pool(machine.dram)), named("SRAM", pool(machine.sram))]
    for p in machine.crossbars:
        first = blocks[p.blocks[0]].name
        found.append(named(first if len(p.blocks) == 1 else f"{first} and {len(p.blocks) - 1} more", p.blocks))
    return tuple(found)


def kept(run: Run, d: int) -> tuple[Kept, ...]:
    """The weight GEMMs of design `d` in the order of the layers, and the KV cache last."""
    count, placed = 2 + len(run.machine.crossbars), run.placed[d]
    found = [Kept(operator=n, instances=_filled(placed[w], count)) for w, n in enumerate(run.program.weights)]
    home = kv_home(run.machine, bool(run.memory.kv_on_chip[d]))
    return (*found, Kept(operator=KV_CACHE, instances=tuple(float(i == home) for i in range(count))))


def kv_home(machine: Machine, on_chip: bool) -> int:
    """The place of the KV cache in the order of `stores`."""
    if machine.kv_pool >= 0:
        return 2 + machine.kv_pool
    return 1 if on_chip or machine.dram is None else 0


def _filled(row: NDArray[np.float64], count: int) -> tuple[float, ...]:
    return (*row.tolist(), *[0.0] * (count - len(row)))
