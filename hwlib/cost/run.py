"""A whole run for a group of designs: placement, times, throttling, energies and the headline metrics, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.copies import copies_of, spread_times
from hwlib.cost.energy import Action, actions, by_component
from hwlib.cost.kernel_times import KernelTimes, Timer
from hwlib.cost.losses import has_step, step_s
from hwlib.cost.lower import Lowered
from hwlib.cost.machine import Machine, build
from hwlib.cost.measure import measure
from hwlib.cost.memory import USABLE, Memory, each, kv_at_end_bytes, memory_of
from hwlib.cost.overlap import Powers, combine, powers, serial_programming
from hwlib.cost.passes import whole_passes
from hwlib.cost.pipeline import Flow, pass_times
from hwlib.cost.pipeline_items import chunks_of, flowing, pipelined
from hwlib.cost.places import Pins, Rule, pins_of
from hwlib.cost.throttle import static_at, throttle
from hwlib.cost.traffic import ACTIVATION_SHARE
from hwlib.cost.work import OVERHEAD, Work, widths_needed
from hwlib.mapping.program import Program, Ways, make_program
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import micro_batches, stages
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

FEWER, LOSS = 3.0, 0.005
"""Of whole layers that cost more than they gain, and that by more than this part, every so-manyth is tried."""


@dataclass(frozen=True)
class Held:
    """A placement that is given instead of found by the rule: instances [W, places], and where the KV cache lives.

    `chunks`: how many prompts are cut into where layers are pipelined, 0 for whole ones; None: as is fastest.
    """

    placed: Array
    kv_on_chip: bool
    chunks: int | None = None

    def of(self, designs: int) -> Array:
        """[D, W, places]: the same for all designs of a group."""
        return np.broadcast_to(self.placed, (designs, *self.placed.shape)).copy()


def _nothing() -> Array:
    """What sums over the columns are until they are made."""
    return np.zeros(0)


@dataclass(frozen=True)
class Run:
    """Results [D, …] of a group. K columns of `program`; `passes` [D, K]: instances per pass (a prefill, a mean step);
    `tau` [D, K]: time of one instance; `energy` [D, K, C]; phases first axis where an array is [2, D]."""

    machine: Machine
    program: Program
    scenario: Scenario
    llm: LlmArchitecture
    work: Work
    found: list[Action]
    memory: Memory
    passes: Array
    placed: Array
    tau: Array
    times: Array
    energy: Array
    clock: Array
    over_limit: NDArray[np.bool_]
    static_W: Array
    runs: Array
    """Passes of each phase in the run, micro-batches and tensor-parallel chips included [2, D]."""

    kernels: KernelTimes | None = None
    """Where a catalog device's kernels give the times: `times` and `tau` are the drawing's, times `factor` [D, K]."""

    factor: Array | None = None
    flow: Flow | None = None
    """Where layers are pipelined: how a pass flows through them."""

    powers: Powers | None = None
    """Of the times that the drawing has at full clock, one copy of every matrix (see `powers_of`)."""

    copies: list[Array] = field(default_factory=list)
    """Copies [D, W] of every weight matrix in each pool of crossbars."""
    pass_time: Array = field(default_factory=_nothing)
    pass_energy: Array = field(default_factory=_nothing)
    phase_s: Array = field(default_factory=_nothing)
    """TTFT and TPOT [2, D]."""

    end_s: Array = field(default_factory=_nothing)
    phase_static_W: Array = field(default_factory=_nothing)
    """Static power of one chip in each phase [2, D], at the clock that it runs at."""

    dynamic_J: Array = field(default_factory=_nothing)
    """Dynamic energy of all chips in the whole prefill and in all decode steps [2, D]. Sums follow the columns."""


def ways_of(machine: Machine, host: bool = False) -> Ways:
    """What the group's chips offer; `host`: host and framework count."""
    pinned = False
    if machine.sram is not None:
        words = machine.sram.parameters.word("management")
        pinned = any(
            w == "scratchpad" for w, b in zip(words, machine.sram.each_capacity_bytes.max(0), strict=True) if b > 0
        )
    return Ways(
        bool(machine.matrix),
        machine.vector is not None,
        machine.dram is not None,
        machine.sram is not None,
        pinned,
        machine.weight_pools,
        machine.kv_pool,
        host=host,
        near=machine.near is not None,
    )


