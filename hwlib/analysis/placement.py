"""The best placement of a design's weights: beside the live rule's, with what binds and what more room would buy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.analysis.worth import Memory, Solved, StoppedError, Worth, worth_of
from hwlib.cost.pipeline_items import cuts_that_fit
from hwlib.cost.placement_problem import placement_problem
from hwlib.cost.run import Held, Run
from hwlib.cost.stores import stores
from hwlib.design.design import Design
from hwlib.evaluate import evaluate, run_of
from hwlib.mapping.flowing import CROSSBARS
from hwlib.mapping.optimum import NoPlacementError, Objective, Placed, PlacementProblem, best_placement
from hwlib.report import Report
from hwlib.units import format_quantity
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

__all__ = ["Line", "Memory", "Optimum", "StoppedError", "Worth", "optimum", "value_of"]

Array = NDArray[np.float64]

WORTH_TELLING = 0.001
"""Share of the objective below which more room counts as worthless."""

FULL = 0.9
"""A memory filled to this share is called full."""

OBJECTIVE_WORDS: dict[Objective, str] = {"energy": "energy", "latency": "time", "edp": "energy-delay product"}


@dataclass(frozen=True)
class Line:
    """One weight GEMM: how many of its instances (layers, groups of experts) live in each memory."""

    operator: str
    pinned: bool
    rule: tuple[float, ...]
    best: tuple[float, ...]


@dataclass(frozen=True)
class Optimum:
    """The best placement and the rule's. `gap` is the share of the objective that the rule leaves; `unproven` says why
    a better one may exist, empty where none does. `report` is that of the best placement, `rule` the live one."""

    objective: Objective
    report: Report
    rule: Report
    gap: float
    unproven: str
    memories: tuple[Memory, ...]
    lines: tuple[Line, ...]
    kv_on_chip: tuple[bool, bool]
    binding: str
    worth: tuple[Worth, ...]
    held: Held

    @property
    def proven(self) -> bool:
        """Whether no better placement exists."""
        return not self.unproven


def value_of(report: Report, objective: Objective) -> float:
    """The objective of a report that fits: J or s of the whole run, or their product. Raises ValueError."""
    if report.metrics is None:
        raise ValueError(f"{report.subject} has no figures: {report.reason}")
    m, scenario = report.metrics, report.scenario
    joules = m.energy_per_token_J * m.batch_running * scenario.output
    return {"energy": joules, "latency": m.end_s, "edp": joules * m.end_s}[objective]


def optimum(
    design: Design,
    scenario: Scenario,
    llm: LlmArchitecture,
    objective: Objective | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Optimum | None:
    """The best placement by integer programming; None where the LLM does not run on the design.

    Costs of the program are those of the rule's run (its clock and batch); both reports are evaluated whole, and
    where a lower clock made the program's choice worse the rule's stands. `stop` is asked between solutions.
    Where layers are pipelined the program knows how they overlap, and solves once for each number of chunks that
    prompts may be cut into. The rule is that for the same objective, None for the design's own. Raises StoppedError,
    and ValueError as `evaluate`.
    """
    objective = objective or design.settings.placement
    design = msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, placement=objective))
    found = run_of(design, scenario, llm)
    if found is None:
        return None
    r, d = found
    rule = evaluate(design, scenario, llm)
    best, held, problem = _best(r, d, design, objective, stop)
    report = evaluate(design, scenario, llm, held)
    chunks = None if r.flow is None else r.program.chunks_of(int(r.flow.cut[d]))
    old = Held(r.placed[d], bool(r.memory.kv_on_chip[d]), chunks)
    if report.metrics is None or value_of(report, objective) > value_of(rule, objective):
        report, held = rule, old
    gap = 1.0 - value_of(report, objective) / value_of(rule, objective)
    memories = _memories(r, d, problem, old, held)
    now = _solved(r, d, best, objective)
    worth = worth_of(design, memories, now, lambda larger: _solve(larger, scenario, llm, objective), stop)
    return Optimum(
        objective,
        report,
        rule,
        max(0.0, gap),
        _unproven(r, d, best, report),
        memories,
        _lines(r, d, held),
        (old.kv_on_chip, held.kv_on_chip),
        _binding(memories, worth, objective),
        worth,
        held,
    )


def _unproven(r: Run, d: int, best: Placed, report: Report) -> str:
    """Why a better placement may exist than the one of this report; empty where the search shows that none does."""
    if not best.proven:
        return "the search was cut short"
    if any((pool.spread[d] > 0).any() for pool in r.machine.crossbars[: r.machine.weight_pools]):
        return "how often spare arrays copy a matrix depends on the placement"
    if min(r.clock[:, d].min(), report.metrics.clock_factor if report.metrics else 1.0) < 1.0:
        return "the clock under the power limit depends on the placement"
    return ""


def _best(
    r: Run, d: int, design: Design, objective: Objective, stop: Callable[[], bool]
) -> tuple[Placed, Held, PlacementProblem]:
    """The better of the problems with the KV cache where the rule has it and, if that is on the chip, in DRAM."""
    choice = _best_cut(r, d, objective, stop)
    best, held = choice[0], choice[1].kv_on_chip
    pinned = any(p.operator == "kv_cache" for p in design.pins)
    if held and r.machine.dram is not None and not pinned and not stop():
        again = run_of(design, r.scenario, r.llm, Held(r.placed[d], False))
        if again is not None:
            outside = _best_cut(*again, objective, stop)
            if outside[0].value(objective) < best.value(objective):
                choice = outside
    return choice


def _best_cut(r: Run, d: int, objective: Objective, stop: Callable[[], bool]) -> tuple[Placed, Held, PlacementProblem]:
    """The best over the numbers of chunks that prompts may be cut into; proven where each is."""
    on_chip, problem = bool(r.memory.kv_on_chip[d]), placement_problem(r, d, None if r.flow is None else 0)
    best = best_placement(problem, objective)
    found = [(best, Held(best.placed, on_chip, None if r.flow is None else 0), problem)]
    others = np.flatnonzero(cuts_that_fit(r)[1:, d]) + 1 if _may_flow(problem) else ()
    for cut in map(int, others):
        if stop():
            raise StoppedError
        problem = placement_problem(r, d, cut)
        best = best_placement(problem, objective)
        found.append((best, Held(best.placed, on_chip, r.program.chunks_of(cut)), problem))
    best, held, problem = min(found, key=lambda one: one[0].value(objective))
    return replace(best, proven=all(one.proven for one, _, _ in found)), held, problem


def _may_flow(problem: PlacementProblem) -> bool:
    """Whether crossbars may hold one of every matrix of a layer; where they can't, nothing flows."""
    if problem.pipeline is None:
        return False
    places = slice(CROSSBARS, None)
    share = np.where(problem.allowed, problem.size, np.inf)[:, places] / np.maximum(problem.capacity[places], 1e-300)
    return bool(share[problem.pipeline.inside].min(axis=1).sum() <= share.shape[1])


