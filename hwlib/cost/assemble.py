"""From arrays to a report: operator rows, block and link figures, ceilings and memory of one design of a run."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.bound import binding
from hwlib.cost.crossbar_peak import full_pass_s
from hwlib.cost.crossbar_shape import shape_in
from hwlib.cost.overlap import Powers, powers_of, serial_programming
from hwlib.cost.pipeline import seconds_by_resource, without_walls
from hwlib.cost.run import Run, static_J
from hwlib.cost.throttle import UNCLOCKED, voltage_squared
from hwlib.cost.traffic import ACTIVATION_SHARE
from hwlib.design.design import Link
from hwlib.mapping.program import CROSSBAR
from hwlib.report import (
    COMPONENTS,
    PHASES,
    RESOURCES,
    BlockFigure,
    Ceiling,
    EnergyFigure,
    MemoryFigure,
    Metrics,
    Phase,
    Rect,
)
from hwlib.workload.operators import stages

Array = NDArray[np.float64]

ACTIONS, PACKAGE = "by actions", "package"


class OneDesign:
    """Design `d` of a run, with the sums that several parts of its report need."""

    def __init__(self, run: Run, d: int) -> None:
        self.run, self.d = run, d
        self.program = run.program
        self.design = run.machine.chip.designs[d]
        self.passes = run.passes[d]
        self.batch = float(run.memory.batch[d])
        self.runs: Array = run.runs[:, d]
        self._crossbars: dict[int, dict[str, float]] = {}
        self.values = {name: v[d if len(v) > 1 else 0] for name, v in run.program.values.items()}

    @cached_property
    def serial(self) -> Array:
        return serial_programming(self.run.machine, self.program)

    @cached_property
    def shares(self) -> Array:
        """[K, R] seconds of one instance by resource."""
        return np.asarray(self.shares_of_all[self.d])

    @cached_property
    def shares_of_all(self) -> Array:
        """[D, K, R] the same of all designs of the run."""
        return self.powers.shares(self.run.tau)

    @cached_property
    def powers(self) -> Powers:
        return powers_of(self.run)

    @cached_property
    def seconds_of_all(self) -> Array:
        """[2, D, R] seconds of one pass by resource, of all designs of the run."""
        return seconds_by_resource(self.run, self.shares_of_all)

    @cached_property
    def walls(self) -> Array:
        """[2, R] speed-up of each phase without a resource."""
        return np.asarray(without_walls(self.run, self.powers)[:, self.d])

    @cached_property
    def by_resource(self) -> Array:
        """[2, R] seconds of a pass by resource, pipeline filling included."""
        sums = self.seconds_of_all[:, self.d]
        scale = self.run.phase_s[:, self.d] / np.maximum(self.run.pass_time[:, self.d], 1e-300)
        return np.asarray(sums * scale[:, None])

    @cached_property
    def rates(self) -> Array:
        """[2, K] `pass_rates` of both phases."""
        at_once = float(self.runs[0]) / self.run.scenario.chips
        return np.asarray(self.passes * self.program.phases * at_once / np.maximum(self.phase_s, 1e-300)[:, None])

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links whose both blocks exist, as on the link axis of every array."""
        known = {b.id for b in self.design.blocks}
        return tuple(link for link in self.design.links if link.source in known and link.target in known)

    def crossbar(self, index: int) -> dict[str, float]:
        """How operands are sliced on a pool of crossbars (see `crossbar_shape`)."""
        if index not in self._crossbars:
            self._crossbars[index] = shape_in(self.run.machine.crossbars[index], self.run.scenario, self.d)
        return self._crossbars[index]

    @property
    def phase_s(self) -> Array:
        return np.asarray(self.run.phase_s[:, self.d])

    def block_ids(self, index: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(self.design.blocks[int(i)].id for i in index)


def metrics(one: OneDesign) -> Metrics:
    """Headline figures (MODEL.md, Workload, Metrics)."""
    run, d, scenario = one.run, one.d, one.run.scenario
    ttft, tpot = (float(v) for v in one.phase_s)
    end, tokens = float(run.end_s[d]), one.batch * scenario.output
    waves = float(np.ceil(scenario.batch / one.batch))
    static = (run.phase_static_W[:, d] * scenario.chips).tolist()
    prefill_J, decode_J = (float(v) for v in run.dynamic_J[:, d])
    step_J = (
        decode_J / max(scenario.output - 1, 1)
        if scenario.output > 1
        else float(run.pass_energy[1, d].sum() * one.runs[0])
    )
    total = prefill_J + decode_J + float(static_J(run)[d])
    waits = binding(run, one.seconds_of_all)[:, d]
    bounds = [RESOURCES[int(index)] for index in waits]
    return Metrics(
        ttft_s=ttft,
        tpot_s=tpot,
        end_s=end,
        tokens_per_s=one.batch / tpot,
        e2e_tokens_per_s=scenario.batch * scenario.output / (waves * end),
        energy_per_token_J=total / tokens,
        decode_energy_per_token_J=(step_J + static[1] * tpot) / one.batch,
        power_W=total / end,
        power_prefill_W=prefill_J / ttft + static[0],
        power_decode_W=step_J / tpot + static[1],
        batch_running=one.batch,
        waves=waves,
        clock_factor=float(run.clock[:, d].min()),
        bound_prefill=bounds[0],
        bound_decode=bounds[1],
        without_wall_prefill=tuple(one.walls[0].tolist()),
        without_wall_decode=tuple(one.walls[1].tolist()),
    )


def energy_by_component(one: OneDesign) -> dict[str, float]:
    """J per token of the whole run by component, the static part included."""
    run, d = one.run, one.d
    total = (run.pass_energy[:, d] * one.runs[:, None]).sum(0)
    tokens = one.batch * run.scenario.output
    result = {c: float(total[i]) / tokens for i, c in enumerate(COMPONENTS)}
    result["static"] = float(static_J(run)[d]) / tokens
    return result


def energies(one: OneDesign, found: Metrics) -> tuple[EnergyFigure, ...]:
    """The energy per token by actions; a board figure joins it where a device's power is published."""
    return (
        EnergyFigure(J_per_token=found.energy_per_token_J, method=ACTIONS, scope=PACKAGE, label="by actions, package"),
        EnergyFigure(
            J_per_token=found.decode_energy_per_token_J,
            method=ACTIONS,
            scope=PACKAGE,
            label="decode alone, by actions, package",
        ),
    )


def time_by_resource(one: OneDesign) -> dict[Phase, dict[str, float]]:
    """Seconds of the prefill and of a mean decode step by resource."""
    return {PHASES[f]: dict(zip(RESOURCES, one.by_resource[f].tolist(), strict=True)) for f in (0, 1)}


def rect(one: OneDesign, index: int) -> Rect:
    """Where a block is drawn."""
    plan, d = one.run.machine.plan, one.d
    return Rect(*(float(v[d, index]) for v in (plan.x_m, plan.y_m, plan.width_m, plan.height_m)))


def block_figures(one: OneDesign) -> tuple[BlockFigure, ...]:
    """Every block with place, power and utilisation in decode."""
    machine, d = one.run.machine, one.d
    power = block_powers(one)
    busy = block_use(one)
    result = []
    for i, block in enumerate(one.design.blocks):
        peak, unit = _peak(one, i, block.kind)
        result.append(
            BlockFigure(
                id=block.id,
                name=block.name,
                kind=block.kind,
                rect=rect(one, i),
                area_m2=float(machine.plan.area_m2[d, i]),
                leakage_W=float(machine.leakage_W[d, i]),
                power_W=float(power[i]),
                utilisation=float(min(1.0, busy[i])),
                peak=peak,
                peak_unit=unit,
                holds=_holds(one, i),
            )
        )
    return tuple(result)


def pass_rates(one: OneDesign, phase: int) -> Array:
    """[K] instances per second and chip in a phase; pipeline stages share the layers, each with a part of the batch."""
    return np.asarray(one.rates[phase])


def block_powers(one: OneDesign) -> Array:
    """Mean power of blocks in decode [B]: their actions plus leakage; wires belong to links, not to blocks."""
    rates, machine, slower = pass_rates(one, 1), one.run.machine, one.run.clock[1, one.d]
    lower_voltage = voltage_squared(slower)
    power = machine.leakage_W[one.d] - machine.clocks_W[one.d] * (1.0 - slower * lower_voltage)
    pools = {pool.blocks[0]: list(pool.blocks) for pool in machine.crossbars}
    located = [action for action in one.run.found if action.block >= 0]
    rated = np.array([action.count[one.d] for action in located]) @ rates
    for action, often in zip(located, rated.tolist(), strict=True):
        factor = lower_voltage if action.component not in UNCLOCKED else 1.0
        watts = often * float(action.energy_J[one.d]) * factor
        if (pool := pools.get(action.block)) is None:
            power[action.block] += watts
        else:
            power[pool] += watts / len(pool)
    return np.asarray(power)


def block_use(one: OneDesign) -> Array:
    """Share of the decode step during which a block would be busy alone [B].

    Of crossbars that work side by side, as pipelined layers do, the mean over the operators that they hold.
    """
    machine, d = one.run.machine, one.d
    rates, times = pass_rates(one, 1), one.run.times[d]
    use = np.zeros(len(one.design.blocks))
    pools = {"compute_array": "compute", "vector_unit": "vector", "sram": "sram", "dram": "dram", "port": "port"}
    for kind, resource in pools.items():
        if kind in machine.chip.kinds:
            use[machine.chip.kinds[kind].index] = rates @ times[:, RESOURCES.index(resource)]
    for b, pool in enumerate(machine.crossbars):
        here = one.program.unit == CROSSBAR + b
        wait = np.maximum(times[here, RESOURCES.index("crossbar")], times[here, RESOURCES.index("adc")])
        side_by_side = 1.0 if one.run.flow is None else max(1.0, decoded_here(one, b))
        use[list(pool.blocks)] = rates[here] @ wait / side_by_side
    if "noc" in machine.chip.kinds:
        use[machine.chip.kinds["noc"].index] = link_use(one, 1)[len(one.links) :]
    return use


def decoded_here(one: OneDesign, pool: int) -> float:
    """Instances of operators that a pool of crossbars runs in a decode step."""
    here = (one.program.unit == CROSSBAR + pool) & (one.program.phase == 1)
    return float(one.passes[here].sum())


def link_use(one: OneDesign, phase: int) -> Array:
    """[L + N] share of a phase (1: a decode step) during which links and networks are busy."""
    bytes_per_s = pass_rates(one, phase) @ one.run.work.stream_bytes[one.d]
    slower = float(one.run.clock[phase, one.d])
    return np.asarray(bytes_per_s @ one.run.machine.streams.seconds_per_byte[one.d]) / slower


def _peak(one: OneDesign, index: int, kind: str) -> tuple[float, str]:
    """The figure that a block is known by: FLOP/s, operations/s or B/s."""
    machine, d = one.run.machine, one.d
    if kind == "compute_array" and machine.matrix:
        units = next(iter(machine.matrix.values()))
        at = units.parameters.at(index)
        return 2.0 * float(units.macs_per_s[d, at]), "FLOP/s"
    if kind == "vector_unit":
        p = machine.chip.kinds[kind]
        at = p.at(index)
        return float(p.lanes[d, at] * p.count[d, at] * p.clock_Hz[d, at]), "op/s"
    pool = {"sram": machine.sram, "dram": machine.dram}.get(kind)
    if pool is not None:
        at = pool.parameters.at(index)
        return float(pool.each_bandwidth_Bps[d, at]), "B/s"
    if kind == "port":
        p = machine.chip.kinds[kind]
        return float(p.bandwidth_Bps[d, p.at(index)]), "B/s"
    return 0.0, ""


def _holds(one: OneDesign, index: int) -> str:
    """What a memory or crossbar keeps, in words."""
    machine = one.run.machine
    for b, pool in enumerate(machine.crossbars):
        if index in pool.blocks and pool.keeps_kv:
            return "KV cache, written with every token" if b == machine.kv_pool else "nothing: others hold the KV cache"
        if index in pool.blocks:
            placed, copies = one.run.placed[one.d, :, 2 + b].tolist(), one.run.copies[b][one.d].tolist()
            held = [each for each in zip(one.program.weights, placed, copies, strict=True) if each[1] > 0]
            words = [f"{name} × {count:.0f}{_copied(often)}" for name, count, often in held]
            return "weights: " + ", ".join(words) if words else "no weights"
    return ""


def _copied(often: float) -> str:
    return f" ({often:.0f} copies each)" if often > 1 else ""


def ceilings(one: OneDesign) -> tuple[Ceiling, ...]:
    """Compute and memory roofs of one chip, peak values."""
    machine, d = one.run.machine, one.d
    roofs = []
    for width, units in machine.matrix.items():
        roofs.append(
            Ceiling(
                name=f"Compute, {width} bit",
                kind="compute",
                resource="compute",
                value=2.0 * float(units.macs_per_s[d].sum()),
            )
        )
    if machine.vector is not None:
        roofs.append(
            Ceiling(name="Vector unit", kind="compute", resource="vector", value=float(machine.vector.ops_per_s[d]))
        )
    for index in range(len(machine.crossbars)):
        name = "Crossbar" if len(machine.crossbars) == 1 else f"Crossbar {index + 1}"
        roofs.append(Ceiling(name=name, kind="compute", resource="crossbar", value=crossbar_peak(one, index)))
    for name, pool in (("DRAM", machine.dram), ("SRAM", machine.sram)):
        if pool is not None:
            roofs.append(Ceiling(name=name, kind="memory", resource=name.lower(), value=float(pool.bandwidth_Bps[d])))
    return tuple(r for r in roofs if r.value > 0)


def crossbar_peak(one: OneDesign, index: int) -> float:
    """FLOP/s with every array of a pool busy: 2 rows across / (input slices x row groups x the slower step)."""
    pool, x = one.run.machine.crossbars[index], one.crossbar(index)
    if x["too_narrow"]:
        return 0.0
    return 2.0 * x["arrays"] * x["rows"] * x["across"] / full_pass_s(pool, x)


def memory_figures(one: OneDesign) -> tuple[MemoryFigure, ...]:
    """How full DRAM, SRAM and crossbars of one chip are."""
    machine, memory, d = one.run.machine, one.run.memory, one.d
    on_chip = bool(memory.kv_on_chip[d])
    everywhere = float(memory.kv_per_sequence[d]) * one.batch
    kv = everywhere if machine.kv_pool < 0 else 0.0
    elsewhere = memory.in_crossbars[d] + (memory.in_sram[d] if machine.dram is not None else 0.0)
    rest = max(0.0, float(memory.weights[d] - elsewhere))
    result = []
    if machine.dram is not None:
        result.append(
            MemoryFigure(
                pool="dram",
                label="DRAM",
                capacity_bytes=float(machine.dram.capacity_bytes[d]),
                weight_bytes=rest,
                kv_bytes=0.0 if on_chip else kv,
                activation_bytes=0.0,
            )
        )
    if machine.sram is not None:
        capacity = float(machine.sram.capacity_bytes[d])
        held = float(memory.in_sram[d]) if machine.dram is not None else rest
        result.append(
            MemoryFigure(
                pool="sram",
                label="SRAM",
                capacity_bytes=capacity,
                weight_bytes=held,
                kv_bytes=kv if on_chip else 0.0,
                activation_bytes=ACTIVATION_SHARE * capacity,
            )
        )
    return (*result, *(_cells(one, index, everywhere) for index in range(len(machine.crossbars))))


CELL_WORDS = {
    "sram_digital": "digital SRAM",
    "sram_analog": "analog SRAM",
    "rram": "RRAM",
    "pcm": "PCM",
    "flash": "Flash",
    "gain_cell": "gain cells",
}


def _cells(one: OneDesign, index: int, kv_bytes: float) -> MemoryFigure:
    """What the cells of a crossbar pool hold: weights without their scales, or the whole KV cache."""
    run, d, pool = one.run, one.d, one.run.machine.crossbars[index]
    x = one.crossbar(index)
    cells = x["rows"] * x["columns"] * x["arrays"]
    prefill = np.where(one.program.phase == 0, one.program.weight, -1)
    columns = [int(np.argmax(prefill == w)) for w in range(len(one.program.weights))]
    weights = one.values["n"][columns] * one.values["k"][columns] * one.values["matrices"][columns]
    stored = float(run.placed[d, :, 2 + index] @ (weights * run.copies[index][d])) / stages(run.llm, run.scenario)
    bits = x["bits_per_cell"]
    each = x["slices_w"] * bits
    return MemoryFigure(
        pool="crossbar" if index == 0 else f"crossbar-{index + 1}",
        label=f"Crossbar ({CELL_WORDS[pool.cell]})",
        capacity_bytes=cells * bits / x["copies"] / 8.0,
        weight_bytes=stored * each / 8.0,
        kv_bytes=kv_bytes if index == one.run.machine.kv_pool else 0.0,
        activation_bytes=0.0,
    )
