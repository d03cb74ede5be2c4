"""Operator rows of a report: every operator with all its ways, instances and context nodes together."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.assemble import OneDesign
from hwlib.cost.machine import MatrixUnits, Pool, VectorUnits
from hwlib.cost.work import widths_needed
from hwlib.mapping.program import (
    CROSSBAR,
    IN_DRAM,
    IN_SRAM,
    MATRIX,
    MEMORY,
    NEAR,
    PORT,
    RELOADED,
    RESIDENT,
    VECTOR,
    Way,
)
from hwlib.report import COMPONENTS, RESOURCES, OperatorRow
from hwlib.workload.operators import Kind

Array = NDArray[np.float64]

SOURCE_WORDS = {IN_DRAM: "DRAM", IN_SRAM: "SRAM", RESIDENT: "crossbar", RELOADED: "memory, programmed for each use"}
SUMMED = ("flops", "weight_bytes")
PAIRS = (("kv_read_bytes", "kv_write_bytes"), ("in_bytes", "out_bytes"))
AVERAGED = ("m", "n", "k", "batch")
R, C = len(RESOURCES), len(COMPONENTS)
TIMES = 1 + len(AVERAGED) + 3 + len(SUMMED) + len(PAIRS)
"""Where the resource times begin among the columns' sums; then their shares and the energies follow."""


def operator_rows(one: OneDesign) -> tuple[OperatorRow, ...]:
    """The operators of the prefill and of a mean decode step, in the order of execution."""
    program, passes = one.program, one.passes.tolist()
    running = [[(way, passes[way.column]) for way in ways if passes[way.column] > 0] for ways in program.ways]
    parts = [(index, part) for index, row in enumerate(running) for part in _by_memory(row)]
    each = _columns(one) * one.passes[:, None]
    order, first = program.by_row
    figures = np.add.reduceat(each[order], first, axis=0)
    if parts:
        columns = [way.column for _, part in parts for way, _ in part]
        begins = list(accumulate((len(part) for _, part in parts[:-1]), initial=0))
        figures = np.concatenate([figures, np.add.reduceat(each[columns], begins, axis=0)])
    bounds = figures[:, TIMES + R : TIMES + 2 * R].argmax(axis=1).tolist()
    found = list(zip(figures.tolist(), bounds, strict=True))
    rows, ways = _Rows(one), dict[int, tuple[OperatorRow, ...]]()
    for (index, part), (values, bound) in zip(parts, found[len(running) :], strict=True):
        ways[index] = (*ways.get(index, ()), rows.of(index, part, values, bound))
    whole = enumerate(zip(running, found, strict=False))
    return tuple(rows.of(i, row, values, bound, ways.get(i, ())) for i, (row, (values, bound)) in whole)


Running = list[tuple[Way, float]]
"""The columns of a row that run, with the instances of each in a mean pass."""


def _by_memory(running: Running) -> list[Running]:
    """The columns of a row that run weights from the same memory together, those on the chip first; none of one."""
    if len(running) == 1 or running[0][0].weight < 0:
        return []
    found: dict[tuple[int, int], Running] = {}
    for way, passes in sorted(running, key=lambda each: each[0].source == IN_DRAM):
        found.setdefault((way.source, way.unit), []).append((way, passes))
    return list(found.values()) if len(found) > 1 else []


def _columns(one: OneDesign) -> Array:
    """[K, TIMES + 2 R + C]: what is summed over the instances of a row's columns, in one matrix; first a one."""
    run, d, values = one.run, one.d, one.values
    single = [np.ones(len(one.passes)), *(values[c] for c in AVERAGED)]
    single += [run.tau[d], run.work.dram_bytes[d], run.work.macs[d], *(values[c] for c in SUMMED)]
    single += [values[read] + values[written] for read, written in PAIRS]
    return np.concatenate([np.array(single).T, run.times[d], one.shares, run.energy[d]], axis=1)