def context_periods(chip: Lowered) -> tuple[int, ...]:
    """Tile sizes along the context of the designs' compute arrays, at whose multiples a decode step's cost jumps."""
    if "compute_array" not in chip.kinds:
        return ()
    p = chip.kinds["compute_array"]
    found: set[int] = set()
    for i, style in enumerate(p.word("style")):
        if style == "tensor":
            found |= {64}
        else:
            found |= {int(v) for v in {*p.rows[:, i].tolist(), *p.columns[:, i].tolist()}}
    return tuple(sorted(found))


def _kv_on_chip(machine: Machine, ways: Ways, kv_end: Array, pins: Pins) -> NDArray[np.bool_]:
    """[D]: whether the whole KV cache, at its longest, fits into scratchpad memory and isn't pinned elsewhere."""
    if machine.sram is None or machine.kv_pool >= 0 or machine.near is not None:
        return np.zeros(machine.chip.count, dtype=bool)
    if machine.dram is None:
        return np.ones(machine.chip.count, dtype=bool)
    open_bytes = (1.0 - ACTIVATION_SHARE) * machine.sram.capacity_bytes
    return (kv_end <= open_bytes) & ways.pinned & (pins.kv != 0)


def run(
    chip: Lowered,
    scenarios: tuple[Scenario, ...],
    llm: LlmArchitecture,
    batches: tuple[float, ...],
    held: Held | None = None,
    timer: Timer | None = None,
) -> Run:
    """Evaluates a group of designs at batches that run on them (see `Memory.batch`).

    One scenario and batch serve all designs, or there is one for each; these may differ in prompt and batch. Weights
    live where the rule puts them, or as `held` says. The kernels of a `timer` take the place of the drawing's times; no
    clock is throttled then, since kernels were measured at the board's power limit.
    """
    scenario = scenarios[0]
    widths = widths_needed(scenario)
    machine = build(chip, widths) if timer is None else timer.machine(chip, widths)
    ways, periods = ways_of(machine, timer is not None or has_step(machine.prior)), context_periods(chip)
    program = make_program(llm, scenarios, batches, ways, periods)
    asked = held.chunks if held is not None else None
    if chunks := chunks_of(machine, program, llm, scenarios, batches, asked):
        ways = replace(ways, chunks=chunks)
        program = make_program(llm, scenarios, batches, ways, periods)
    kv_end = each(machine, [kv_at_end_bytes(llm, s, b) for s, b in zip(scenarios, batches, strict=True)])
    pins = pins_of(machine, program)
    on_chip = _kv_on_chip(machine, ways, kv_end, pins) & (held is None or held.kv_on_chip)
    work = _worked(machine, program, llm, scenarios, batches, on_chip)
    serial = serial_programming(machine, program)
    drawn = powers(work.times, machine.p_norm, serial)
    tau = drawn.combined()
    kernels = None if timer is None else timer.times(llm, scenario, batches[0], ways, periods)
    work, tau, factor = _by_kernels(kernels, work, tau)
    found = actions(machine, program, work, scenario)
    energy = by_component(found, chip.count, len(program))
    room = _room(machine, np.where(on_chip, kv_end, 0.0))
    deep = stages(llm, scenario)
    parts = each(machine, [micro_batches(scenario, b) for b in batches])
    usable = USABLE if timer is None else timer.settings.usable
    ground = _Ground(
        machine, program, scenarios, llm, ways, on_chip, room, usable, serial, parts, work, drawn, tau, energy, found,
        kernels, factor,
    )  # fmt: skip
    if held is not None:
        base = ground.laid(held.of(chip.count), held.chunks)
    else:
        joules = energy.sum(-1) + _static_J(machine, program, scenario, parts, deep) * tau
        rule = Rule(machine, program, scenario, ways, joules, room, deep, pins)
        base = ground.by_rule(rule, chip.shape.settings[3])
    slowed = base if kernels else throttle(base, serial)
    return base if slowed is base else _totals(slowed, parts)