def _bytes_of_unit(r: Run, d: int, problem: PlacementProblem, place: int) -> float:
    """Bytes of weights that one unit of a memory's capacity holds: 1, or what an array holds of this LLM's matrices."""
    if place < 2:
        return 1.0
    usable = np.isfinite(problem.size[:, place]) & (problem.size[:, place] > 0)
    if not usable.any():
        return 0.0
    stored, arrays = problem.size[usable, 0], problem.size[usable, place]
    return float((stored * problem.wanted[usable]).sum() / max(1e-300, (arrays * problem.wanted[usable]).sum()))


def _memories(r: Run, d: int, problem: PlacementProblem, rule: Held, best: Held) -> tuple[Memory, ...]:
    found = []
    for place, store in enumerate(stores(r.machine)[: len(problem.capacity)]):
        each = _bytes_of_unit(r, d, problem, place)
        before, after = problem.load(rule.placed)[place] * each, problem.load(best.placed)[place] * each
        found.append(
            Memory(store.label, store.blocks, float(problem.capacity[place]) * each, float(before), float(after))
        )
    return tuple(found)


def _solved(r: Run, d: int, best: Placed, objective: Objective) -> Solved:
    """The best placement's objective for all sequences of the scenario: of as many waves as they run in."""
    waves = math.ceil(r.scenario.batch / float(r.memory.batch[d]))
    value = best.value(objective) * (waves * waves if objective == "edp" else waves)
    return Solved(value, float(r.machine.plan.total_m2[d]))


def _solve(design: Design, scenario: Scenario, llm: LlmArchitecture, objective: Objective) -> Solved | None:
    """As `_solved` of another design; None where the LLM doesn't run on it."""
    found = run_of(design, scenario, llm)
    if found is None:
        return None
    try:
        best, _, _ = _best(*found, design, objective, lambda: False)
    except NoPlacementError:
        return None
    return _solved(*found, best, objective)


def _binding(memories: tuple[Memory, ...], worth: tuple[Worth, ...], objective: Objective) -> str:
    """What keeps the placement from being better, in words."""
    what = OBJECTIVE_WORDS[objective]
    useful = [w for w in worth if w.saved >= WORTH_TELLING]
    if not useful:
        return f"No memory binds: more of any would not save {what}."
    first = useful[0]
    memory = next(m for m in memories if m.label == first.memory)
    share = memory.best_bytes / memory.capacity_bytes
    filled = f"{format_quantity(memory.best_bytes, 'B', binary=True)} of "
    filled += f"{format_quantity(memory.capacity_bytes, 'B', binary=True)} hold weights"
    state = "is full" if share >= FULL else "has no room for one more matrix that would gain there"
    return f"The limit is {memory.label}, which {state} ({filled}). {first.words} {what}."


def _lines(r: Run, d: int, held: Held) -> tuple[Line, ...]:
    pinned = {p.operator for p in r.machine.chip.designs[0].pins}
    return tuple(
        Line(name, name in pinned, tuple(r.placed[d, w].tolist()), tuple(held.placed[w].tolist()))
        for w, name in enumerate(r.program.weights)
    )
