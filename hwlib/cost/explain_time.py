"""Why an operator takes the time it takes: the sum over its columns, and the physical formula of every resource."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.area import RATES
from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_inputs import Sheet, collapsed
from hwlib.cost.machine import FALLBACKS, MatrixUnits
from hwlib.cost.work import OVERHEAD, PROGRAM, cycles_of, widths_needed
from hwlib.mapping.collectives import PORTS_LOG2
from hwlib.mapping.program import CROSSBAR, RELOADED
from hwlib.report import LABELS, PHASES, RESOURCES, Explanation
from hwlib.technology.dram import dram_technology

Array = NDArray[np.float64]
Columns = NDArray[np.int64]
P_NORM = "1 / (1 - min({overlap}, 0.99))"


def row_index(one: OneDesign, phase: str, name: str) -> int:
    """The row of an operator of a phase. Raises ValueError for an unknown one."""
    return one.program.rows.index((PHASES.index(phase), name))


def columns(one: OneDesign, index: int) -> Columns:
    """The columns that run of an operator row."""
    return np.flatnonzero((one.program.row == index) & (one.passes > 0))


def peak_key(one: OneDesign, width: int) -> str:
    """Key of the peak MAC rate at an operand width; that of the weight GEMMs is the plain one."""
    return "peak.compute" if width == widths_needed(one.run.scenario)[0] else f"peak.compute.{width}bit"


def _passes(s: Sheet, cols: Columns) -> str:
    what = "instances of each column in a pass, by layers placed and share of the decode steps"
    return s.counted("passes", s.one.passes[cols], "", what, fold=False)


# One operator -----------------------------------------------------------------------------------------------------


def combined(s: Sheet, cols: Columns, key: str = "", without: str = "") -> str:
    """Time of one instance of every column from its resources: overlapping ones as a p-norm, the rest added.

    `key`: prefix of the keys that explain a resource's times; `without`: a resource that is free.
    """
    one = s.one
    times = one.run.times[one.d, cols]
    serial = np.broadcast_to(one.serial, one.run.tau.shape)[one.d, cols]
    overlapping, added = [], []
    for i, resource in enumerate(RESOURCES):
        if resource == without or not times[:, i].any():
            continue
        name = _times_input(s, resource, times[:, i], f"{key}.{resource}" if key else "")
        if i == OVERHEAD or (i == PROGRAM and serial.all()):
            added.append(name)
        elif i == PROGRAM and serial.any():
            flag = s.counted("serial", serial, "", "1 where programming can't overlap with computing")
            overlapping.append(f"(1 - {flag}) * {name}")
            added.append(f"{flag} * {name}")
        else:
            overlapping.append(name)
    norm = P_NORM.format(overlap=s.setting("overlap")) if overlapping else ""
    parts = [f"pnorm({norm}, {', '.join(overlapping)})"] if overlapping else []
    return " + ".join([*parts, *added]) or "0"


def _times_input(s: Sheet, resource: str, times: Array, key: str) -> str:
    value = collapsed(times)
    if key:
        return s.add(resource, value, "s", f"figure {key}, of one instance in each column", key=key)
    return s.counted(resource, times, "s", f"time of one instance at {LABELS[resource]}")


def operator_time(one: OneDesign, key: str) -> Explanation:
    """time.<phase>.<operator>: as OperatorRow.time_s."""
    _, phase, name = key.split(".")
    s, cols = Sheet(one), columns(one, row_index(one, phase, name))
    formula = f"sum({_passes(s, cols)} * ({combined(s, cols, key)}))"
    value = one.passes[cols] @ one.run.tau[one.d, cols]
    source = "resources that work at the same time overlap as a p-norm, p from the design's overlap; overhead adds up"
    return s.explanation(key, f"Time of {name} in {phase}", value, "s", formula, source)


def without_wall(one: OneDesign, key: str) -> Explanation:
    """without_wall.<phase>.<resource>: how many times faster the phase were if the resource took no time."""
    _, phase, resource = key.split(".")
    f = PHASES.index(phase)
    s, cols = Sheet(one), np.flatnonzero((one.program.phase == f) & (one.passes > 0))
    passes = _passes(s, cols)
    all_of_it = f"sum({passes} * ({combined(s, cols)}))"
    rest = f"sum({passes} * ({combined(s, cols, without=resource)}))"
    label = f"{phase.capitalize()} without the wall of {LABELS[resource]}"
    value = one.walls[f, RESOURCES.index(resource)]
    source = "time of the phase over its time with that resource free"
    return s.explanation(key, label, value, "×", f"{all_of_it} / {rest}", source)


# One resource of one operator -------------------------------------------------------------------------------------


def resource_time(one: OneDesign, key: str) -> Explanation:
    """time.<phase>.<operator>.<resource>: as OperatorRow.times_s."""
    _, phase, name, resource = key.split(".")
    every = columns(one, row_index(one, phase, name))
    times = one.run.times[one.d, every, RESOURCES.index(resource)]
    s, cols = Sheet(one), every[times > 0]
    formula, source = _RESOURCES[resource](s, cols)
    slower = s.clock(PHASES.index(phase), resource)
    formula = f"({formula}){slower}" if slower and " + " in formula else formula + slower
    label = f"{LABELS[resource]} time of {name} in {phase}"
    return s.explanation(key, label, one.passes[every] @ times, "s", formula, source)


def _groups(labels: NDArray[np.int64], cols: Columns) -> list[tuple[int, Columns]]:
    """(label, its columns) of every label that occurs."""
    return [(int(label), cols[labels == label]) for label in np.unique(labels)]


SIZES = {"m": "activation rows", "n": "outputs", "k": "length of the sums", "batch": "independent GEMMs"}


def size(s: Sheet, cols: Columns, name: str) -> str:
    """m, n, k or batch of one instance of every column."""
    return s.counted(name, s.one.values[name][cols], "", f"{SIZES[name]} of one instance")


def _compute(s: Sheet, cols: Columns) -> tuple[str, str]:
    one = s.one
    width = widths_needed(one.run.scenario)[int(one.program.dynamic[cols[0]])]
    units = one.run.machine.matrix[width]
    decider = np.stack([_busy(one, units, i, cols) for i in range(len(units.parameters))]).argmax(axis=0)
    terms = [_array_time(s, units, width, i, members) for i, members in _groups(decider, cols)]
    formula = f"({' + '.join(terms)})" if len(terms) > 1 else terms[0]
    return f"{formula} / {s.efficiency('compute')}", "cycles of the array that takes longest with its part of the work"


def _busy(one: OneDesign, units: MatrixUnits, i: int, cols: Columns) -> Array:
    """Seconds of one instance on array i alone, before the class's efficiency."""
    p, d, values = units.parameters, one.d, one.values
    grid = tuple(getattr(p, f)[d, i] for f in ("rows", "columns", "count"))
    sizes = tuple(values[c][cols] for c in ("m", "n", "k", "batch"))
    if units.rate[d, i] <= 0:
        return np.zeros(len(cols))
    cycles = cycles_of(p.word("style")[i], p.word("dataflow")[i], (*grid, *sizes), p.double_buffered[d, i])
    return np.asarray(units.split[d, i] * cycles / (p.clock_Hz[d, i] * units.rate[d, i]))