@dataclass(frozen=True)
class _Ground:
    """What is the same wherever weights live."""

    machine: Machine
    program: Program
    scenarios: tuple[Scenario, ...]
    llm: LlmArchitecture
    ways: Ways
    on_chip: NDArray[np.bool_]
    room: Array
    usable: float
    serial: Array
    parts: Array
    work: Work
    powers: Powers
    tau: Array
    energy: Array
    found: list[Action]
    kernels: KernelTimes | None
    factor: Array | None

    def laid(self, placed: Array, chunks: int | None = None) -> Run:
        """The run at full clock with weights where `placed` [D, W, places] says; `chunks` as `Held.chunks`."""
        machine, program, scenario, count = self.machine, self.program, self.scenarios[0], self.machine.chip.count
        deep = stages(self.llm, scenario)
        copies, work, tau = _copied(machine, program, scenario, self.work, placed, deep, self.tau, self.serial)
        room, on_chip = self.room, self.on_chip
        laid = Run(
            machine=machine,
            program=program,
            scenario=scenario,
            llm=self.llm,
            work=work,
            found=self.found,
            memory=memory_of(machine, program, self.scenarios, self.llm, placed, on_chip, room, self.usable),
            passes=whole_passes(program, placed, scenario),
            placed=placed,
            tau=tau,
            times=work.times,
            energy=self.energy,
            clock=np.ones((2, count)),
            over_limit=np.zeros(count, dtype=bool),
            static_W=machine.leakage_W.sum(1),
            runs=_runs(scenario, self.parts),
            kernels=self.kernels,
            factor=self.factor,
            copies=copies,
            powers=self.powers,
        )
        return _totals(flowing(laid, chunks), self.parts)

    def by_rule(self, rule: Rule, aim: str) -> Run:
        """The run with weights where the rule puts them for the least energy, latency or product of both (edp).

        A product isn't a sum over matrices: it is least at a corner of the trade-off between the two, so that the rule
        looks for corners between those of energy and latency by weighted sums (Aneja and Nair, 1979).
        """
        if aim == "energy" or self.kernels is not None:
            return self._placed(rule, "energy")
        hasty = replace(rule, cost=self._seconds())
        if aim == "latency":
            return self._placed(hasty, aim)
        frugal, fast = self._placed(rule, "energy"), self._placed(hasty, "latency")
        middle = self._between(rule, hasty, frugal, fast)
        found = self._better(self._better(frugal, fast, aim), middle, aim)
        for one, other in ((frugal, middle), (middle, fast)):
            found = self._better(found, self._between(rule, hasty, one, other), aim)
        return found

    def _between(self, rule: Rule, hasty: Rule, frugal: Run, fast: Run) -> Run:
        """Weights placed by the weighted sum of energy and time that makes no difference between two runs."""
        (less_J, more_s), (more_J, less_s) = _sums(frugal), _sums(fast)
        of_energy, of_time = np.maximum(0.0, more_s - less_s), np.maximum(0.0, more_J - less_J)
        joules = rule.cost * frugal.runs[0][:, None]
        both = of_energy[:, None] * joules + of_time[:, None] * hasty.cost
        return self._placed(replace(rule, cost=both), "edp")

    def _placed(self, rule: Rule, aim: str) -> Run:
        """Weights where a rule puts them; where layers flow, if that is better, with whole layers first.

        Where all whole layers cost more than they gain a part of them may not; where all flow the rest may flow too.
        """
        first = self.laid(rule.placed())
        if self.kernels is not None or not pipelined(self.machine):
            return first
        layers, plain = float(self.llm.layers), first.placed
        whole, held = rule.by_layers(layers, plain)
        other = first if np.array_equal(whole, plain) else self.laid(whole)
        found, lost = self._better(first, other, aim), _value(other, aim) / _value(first, aim) - 1.0
        fewer = np.floor(held / FEWER)
        if (some := (fewer >= 1.0) & (lost > LOSS)).any():
            placed = rule.by_layers(layers, plain, most=fewer)[0]
            found = self._least(found, np.where(some[:, None, None], placed, found.placed), aim)
        if (every := (held >= layers) & (lost <= 0.0)).any():
            placed = rule.by_layers(layers, plain, outside=True)[0]
            found = self._least(found, np.where(every[:, None, None], placed, found.placed), aim)
        return found

    def _least(self, one: Run, placed: Array, aim: str) -> Run:
        """For each design that of a run and a placement which has less of what is aimed at."""
        return one if np.array_equal(placed, one.placed) else self._better(one, self.laid(placed), aim)

    def _better(self, one: Run, other: Run, aim: str) -> Run:
        """For each design the run of two that has less of what is aimed at."""
        if np.array_equal(one.placed, other.placed):
            return one
        better = _value(other, aim) < _value(one, aim)
        if better.all() or not better.any():
            return other if better.all() else one
        return self.laid(np.where(better[:, None, None], other.placed, one.placed))

    def _seconds(self) -> Array:
        """[D, K] seconds of the run for one instance in one pass."""
        filling = _filling(self.parts, stages(self.llm, self.scenarios[0]))
        return np.asarray(self.tau * filling[self.program.phase].T)


