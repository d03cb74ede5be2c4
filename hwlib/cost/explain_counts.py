"""How often every action happens: what one instance of an operator does, over the instances of a pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwlib.cost.assemble import OneDesign
from hwlib.cost.energy import NEAR_BITS, NEAR_MACS, Action
from hwlib.cost.explain_inputs import Sheet, identifier, total
from hwlib.cost.explain_shapes import ROUTE, Columns, amount, columns, operators, route_names, summed
from hwlib.cost.explain_units import times_part, times_share
from hwlib.cost.machine import MatrixUnits, Pool, VectorUnits
from hwlib.cost.work import widths_needed
from hwlib.mapping.program import CROSSBAR
from hwlib.report import PHASES, Explanation

COUNTED = {
    ("vector", "operations"): "operations",
    ("vector", "special operations"): "specials",
    ("sram", "bits read"): "sram_read_bytes",
    ("sram", "bits written"): "sram_write_bytes",
    ("dram", "bits moved"): "dram_bytes",
    ("dram", NEAR_BITS): "near_bytes",
    ("dram", NEAR_MACS): "near_macs",
    ("operand", "bits in local buffers"): "local_bits",
    ("cell", "cell reads"): "cell_reads",
    ("cell", "bit MACs"): "cell_reads",
    ("dac", "row drives"): "drives",
    ("shift_add", "shift-adds"): "shift_adds",
    ("program", "cell writes"): "cell_writes",
    ("adc", "conversions"): "conversions",
    ("port", "bits between chips"): "port_bytes",
}
"""The amount of one instance that each action counts, by component and label; MACs and routes aside."""

BITS = ("sram", "dram", "port")
"""Components whose actions are bits, where amounts are bytes."""


def action_keys(one: OneDesign) -> tuple[str, ...]:
    """A key for every action of the run, in its order: "action.adc.conversions.xbar"."""
    found: dict[str, None] = {}
    for action in one.run.found:
        block = f".{one.design.blocks[action.block].id}" if action.block >= 0 else ""
        key = stem = f"action.{action.component}.{identifier(action.label)}{block}"
        number = 1
        while key in found:
            number += 1
            key = f"{stem}.{number}"
        found[key] = None
    return tuple(found)


def used_actions(one: OneDesign) -> Iterator[tuple[str, Action]]:
    """Key and action of all that occur and cost something in this design."""
    for key, action in zip(action_keys(one), one.run.found, strict=True):
        if action.energy_J[one.d] > 0 and (one.passes @ action.count[one.d]) > 0:
            yield key, action


def count_key(action_key: str, phase: int) -> str:
    """Key of how often an action happens in one pass: "count.decode.adc.conversions.xbar"."""
    return f"count.{PHASES[phase]}.{action_key.removeprefix('action.')}"


def in_pass(one: OneDesign, action: Action, phase: int) -> float:
    """How often an action happens in one pass of a phase on one tensor-parallel chip."""
    here = one.program.phase == phase
    return float(one.passes[here] @ action.count[one.d, here])


def subject(one: OneDesign, action: Action) -> str:
    """What an action is called."""
    return f"{one.design.blocks[action.block].name}: {action.label}" if action.block >= 0 else action.label


def count(one: OneDesign, key: str) -> Explanation:
    """count.<phase>.<component>.<what>.<block>: actions of one pass, over all operators."""
    _, phase, rest = key.split(".", 2)
    action = one.run.found[action_keys(one).index(f"action.{rest}")]
    f, s, terms = PHASES.index(phase), Sheet(one), []
    for stem, cols in operators(one):
        if stem.startswith(f"{phase}.") and (action.count[one.d, cols] > 0).any():
            terms.append(of_operator(s, action, cols))
    label = f"{subject(one, action)} in {'one decode step' if f else 'the prefill'}"
    return s.explanation(key, label, in_pass(one, action, f), action.unit, total(terms), "sum over the operators")


def of_operator(s: Sheet, action: Action, cols: Columns) -> str:
    """How often an action happens in one pass of an operator."""
    here = cols[action.count[s.one.d, cols] > 0]
    column = _column(s.one, action)
    factor = (" * 8" if action.component in BITS and action.unit == "bit" else "") + _part(s, action)
    return f"{summed(s, here, amount(s, here, column))}{factor}"


def _column(one: OneDesign, action: Action) -> str:
    if action.component == "wire":
        return f"{ROUTE}{route_names(one)[route_of(one, action)]}"
    return COUNTED.get((action.component, action.label), "macs")


def route_of(one: OneDesign, action: Action) -> int:
    """The traffic class of a transport."""
    transports = [a for a in one.run.found if a.component == "wire"]
    return int(np.flatnonzero(one.run.machine.streams.exists)[[a is action for a in transports].index(True)])


def units_of(one: OneDesign, action: Action) -> tuple[MatrixUnits, int]:
    """The compute arrays that an action belongs to, and its place among them."""
    width = widths_needed(one.run.scenario)[int(action.label.startswith("attention"))]
    units = one.run.machine.matrix[width]
    return units, units.parameters.at(action.block)


def _part(s: Sheet, action: Action) -> str:
    """* the part of the work that the action's block gets."""
    machine = s.one.run.machine
    pools: dict[str, Pool | VectorUnits | None] = {
        "sram": machine.sram,
        "dram": machine.dram,
        "vector": machine.vector,
    }
    pool = pools.get(action.component)
    if pool is not None:
        at = pool.parameters.at(action.block)
        return times_part(s, pool, at, action.component)
    if action.component in ("mac", "operand") and action.block >= 0:
        return times_share(s, *units_of(s.one, action))
    return ""


def pool_of(one: OneDesign, action: Action) -> int:
    """The crossbar pool of an action."""
    return next(b for b, pool in enumerate(one.run.machine.crossbars) if pool.blocks[0] == action.block)


def in_pool(one: OneDesign, phase: int, pool: int) -> Iterator[tuple[str, Columns]]:
    """(operator, its columns that run on a crossbar pool) of a phase."""
    for index, (f, name) in enumerate(one.program.rows):
        cols = columns(one, index)
        cols = cols[one.program.unit[cols] == CROSSBAR + pool]
        if f == phase and len(cols):
            yield name, cols


def per_second(s: Sheet) -> str:
    """* passes of a decode step that a chip makes at once / TPOT: what a step has, per second and chip."""
    scenario = s.one.run.scenario
    tpot = s.figure("tpot_s", float(s.one.run.phase_s[1, s.one.d]), "s", "tpot_s")
    if scenario.pipeline_parallel == 1:
        return f" / {tpot}"
    return f" * {s.micro_batches()} / {s.scenario('pipeline_parallel')} / {tpot}"


def decoded(s: Sheet, key: str, action: Action) -> str:
    """How often an action happens in one pass of a decode step, as an input; empty where it doesn't."""
    value = in_pass(s.one, action, 1)
    if value <= 0:
        return ""
    return s.figure(f"count_{action.label}", value, action.unit, count_key(key, 1))