def _array_time(s: Sheet, units: MatrixUnits, width: int, i: int, cols: Columns) -> str:
    p, block = units.parameters, int(units.parameters.index[i])
    style = p.word("style")[i]
    first = f"'{p.word('dataflow')[i]}', " if style == "systolic" else ""
    grid = [s.field(block, f) for f in ("rows", "columns", "count")]
    sizes = [*grid, *(size(s, cols, c) for c in SIZES)]
    if style == "systolic" and not p.double_buffered[s.one.d, i]:
        sizes.append(s.field(block, "double_buffered"))
    cycles = f"{style}_cycles({first}{', '.join(sizes)})"
    rate = rate_of(s, units, width, i)
    share = ""
    if units.split[s.one.d, i] != 1.0:
        block_id = s.one.design.blocks[block].id
        share = f" * {s.figure('share', float(units.split[s.one.d, i]), '', f'share.{width}bit.{block_id}')}"
    return f"sum({_passes(s, cols)}{share} * {cycles} / ({s.field(block, 'clock_Hz')} * {rate}))"


def rate_of(s: Sheet, units: MatrixUnits, width: int, i: int) -> str:
    """MACs per cell and clock of array i in the format that serves operands of `width` bits."""
    fmt, passes = FALLBACKS[width][int(units.format[s.one.d, i])]
    rate = s.field(int(units.parameters.index[i]), RATES[fmt])
    if passes == 1.0:
        return rate
    return f"{rate} / {s.modelled('passes_per_mac', passes, '', f'{width}-bit products in {fmt} parts')}"