def _value(r: Run, aim: str) -> Array:
    """[D] what shall be little."""
    joules, seconds = _sums(r)
    return {"energy": joules, "latency": seconds}.get(aim, joules * seconds)


def _sums(r: Run) -> tuple[Array, Array]:
    """[D] energy and time of the whole run."""
    return np.asarray(r.dynamic_J.sum(axis=0) + static_J(r)), r.end_s


def _worked(
    machine: Machine,
    program: Program,
    llm: LlmArchitecture,
    scenarios: tuple[Scenario, ...],
    batches: tuple[float, ...],
    on_chip: NDArray[np.bool_],
) -> Work:
    """What every column does, and the step's overhead where the class of the designs has one."""
    work = measure(machine, program, scenarios[0], on_chip)
    if len(hosts := program.host_columns):
        work.times[:, hosts, OVERHEAD] = step_s(machine.prior, llm, scenarios, batches)[:, None]
    return work


def _copied(
    machine: Machine,
    program: Program,
    scenario: Scenario,
    work: Work,
    placed: Array,
    deep: float,
    tau: Array,
    serial: Array,
) -> tuple[list[Array], Work, Array]:
    """Copies of the matrices, and the work and the columns' times where arrays are filled with them."""
    copies = copies_of(machine, program, scenario, work, placed, deep)
    if not any((pool.spread > 0).any() for pool in machine.crossbars):
        return copies, work, tau
    spread = replace(work, times=spread_times(machine, program, work.times, copies))
    return copies, spread, combine(spread.times, machine.p_norm, serial)


def _room(machine: Machine, kv_bytes: Array) -> Array:
    """[D] bytes of scratchpad open to weights, beside activations and so much of the KV cache."""
    if machine.sram is None:
        return np.zeros(machine.chip.count)
    return np.asarray(np.maximum(0.0, (1.0 - ACTIVATION_SHARE) * machine.sram.capacity_bytes - kv_bytes))


def _by_kernels(kernels: KernelTimes | None, work: Work, drawn_s: Array) -> tuple[Work, Array, Array | None]:
    """Work, times and factors [D, K]: every column's resource times scaled to its kernel's, and the step's overhead."""
    if kernels is None:
        return work, drawn_s, None
    factor = kernels.factor(drawn_s[0])[None]
    times, tau = work.times * factor[..., None], drawn_s * factor
    times[:, kernels.host, OVERHEAD] = kernels.step_s
    tau[:, kernels.host] = kernels.step_s
    return replace(work, times=times), tau, factor


def _filling(parts: Array, deep: float) -> Array:
    """[2, D]: time of a phase over that of one pass through all stages (see `_totals`)."""
    return np.array([(deep + parts - 1) / deep, np.maximum(1.0, parts / deep)])


def _static_J(machine: Machine, program: Program, scenario: Scenario, parts: Array, deep: float) -> Array:
    """[D, K]: static joules of all chips for a second of a column, in the units of its dynamic energy in one pass."""
    watts = machine.leakage_W.sum(1) * scenario.pipeline_parallel * _filling(parts, deep) / parts
    return np.asarray(watts[program.phase].T)


def _runs(scenario: Scenario, parts: Array) -> Array:
    each = parts * scenario.tensor_parallel
    return np.array([each, each * (scenario.output - 1)])


def _totals(r: Run, parts: Array) -> Run:
    """Sums over the columns: phase times with the pipeline's filling by `parts` [D], energies of all chips.

    A pass takes t through all stages, t/deep of it in the busiest. Prefill: t (deep + parts - 1)/deep. A decode step:
    t, or parts t/deep where the parts wait for the busiest stage.
    """
    deep = stages(r.llm, r.scenario)
    pass_time = pass_times(r, r.times, r.tau)
    pass_energy = np.einsum("dk,dkc,fk->fdc", r.passes, r.energy, r.program.phases)
    phase_s = pass_time * _filling(parts, deep)
    end = phase_s[0] + phase_s[1] * (r.scenario.output - 1)
    dynamic = pass_energy.sum(-1) * r.runs
    return replace(
        r,
        pass_time=pass_time,
        pass_energy=pass_energy,
        phase_s=phase_s,
        end_s=end,
        phase_static_W=static_at(r, r.clock),
        dynamic_J=dynamic,
    )


def static_J(r: Run) -> Array:
    """[D] static energy of all chips in the whole run."""
    prefill, step = r.phase_static_W * r.scenario.chips
    return np.asarray(prefill * r.phase_s[0] + step * (r.end_s - r.phase_s[0]))