class _Rows:
    """Makes the rows of a design; block ids and names of unit codes are looked up once for each combination."""

    def __init__(self, one: OneDesign) -> None:
        self._one, self._peaks = one, _peaks(one)
        self._known: dict[tuple[int, ...], tuple[tuple[str, ...], str]] = {}

    def of(
        self,
        index: int,
        running: Running,
        sums: list[float],
        bound: int,
        ways: tuple[OperatorRow, ...] = (),
    ) -> OperatorRow:
        """The row of those columns; `ways`: rows of the instances alone whose weights are in one memory."""
        repeat, m, n, k, batch, time, dram_bytes, macs, flops, weights, kv, activations = sums[:TIMES]
        energies = tuple(sums[TIMES + 2 * R :])
        first = running[0][0]
        alone = len(running) == 1 or first.weight < 0  # what has no weights runs on one unit in all contexts
        used = (first.unit,) if alone else tuple(dict.fromkeys([way.unit for way, _ in running]))
        runs_on, label = self._known.get(used) or self._units(used)
        phase, name, kind = self._one.program.words[index]
        peak = self._peaks[first.dynamic] if MATRIX in used else 0.0
        return OperatorRow(
            phase=phase,
            name=name,
            kind=kind,
            repeat=repeat,
            m=m / repeat,
            n=n / repeat,
            k=k / repeat,
            batch=batch / repeat,
            flops=flops,
            weight_bytes=weights,
            kv_bytes=kv,
            activation_bytes=activations,
            dram_bytes=dram_bytes,
            time_s=time,
            times_s=tuple(sums[TIMES : TIMES + R]),
            shares_s=tuple(sums[TIMES + R : TIMES + 2 * R]),
            bound=RESOURCES[bound],
            energy_J=sum(energies),
            energies_J=energies,
            runs_on=runs_on,
            runs_on_label=label,
            weights_in=_weights_in(self._one, running),
            utilisation=macs / time / peak if peak > 0 and time > 0 else 0.0,
            ways=ways,
        )

    def _units(self, units: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
        """(block ids, names in words) of the units that serve an operator."""
        indices = dict.fromkeys(i for u in units for i in self._blocks(u))
        blocks = [self._one.design.blocks[i] for i in indices]
        self._known[units] = (tuple(b.id for b in blocks), ", ".join(b.name for b in blocks))
        return self._known[units]

    def _blocks(self, unit: int) -> list[int]:
        machine, d = self._one.run.machine, self._one.d
        if unit == MATRIX:
            return _working(next(iter(machine.matrix.values())), d)
        if unit == VECTOR and machine.vector is not None:
            return _working(machine.vector, d)
        if unit >= CROSSBAR:
            return list(machine.crossbars[unit - CROSSBAR].blocks)
        if unit == PORT and "port" in machine.chip.kinds:
            ports: list[int] = machine.chip.kinds["port"].index.tolist()
            return [i for i in ports if i not in machine.routes.stranded]
        pool = machine.dram or machine.sram
        return _working(pool, d) if unit in (MEMORY, NEAR) and pool is not None else []


def _peaks(one: OneDesign) -> tuple[float, float]:
    """MAC/s of all compute arrays for weight GEMMs and for attention; 0 without any."""
    gemm, attention = (one.run.machine.matrix.get(w) for w in widths_needed(one.run.scenario))
    if gemm is None or attention is None:
        return 0.0, 0.0
    return float(gemm.macs_per_s[one.d].sum()), float(attention.macs_per_s[one.d].sum())


def _working(units: MatrixUnits | VectorUnits | Pool, d: int) -> list[int]:
    """The blocks among them that take part in the work."""
    return list(units.parameters.index[units.split[d] > 0].tolist())


def _weights_in(one: OneDesign, running: Running) -> str:
    """Where the weights are, in words, with the number of layers where they are spread."""
    first = running[0][0]
    if first.kind is Kind.ATTENTION:
        if first.unit >= CROSSBAR:
            return "KV cache in crossbars"
        return "KV cache in SRAM" if one.run.memory.kv_on_chip[one.d] else "KV cache in DRAM"
    if first.weight < 0:
        return ""
    if len(running) == 1:
        return SOURCE_WORDS[first.source]
    layers: dict[str, float] = {}
    for way, passes in running:
        word = SOURCE_WORDS[way.source]
        chunks = float(one.values["steps"][way.column]) if way.cut > 0 else 1.0
        layers[word] = layers.get(word, 0.0) + passes / chunks
    if len(layers) == 1:
        return next(iter(layers))
    return ", ".join(f"{word} ({n:.0f} layer{'s' * (n > 1.5)})" for word, n in layers.items())