def _vector(s: Sheet, cols: Columns) -> tuple[str, str]:
    work, d, units = s.one.run.work, s.one.d, s.one.run.machine.vector
    assert units is not None
    terms = []
    for name, counts, rate, key in (
        ("operations", work.ops, units.ops_per_s, "peak.vector"),
        ("special_operations", work.specials, units.special_per_s, "peak.special"),
    ):
        if counts[d, cols].any():
            amount = s.counted(name, counts[d, cols], "op", f"{name.replace('_', ' ')} of one instance")
            terms.append(f"{amount} / {s.figure(key.replace('.', '_'), float(rate[d]), 'op/s', key)}")
    formula = f"sum({_passes(s, cols)} * ({' + '.join(terms)})) / {s.efficiency('vector')}"
    return formula, "operations over the lanes' rate"


def _sram(s: Sheet, cols: Columns) -> tuple[str, str]:
    work, d, pool = s.one.run.work, s.one.d, s.one.run.machine.sram
    assert pool is not None
    read = s.counted("read_bytes", work.sram_read_bytes[d, cols], "B", "SRAM reads of one instance, by tiling")
    written = s.counted("written_bytes", work.sram_write_bytes[d, cols], "B", "SRAM writes of one instance, by tiling")
    bandwidth = s.figure("bandwidth", float(pool.bandwidth_Bps[d]), "B/s", "peak.sram")
    formula = f"sum({_passes(s, cols)} * ({read} + {written})) / ({bandwidth} * {s.efficiency('sram')})"
    return formula, "bytes over the banks' bandwidth"


def _dram(s: Sheet, cols: Columns) -> tuple[str, str]:
    work, d, pool = s.one.run.work, s.one.d, s.one.run.machine.dram
    assert pool is not None
    moved = s.counted("bytes", work.dram_bytes[d, cols], "B", "weights, KV cache and activations that cross the pins")
    bandwidth = s.figure("bandwidth", float(pool.bandwidth_Bps[d]), "B/s", "peak.dram")
    return f"sum({_passes(s, cols)} * {moved}) / ({bandwidth} * {s.efficiency('dram')})", "bytes over the bandwidth"


def _link(s: Sheet, cols: Columns) -> tuple[str, str]:
    one, streams = s.one, s.one.run.machine.streams
    decider = (one.run.work.stream_bytes[one.d, cols] @ streams.seconds_per_byte[one.d]).argmax(axis=1)
    terms = [_one_link(s, link, members) for link, members in _groups(decider, cols)]
    return " + ".join(terms), "bytes on the link or network that takes longest, over its bandwidth"


def _one_link(s: Sheet, link: int, cols: Columns) -> str:
    one, streams = s.one, s.one.run.machine.streams
    terms = []
    for c, name in enumerate(streams.names):
        moved, share = one.run.work.stream_bytes[one.d, cols, c], float(streams.share[one.d, c, link])
        if not moved.any() or share == 0.0:
            continue
        word = name.partition(".")[0]
        amount = s.counted(f"bytes_{word}", moved, "B", f"traffic of one instance on {word} routes")
        part = s.add(
            f"share_{word}", share, "", f"routes: part of the {word} traffic that takes {link_name(one, link)}"
        )
        terms.append(f"{amount} * {part}")
    key = link_key(one, link)
    bandwidth = s.figure("bandwidth", float(streams.bandwidth_Bps[one.d, link]), "B/s", key)
    return f"sum({_passes(s, cols)} * ({' + '.join(terms)})) / {bandwidth}"


def link_key(one: OneDesign, link: int) -> str:
    """Key of the bandwidth of a link or network, by its place on the link axis."""
    if link < len(one.links):
        return f"link.{one.links[link].id}.bandwidth_Bps"
    return f"network.{one.design.blocks[_network(one, link)].id}.bandwidth_Bps"


def link_name(one: OneDesign, link: int) -> str:
    """What a link or network is called."""
    if link >= len(one.links):
        return one.design.blocks[_network(one, link)].name
    found = one.links[link]
    return f"the link {one.design.block(found.source).name} to {one.design.block(found.target).name}"


