"""What the model finds for the parameters of one block that a user may set himself, and the block's peak."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hwlib.cost import explain_peaks
from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_area import area, at_node, index_of, leakage, part_of
from hwlib.cost.explain_arrays import read_time
from hwlib.cost.explain_counts import action_keys
from hwlib.cost.explain_energy import action_energy, router
from hwlib.cost.explain_inputs import Sheet, field_of
from hwlib.report import Explanation
from hwlib.technology import wires
from hwlib.technology.crossbar import cell_technology
from hwlib.technology.dram import dram_technology

Simple = Callable[[Sheet, int], str]


def _dram_bandwidth(s: Sheet, block: int) -> str:
    name = part_of(s, block).technology
    return s.own_or(block, "bandwidth_Bps", "bandwidth_Bps", dram_technology(name).bandwidth_Bps, "B/s", f"dram.{name}")


def _dram_capacity(s: Sheet, block: int) -> str:
    name = part_of(s, block).technology
    return s.own_or(
        block, "capacity_bytes", "capacity_bytes", dram_technology(name).capacity_bytes, "B", f"dram.{name}"
    )


def _port_latency(s: Sheet, block: int) -> str:
    name = part_of(s, block).technology
    return s.own_or(block, "latency_s", "latency_s", wires.port_technology(name).latency_s, "s", f"port.{name}")


def _port_energy(s: Sheet, block: int) -> str:
    name = part_of(s, block).technology
    value = wires.port_technology(name).energy_J_per_bit
    return s.own_or(block, "energy_J_per_bit", "energy_J_per_bit", value, "J/bit", f"port.{name}")


def _of_pool(s: Sheet, block: int, field: str) -> float:
    pool = next(p for p in s.one.run.machine.crossbars if block in p.blocks)
    return float(pool.values[field][s.one.d])


def _write_time(s: Sheet, block: int) -> str:
    value = _of_pool(s, block, "write_time_s")
    return s.own_or(block, "write_time_s", "write_time_s", value, "s", f"cell.{part_of(s, block).cell}")


def _endurance(s: Sheet, block: int) -> str:
    """Programmings that a cell survives: pulses over the verify pulses of one."""
    if s.is_own(block, "endurance"):
        return s.field(block, "endurance")
    cell = cell_technology(part_of(s, block).cell)
    pulses = s.technology("pulses", cell.endurance_writes, "", f"cell.{cell.name}.endurance")
    return f"{pulses} / {s.technology('verify_pulses', cell.verify_pulses, '', f'cell.{cell.name}')}"


def _supply(s: Sheet, block: int) -> str:
    return s.own_or(block, "supply_V", "supply_V", _of_pool(s, block, "supply_V"), "V", "scaling.supply", at_node(s))


def _of_cell(field: str, unit: str) -> Simple:
    """A property of the cell that the tables give under its name."""

    def found(s: Sheet, block: int) -> str:
        key = f"cell.{part_of(s, block).cell}.{field.removesuffix('_s')}"
        return s.own_or(block, field, field, _of_pool(s, block, field), unit, key)

    return found


SIMPLE: dict[str, dict[str, Simple]] = {
    "dram": {"bandwidth_Bps": _dram_bandwidth, "capacity_bytes": _dram_capacity},
    "port": {"latency_s": _port_latency, "energy_J_per_bit": _port_energy},
    "noc": {"router_energy_J_per_bit": router},
    "crossbar": {
        "read_time_s": read_time,
        "write_time_s": _write_time,
        "endurance": _endurance,
        "supply_V": _supply,
        "retention_s": _of_cell("retention_s", "s"),
        "variation": _of_cell("variation", ""),
        "ir_drop": _of_cell("ir_drop", ""),
    },
}
"""By kind and parameter: the formula of what has no figure of its own elsewhere."""


def _actions(one: OneDesign) -> dict[tuple[int, str], int]:
    """(block, parameter) -> place of the action whose energy the parameter sets; equal crossbars share one."""
    found: dict[tuple[int, str], int] = {}
    pools = {pool.blocks[0]: pool.blocks for pool in one.run.machine.crossbars}
    for place, action in enumerate(one.run.found):
        if action.own and action.block >= 0 and action.energy_J[one.d] > 0:
            for block in pools.get(action.block, (action.block,)):
                found.setdefault((block, action.own), place)
    return found


def part_keys(one: OneDesign) -> list[str]:
    """block.<id>.<parameter> for every parameter that the model stands in for, and block.<id>.peak."""
    names: dict[int, list[str]] = {i: ["area_m2", "leakage_W"] for i in range(len(one.design.blocks))}
    for block, own in _actions(one):
        names[block].append(own)
    keys = []
    pooled = {block for pool in one.run.machine.crossbars for block in pool.blocks}
    for i, subject in enumerate(one.design.blocks):
        simple = SIMPLE.get(subject.kind, ()) if subject.kind != "crossbar" or i in pooled else ()
        fields = [*names[i], *simple, *(["peak"] if _has_peak(one, i) else [])]
        keys += [f"block.{subject.id}.{field}" for field in fields]
    return keys


def part(one: OneDesign, key: str) -> Explanation:
    """block.<id>.<parameter>: what holds for it, the user's own value or the model's."""
    block_id, _, field = key.removeprefix("block.").rpartition(".")
    block = index_of(one, block_id)
    subject, actions = one.design.blocks[block], _actions(one)
    if field in ("area_m2", "leakage_W"):
        found = area(one, f"area.{block_id}") if field == "area_m2" else leakage(one, f"leakage.{block_id}")
    elif field == "peak":
        found = _peak(one, key, block)
    elif (block, field) in actions:
        found = action_energy(one, action_keys(one)[actions[block, field]])
    else:
        return _simple(one, key, block, field)
    label = f"Peak of {subject.name}" if field == "peak" else found.label
    return msgspec.structs.replace(found, key=key, label=label)


def _simple(one: OneDesign, key: str, block: int, field: str) -> Explanation:
    subject, s = one.design.blocks[block], Sheet(one)
    formula = SIMPLE[subject.kind][field](s, block)
    declared = field_of(subject.part, field)
    label = f"{declared.label.removesuffix(' (own value)')} of {subject.name}"
    return s.explanation(key, label, _value(one, block, field), declared.unit, formula, declared.help.rstrip("."))


def _value(one: OneDesign, block: int, field: str) -> float:
    """What the cost model computes with, from its arrays."""
    machine, d, subject = one.run.machine, one.d, one.design.blocks[block]
    own = getattr(subject.part, field)
    if own is not None:
        return float(own)
    at = machine.chip.kinds[subject.kind].at(block)
    parameters = machine.chip.kinds[subject.kind]
    if subject.kind == "crossbar":
        return float(next(p for p in machine.crossbars if block in p.blocks).values[field][d])
    if subject.kind == "dram":
        found = dram_technology(parameters.word("technology")[at])
        return found.bandwidth_Bps if field == "bandwidth_Bps" else found.capacity_bytes
    if subject.kind == "port":
        return float(getattr(wires.port_technology(parameters.word("technology")[at]), field))
    toggle = machine.chip.settings["toggle_rate"][d, 0] / 0.5
    return float(wires.router_energy_J_per_bit(machine.chip.node_nm[d, 0]) * toggle)


def _has_peak(one: OneDesign, block: int) -> bool:
    machine, kind = one.run.machine, one.design.blocks[block].kind
    pool = {"sram": machine.sram, "dram": machine.dram}.get(kind)
    if pool is not None:
        return bool((pool.parameters.index[pool.each_bandwidth_Bps[one.d] > 0] == block).any())
    if kind == "compute_array":
        units = next(iter(machine.matrix.values()), None)
        return units is not None and bool(units.macs_per_s[one.d, units.parameters.index == block].any())
    return kind in ("port", "vector_unit")


def _peak(one: OneDesign, key: str, block: int) -> Explanation:
    """As BlockFigure.peak."""
    s, machine, kind = Sheet(one), one.run.machine, one.design.blocks[block].kind
    if kind == "compute_array":
        width, units = next(iter(machine.matrix.items()))
        i = units.parameters.at(block)
        value, unit, formula = 2.0 * units.macs_per_s[one.d, i], "FLOP/s", f"2 * {explain_peaks.macs(s, width, i)}"
        return s.explanation(key, "", value, unit, formula, f"one multiply-accumulate of {width} bit is two operations")
    if kind == "vector_unit":
        formula = " * ".join(s.field(block, f) for f in ("lanes", "count", "clock_Hz"))
        p = part_of(s, block)
        return s.explanation(
            key, "", p.lanes * p.count * p.clock_Hz, "op/s", formula, "an operation per lane and clock"
        )
    if kind == "port":
        formula = s.field(block, "bandwidth_Bps")
        return s.explanation(key, "", part_of(s, block).bandwidth_Bps, "B/s", formula, "one way")
    pool = machine.dram if kind == "dram" else machine.sram
    assert pool is not None
    i = pool.parameters.at(block)
    formula = (explain_peaks.dram_bandwidth if kind == "dram" else explain_peaks.sram_bandwidth)(s, block)
    return s.explanation(key, "", pool.each_bandwidth_Bps[one.d, i], "B/s", formula, "peak of this memory")


__all__ = ["part", "part_keys"]
