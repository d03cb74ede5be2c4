"""Where peak rates, bandwidths and latencies come from: units, memories, links, networks and ports."""

from __future__ import annotations

import numpy as np

from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_area import at_node, index_of, node_nm, part_of
from hwlib.cost.explain_energy import by_bandwidth
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.explain_time import dram_latency_s
from hwlib.cost.explain_units import peak_key, rate_of
from hwlib.cost.machine import RING_THROUGHPUT, Pool, VectorUnits
from hwlib.report import Explanation
from hwlib.technology import sram, wires
from hwlib.technology.dram import dram_technology


def share(one: OneDesign, key: str) -> Explanation:
    """share.<kind>.<block id>: the part of the work that a block gets; <width>bit: of MACs, by peak rate."""
    _, word, block_id = key.split(".", 2)
    s = Sheet(one)
    if word in ("sram", "dram", "vector"):
        return _part_of_kind(s, key, word, block_id)
    width = int(word.removesuffix("bit"))
    units = one.run.machine.matrix[width]
    i = units.parameters.at(index_of(one, block_id))
    peak = s.figure("peak", 2.0 * float(units.macs_per_s[one.d].sum()), "FLOP/s", peak_key(one, width))
    label = f"Part of the {width}-bit work on {one.design.block(block_id).name}"
    formula = f"2 * {macs(s, width, i)} / {peak}"
    return s.explanation(key, label, units.split[one.d, i], "", formula, "work is split by peak rate")


def _part_of_kind(s: Sheet, key: str, kind: str, block_id: str) -> Explanation:
    """Memories share by bandwidth, vector units by rate."""
    one, block = s.one, index_of(s.one, block_id)
    machine = one.run.machine
    if kind == "vector":
        assert machine.vector is not None
        units, unit, all_of_it = machine.vector, "op/s", machine.vector.ops_per_s
        rate = " * ".join(s.field(block, f) for f in ("lanes", "count", "clock_Hz"))
        return _part_of(s, key, kind, block, (rate, unit, float(all_of_it[one.d])), units)
    pool = machine.dram if kind == "dram" else machine.sram
    assert pool is not None
    rate = (dram_bandwidth if kind == "dram" else sram_bandwidth)(s, block)
    return _part_of(s, key, kind, block, (rate, "B/s", float(pool.bandwidth_Bps[one.d])), pool)


def _part_of(
    s: Sheet, key: str, kind: str, block: int, rated: tuple[str, str, float], units: Pool | VectorUnits
) -> Explanation:
    """`rated`: the block's own rate as a formula, its unit, and the rate of all."""
    rate, unit, whole = rated
    peak = s.figure("peak", whole, unit, f"peak.{kind}")
    value = units.split[s.one.d, units.parameters.at(block)]
    label = f"Part of the work on {s.one.design.blocks[block].name}"
    return s.explanation(key, label, value, "", f"{rate} / {peak}", "work is split by peak rate")


def macs(s: Sheet, width: int, i: int) -> str:
    """MACs per second of compute array i."""
    units = s.one.run.machine.matrix[width]
    block = int(units.parameters.index[i])
    sizes = [s.field(block, f) for f in ("rows", "columns", "count", "clock_Hz")]
    return f"{' * '.join(sizes)} * {rate_of(s, units, width, i)}"


def peak_compute(one: OneDesign, key: str, width: int) -> Explanation:
    """peak.compute: FLOP/s of all compute arrays at the operand width of the weight GEMMs, or another one."""
    s, units = Sheet(one), one.run.machine.matrix[width]
    terms = [macs(s, width, i) for i in range(len(units.parameters)) if units.macs_per_s[one.d, i] > 0]
    value = 2.0 * units.macs_per_s[one.d].sum()
    source = "one multiply-accumulate counts as two operations"
    return s.explanation(key, f"Peak of compute, {width} bit", value, "FLOP/s", f"2 * ({total(terms)})", source)


def peak_vector(one: OneDesign, key: str) -> Explanation:
    """peak.vector and peak.special: operations per second of all vector units."""
    s, units = Sheet(one), one.run.machine.vector
    assert units is not None
    fields = ("lanes", "count", "clock_Hz", *(("special_rate",) if key == "peak.special" else ()))
    used = units.parameters.index[units.split[one.d] > 0]
    terms = [" * ".join(s.field(int(b), f) for f in fields) for b in used]
    value = (units.special_per_s if key == "peak.special" else units.ops_per_s)[one.d]
    label = "Peak rate of special functions" if key == "peak.special" else "Peak rate of the vector units"
    return s.explanation(key, label, value, "op/s", total(terms), "every lane does one operation per clock")


def peak_memory(one: OneDesign, key: str) -> Explanation:
    """peak.dram and peak.sram: bandwidth of all memories of a kind that serve the units."""
    s, dram = Sheet(one), key == "peak.dram"
    pool = one.run.machine.dram if dram else one.run.machine.sram
    assert pool is not None
    used = [int(b) for b in pool.parameters.index[pool.split[one.d] > 0]]
    terms = [(dram_bandwidth if dram else sram_bandwidth)(s, b) for b in used]
    label = f"Peak bandwidth of {'DRAM' if dram else 'SRAM'}"
    return s.explanation(
        key, label, pool.bandwidth_Bps[one.d], "B/s", total(terms), "sum over the memories that serve units"
    )