def _network(one: OneDesign, link: int) -> int:
    """The block of a network on the link axis."""
    return int(one.run.machine.chip.kinds["noc"].index[link - len(one.links)])


def _port(s: Sheet, cols: Columns) -> tuple[str, str]:
    one, machine = s.one, s.one.run.machine
    sent = s.counted("message_bytes", one.values["message_bytes"][cols], "B", "message of one instance")
    latency = s.figure("latency", float(machine.port_latency_s[one.d]), "s", "port.latency_s")
    bandwidth = s.figure("bandwidth", float(machine.port_Bps[one.d]), "B/s", "port.bandwidth_Bps")
    ramp = ""
    if machine.prior["port_ramp_s"] > 0:
        ramp = f" * sqrt({sent} / ({sent} + {s.ramp()} * {bandwidth}))"
    rate = f"({bandwidth} * {s.efficiency('port')}{ramp})"
    if not one.program.rows[int(one.program.row[cols[0]])][1].startswith("all_reduce"):
        return f"sum({_passes(s, cols)} * ({latency} + {sent} / {rate}))", "point to point: latency + bytes / bandwidth"
    n = s.scenario("tensor_parallel", "chips")
    ports = s.modelled("hop_log2", PORTS_LOG2, "", "log2 of the chips that one hop reaches, as in a server of GPUs")
    message = f"2 * ({n} - 1) / {n} * {sent} / {rate}"
    formula = f"sum({_passes(s, cols)} * (max(1, log2({n}) / {ports}) * {latency} + {message}))"
    return formula, "all-reduce over n chips: a latency per level of switches and 2 (n - 1) / n of the bytes"


def _overhead(s: Sheet, cols: Columns) -> tuple[str, str]:
    one, machine, work, d = s.one, s.one.run.machine, s.one.run.work, s.one.d
    terms = [s.overhead()]
    for c, name in enumerate(machine.streams.names):
        latency = np.where(work.stream_bytes[d, cols, c] > 0, machine.streams.latency_s[d, c], 0.0)
        if latency.any():
            key = f"route.{name}.latency_s"
            word = name.partition(".")[0]
            terms.append(s.add(f"latency_{word}", collapsed(latency), "s", f"figure {key}, where used", key=key))
    if machine.dram is not None and (used := work.dram_bytes[d, cols] > 0).any():
        first = np.where(used, dram_latency_s(one), 0.0)
        terms.append(
            s.add("latency_dram", collapsed(first), "s", "figure dram.latency_s, where used", key="dram.latency_s")
        )
    launches = s.counted(
        "launches", one.values["launches"][cols], "", "launches of one instance; fused operators have none"
    )
    return f"sum({_passes(s, cols)} * {launches} * ({' + '.join(terms)}))", "launch, and the first byte's way"


def dram_latency_s(one: OneDesign) -> float:
    """Time to the first byte from DRAM, over its blocks by bandwidth."""
    pool = one.run.machine.dram
    assert pool is not None
    latencies = [dram_technology(t).latency_s for t in pool.parameters.word("technology")]
    return float(pool.split[one.d] @ np.array(latencies))


# Crossbars --------------------------------------------------------------------------------------------------------


def _on_pools(s: Sheet, cols: Columns, each: Callable[[Sheet, Columns, int], str]) -> str:
    """The sum over the crossbar pools that the columns run on."""
    return " + ".join(each(s, members, b) for b, members in _groups(s.one.program.unit[cols] - CROSSBAR, cols))


def _block_of(one: OneDesign, pool: int) -> int:
    return one.run.machine.crossbars[pool].blocks[0]


def slices_in(s: Sheet, block: int) -> str:
    """Input slices: how often a row is driven for one activation."""
    return f"ceil({s.scenario('activation_bits')} / {s.field(block, 'dac_bits')})"


def _steps(s: Sheet, cols: Columns, pool: int) -> str:
    """Analog steps of one instance: rows of activations x input slices x groups of rows switched at once."""
    block = _block_of(s.one, pool)
    m, k = size(s, cols, "m"), size(s, cols, "k")
    rows, active = s.field(block, "rows"), s.field(block, "rows_active")
    groups = f"ceil(min({k}, {rows}) / min({active}, {rows}))"
    return f"{m} * {slices_in(s, block)} * {groups}{_reloads(s, cols, pool)}"


def _reloads(s: Sheet, cols: Columns, index: int) -> str:
    """* how often the arrays are filled for one instance, where weights are programmed for every use."""
    one = s.one
    again = one.program.source[cols] == RELOADED
    if not again.any():
        return ""
    block = _block_of(one, index)
    n, k, batch = (size(s, cols, c) for c in ("n", "k", "batch"))
    down = f"ceil({k} / {s.field(block, 'rows')})"
    need = f"{down} * ceil({n} / {weights_across(s, index)}) * {batch}"
    fills = f"ceil({need} / {arrays_of(s, index)})"
    if again.all():
        return f" * {fills}"
    return (
        f" * max(1, {s.counted('reloaded', again.astype(float), '', '1 where weights are programmed anew')} * {fills})"
    )


def arrays_of(s: Sheet, index: int) -> str:
    """Arrays of a pool: those of one block, times the number of equal blocks."""
    pool = s.one.run.machine.crossbars[index]
    each = s.field(pool.blocks[0], "arrays")
    if len(pool.blocks) == 1:
        return each
    return f"({each} * {s.add('equal_blocks', float(len(pool.blocks)), '', 'your design: equal crossbar blocks')})"


def weights_across(s: Sheet, index: int) -> str:
    """Weights side by side in one array."""
    pool = s.one.run.machine.crossbars[index]
    block = pool.blocks[0]
    bits = "1" if pool.digital else s.field(block, "bits_per_cell")
    slices = f"ceil({s.scenario('weight_bits')} / {bits})"
    copies = float(pool.copies[s.one.d])
    if copies != 1.0:
        slices += f" * {s.add('copies', copies, '', 'your design: columns of a differential weight')}"
    return f"max(1, floor({s.field(block, 'columns')} / ({slices})))"


def _crossbar(s: Sheet, cols: Columns) -> tuple[str, str]:
    def each(s: Sheet, cols: Columns, index: int) -> str:
        pool, block = s.one.run.machine.crossbars[index], _block_of(s.one, index)
        key = "crossbar.digital_cycle" if pool.digital else f"cell.{pool.cell}"
        node = f"{s.one.design.settings.node_nm:g} nm"
        read = s.own_or(block, "read_time_s", "read_time_s", float(pool.read_time_s[s.one.d]), "s", key, node)
        return f"sum({_passes(s, cols)} * {_steps(s, cols, index)} * {read}) / {s.efficiency('crossbar')}"

    return _on_pools(s, cols, each), "bit-serial steps over the rows switched at once, each taking the read time"


def _adc(s: Sheet, cols: Columns) -> tuple[str, str]:
    def each(s: Sheet, cols: Columns, index: int) -> str:
        block = _block_of(s.one, index)
        turns, pool = s.field(block, "columns_per_adc"), s.one.run.machine.crossbars[index]
        if (together := float((pool.copies / pool.copies_converted)[s.one.d])) != 1.0:
            subtracted = s.add("columns_subtracted", together, "", "your design: columns subtracted before the ADC")
            turns = f"ceil({turns} / {subtracted})"
        return f"sum({_passes(s, cols)} * {_steps(s, cols, index)} * {turns} / {s.field(block, 'adc_rate_Hz')})"

    return _on_pools(s, cols, each), "columns that share a converter take turns in every step"


def _program(s: Sheet, cols: Columns) -> tuple[str, str]:
    def each(s: Sheet, cols: Columns, index: int) -> str:
        pool, block = s.one.run.machine.crossbars[index], _block_of(s.one, index)
        value = float(pool.write_time_s[s.one.d])
        write = s.own_or(block, "write_time_s", "write_time_s", value, "s", f"cell.{pool.cell}")
        rows = f"min({size(s, cols, 'k')}, {s.field(block, 'rows')})"
        return f"sum({_passes(s, cols)} * {rows} * {write}{_reloads(s, cols, index)})"

    return _on_pools(s, cols, each), "rows written one after the other, all arrays at once, as often as they are filled"


_RESOURCES: dict[str, Callable[[Sheet, Columns], tuple[str, str]]] = {
    "compute": _compute,
    "vector": _vector,
    "crossbar": _crossbar,
    "adc": _adc,
    "program": _program,
    "sram": _sram,
    "dram": _dram,
    "link": _link,
    "port": _port,
    "overhead": _overhead,
}