def dram_bandwidth(s: Sheet, block: int) -> str:
    """Peak bandwidth of a DRAM block."""
    name = part_of(s, block).technology
    each = s.own_or(
        block, "bandwidth_Bps", "bandwidth_each", dram_technology(name).bandwidth_Bps, "B/s", f"dram.{name}"
    )
    return f"{s.field(block, 'channels')} * {each}"


def sram_bandwidth(s: Sheet, block: int) -> str:
    """Peak bandwidth of an SRAM block: banks as fast as their clock and the table allow."""
    part = part_of(s, block)
    bank = part.capacity_bytes / part.banks
    fastest = float(sram.sram_max_clock_Hz(node_nm(s), np.float64(bank), np.float64(part.port_width_bits)))
    limit = s.technology(
        "bank_clock", fastest, "Hz", "sram.clock", f"{at_node(s)}, {bank:.4g} B, {part.port_width_bits} bit"
    )
    clock = f"min({s.field(block, 'clock_Hz')}, {limit})"
    return f"{s.field(block, 'banks')} * {s.field(block, 'port_width_bits')} / 8 * {clock}"


def peak_network(one: OneDesign, key: str) -> Explanation:
    """network.<block id>.bandwidth_Bps: bytes per second that a network carries."""
    s, block = Sheet(one), index_of(one, key.removeprefix("network.").removesuffix(".bandwidth_Bps"))
    shape = part_of(s, block).topology
    formula = f"{s.field(block, 'width_bits')} * {s.field(block, 'clock_Hz')} / 8"
    if shape == "mesh":
        formula += f" * max(1, 4 * sqrt({s.field(block, 'nodes')}))"
    elif shape == "ring":
        formula += f" * {s.modelled('ring_channels', RING_THROUGHPUT, '', 'uniform traffic: two cuts, two directions')}"
    at = [int(b) for b in one.run.machine.chip.kinds["noc"].index].index(block)
    bandwidth = one.run.machine.streams.bandwidth_Bps[one.d]
    value = bandwidth[len(bandwidth) - len(one.run.machine.chip.kinds["noc"]) + at]
    label = f"Bandwidth of {one.design.blocks[block].name}"
    return s.explanation(
        key, label, value, "B/s", formula, "channel width times clock times the channels that work at once"
    )


def port(one: OneDesign, key: str) -> Explanation:
    """port.bandwidth_Bps and port.latency_s of all chip-to-chip ports together."""
    s, machine = Sheet(one), one.run.machine
    if key == "port.latency_s":
        formula, source = by_bandwidth(s, "latency_s", "s"), "over the ports by bandwidth"
        return s.explanation(key, "Latency between chips", machine.port_latency_s[one.d], "s", formula, source)
    names = [s.field(b, "bandwidth_Bps") for b in s.connected("port")]
    return s.explanation(
        key, "Bandwidth between chips", machine.port_Bps[one.d], "B/s", total(names), "sum over the ports"
    )


def route_latency(one: OneDesign, key: str) -> Explanation:
    """route.<traffic class>.latency_s: the first byte's way through wires and networks."""
    name = key.removeprefix("route.").removesuffix(".latency_s")
    s, streams, d = Sheet(one), one.run.machine.streams, one.d
    c = streams.names.index(name)
    what = f"routes: Manhattan length of {name} routes on the floorplan, weighted by traffic"
    length = s.add("length", float(streams.wire_m[d, c]), "m", what)
    delay = s.technology("wire_delay", float(wires.wire_delay_s_per_m(node_nm(s))), "s/m", "wire.delay", at_node(s))
    terms = [f"{length} * {delay}"]
    noc = one.run.machine.chip.kinds.get("noc")
    for n, block in enumerate([] if noc is None else noc.index):
        if streams.hops[d, c, n] > 0:
            subject = one.design.blocks[int(block)].name
            hops = s.add("hops", float(streams.hops[d, c, n]), "", f"routes: mean hops in {subject}")
            cycles = s.modelled("router_cycles", 3.0, "", "clocks of one router and its channel")
            terms.append(f"{hops} * {cycles} / {s.field(int(block), 'clock_Hz')}")
    label = f"First byte's way on {name} routes"
    return s.explanation(
        key, label, streams.latency_s[d, c], "s", total(terms), "wire delay by length, routers by hops"
    )


def dram_latency(one: OneDesign, key: str) -> Explanation:
    """dram.latency_s: to the first byte from DRAM, over its blocks by bandwidth."""
    s, pool = Sheet(one), one.run.machine.dram
    assert pool is not None
    blocks = [int(b) for b in pool.parameters.index[pool.split[one.d] > 0]]
    names = [part_of(s, b).technology for b in blocks]
    each = [s.technology("latency", dram_technology(n).latency_s, "s", "dram.latency", n) for n in names]
    rates = [dram_bandwidth(s, b) for b in blocks] if len(set(each)) > 1 else []
    weighted = total([f"{r} * {e}" for r, e in zip(rates, each, strict=bool(rates))])
    formula = f"({weighted}) / ({total(rates)})" if rates else each[0]
    return s.explanation(
        key, "First byte from DRAM", dram_latency_s(one), "s", formula, "over the memories by bandwidth"
    )
