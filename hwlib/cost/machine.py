"""What a chip can do: peak rates, bandwidths, energies per action and stream loads, derived from its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwlib import resources
from hwlib.cost.area import RATES, converters_per_array
from hwlib.cost.crossbar_pool import CrossbarPool, crossbar_pools
from hwlib.cost.floorplan import Floorplan, floorplan
from hwlib.cost.lower import Lowered, Parameters
from hwlib.cost.near_memory import NearMemory, near_memory
from hwlib.cost.operands import deliveries_J
from hwlib.cost.static_power import clocks_W, static_W
from hwlib.mapping.routes import TRAFFIC_CLASSES, Bundle, Pairs, Routes, bundled, find_routes, joined
from hwlib.technology import dram, logic, sram, wires

Array = NDArray[np.float64]

FALLBACKS: dict[int, tuple[tuple[logic.Format, float], ...]] = {
    4: (("int4", 1.0), ("int8", 1.0), ("fp8", 1.0), ("16bit", 1.0), ("fp32", 1.0)),
    8: (("int8", 1.0), ("fp8", 1.0), ("16bit", 1.0), ("fp32", 1.0), ("int4", 4.0)),
    16: (("16bit", 1.0), ("fp32", 1.0), ("int8", 4.0), ("fp8", 4.0), ("int4", 16.0)),
    32: (("fp32", 1.0), ("16bit", 4.0), ("int8", 16.0), ("fp8", 16.0), ("int4", 64.0)),
}
"""By operand bits the formats that can stand in, best first, with the passes they take (wider by narrower parts)."""

RING_THROUGHPUT = 8.0
"""Channels' worth of uniform traffic that a ring carries: 2 cuts x 2 directions, half of the traffic crosses."""


SLOWEST_RATE = 1e-9
"""MACs per cell and clock below which a format counts as unsupported: time would leave what numbers can hold."""

PERFECT = 0.99999
"""A perfect overlap is computed as this one: two equal times then take 7e-6 longer than one alone."""

OPERAND_BITS: dict[logic.Format, float] = {"fp32": 32.0, "16bit": 16.0, "fp8": 8.0, "int8": 8.0, "int4": 4.0}


def operand_width(bits: float) -> int:
    """The standard operand width that holds so many bits: 4, 8, 16 or 32."""
    return next((w for w in FALLBACKS if bits <= w), 32)


@dataclass(frozen=True)
class MatrixUnits:
    """Compute arrays at one operand width: format chosen per block, MAC rate and energy [D, n], work split [D, n]."""

    parameters: Parameters
    width: int
    format: NDArray[np.int64]
    rate: Array
    """MACs per cell and clock."""
    mac_J: Array
    operand_J: Array
    """Delivering the operands of one MAC inside the unit, its share of instructions and clocking included."""
    macs_per_s: Array
    split: Array


@dataclass(frozen=True)
class Pool:
    """Memories of one kind acting together [D]: capacity, bandwidth, energy per bit; `split` [D, n] by bandwidth."""

    parameters: Parameters
    capacity_bytes: Array
    bandwidth_Bps: Array
    read_J_per_bit: Array
    write_J_per_bit: Array
    split: Array
    each_read_J_per_bit: Array
    each_write_J_per_bit: Array
    each_bandwidth_Bps: Array
    each_capacity_bytes: Array


@dataclass(frozen=True)
class VectorUnits:
    """Vector units acting together: plain and special operations per second [D], energies [D], work split [D, n]."""

    parameters: Parameters
    ops_per_s: Array
    special_per_s: Array
    op_J: Array
    special_J: Array
    split: Array
    each_op_J: Array
    each_special_J: Array


@dataclass(frozen=True)
class Streams:
    """Per byte of each traffic class (C): share that passes each link and network [D, C, L + N] and its load in s/B,
    energy [D, C] in J/B, wire length [D, C] in m, hops by network [D, C, N], first-byte latency [D, C] in s, and
    whether it exists [C]. `bandwidth_Bps` [D, L + N] is what links and networks carry."""

    names: tuple[str, ...]
    share: Array
    bandwidth_Bps: Array
    seconds_per_byte: Array
    energy_J_per_byte: Array
    wire_m: Array
    hops: Array
    latency_s: Array
    exists: NDArray[np.bool_]
    crossed: Array
    """Share of each class that takes each crossing of a network [D, C, T]."""


@dataclass(frozen=True)
class Machine:
    """A group of chips, ready for the cost kernels. None stands for a kind of unit that the chips lack."""

    chip: Lowered
    routes: Routes
    plan: Floorplan
    prior: dict[str, float]
    matrix: dict[int, MatrixUnits]
    vector: VectorUnits | None
    sram: Pool | None
    cached: Array
    """Share of the SRAM's traffic that goes through caches [D]."""

    dram: Pool | None
    near: NearMemory | None
    """Units beside the banks of all DRAM."""

    crossbars: tuple[CrossbarPool, ...]
    streams: Streams
    port_Bps: Array
    port_latency_s: Array
    port_J_per_bit: Array
    overhead_s: Array
    p_norm: Array
    leakage_W: Array
    """Static power of every block [D, B], DRAM background and `clocks_W` included."""

    clocks_W: Array
    """What clocks and control of units draw whether they work or not [D, B]."""

    toggle: Array

    @property
    def weight_pools(self) -> int:
        """How many pools of crossbars hold weights: the first ones."""
        return sum(not pool.keeps_kv for pool in self.crossbars)

    @property
    def kv_pool(self) -> int:
        """The pool of crossbars that holds the KV cache; -1 where there is none."""
        return next((b for b, pool in enumerate(self.crossbars) if pool.keeps_kv), -1)


def priors() -> dict[str, Any]:
    """The class priors of resources/calibration/class_priors.json."""
    return dict(resources.read_json("calibration/class_priors.json"))


def class_prior(calibration: str, chip_class: str, memories: Iterable[str]) -> dict[str, float]:
    """What a chip's class reaches: the share of DRAM bandwidth is that of its technologies (see `dram_key`)."""
    prior: dict[str, float] = priors()["classes"]["ideal" if calibration == "ideal" else chip_class]
    return {**prior, "dram": prior[dram_key(prior, memories)]}


def dram_key(prior: dict[str, float], memories: Iterable[str]) -> str:
    """The constant for DRAM of these technologies: the least measured of them, "dram" where one was never measured."""
    keys = [f"dram_{name}" for name in memories]
    return min(keys, key=prior.__getitem__) if keys and all(key in prior for key in keys) else "dram"


def _normalised(weights: Array) -> Array:
    total = weights.sum(axis=-1, keepdims=True)
    return np.asarray(weights / np.where(total > 0, total, 1.0))


def _reached(p: Parameters, pairs: Pairs) -> Array:
    there = set(pairs.target.tolist())
    return np.array([float(i in there) for i in p.index.tolist()])


def matrix_units(chip: Lowered, reached: Array, width: int) -> MatrixUnits:
    """Compute arrays for operands of `width` bits; the first format of FALLBACKS that a block supports is used."""
    p = chip.kinds["compute_array"]
    chain = FALLBACKS[width]
    rates = np.array([getattr(p, RATES[fmt]) / passes for fmt, passes in chain])
    rates = np.where(rates < SLOWEST_RATE, 0.0, rates)
    pick = (rates > 0).argmax(axis=0)
    toggle = chip.settings["toggle_rate"] / 0.5
    rate, chosen, operand = np.zeros((3, *pick.shape))
    for i in set(pick.ravel().tolist()):  # most groups run one format
        fmt, passes = chain[i]
        here = pick == i
        rate = np.where(here, rates[i] * reached, rate)
        chosen = np.where(here, logic.mac_energy_J(chip.node_nm, fmt) * passes * toggle, chosen)
        operand = np.where(here, deliveries_J(p, chip.node_nm, fmt, toggle) * passes, operand)
    macs = p.rows * p.columns * p.count * p.clock_Hz * rate
    return MatrixUnits(p, width, pick, rate, p.own("mac_energy_J", chosen), operand, macs, _normalised(macs))


def vector_units(chip: Lowered, reached: Array) -> VectorUnits:
    """All vector units together; work is split in proportion to their rate."""
    p = chip.kinds["vector_unit"]
    rate = p.lanes * p.count * p.clock_Hz * reached
    split = _normalised(rate)
    modelled = logic.vector_op_energy_J(chip.node_nm, p.lane_bits)
    op = p.own("op_energy_J", modelled)
    special = op * (logic.special_op_energy_J(chip.node_nm, p.lane_bits) / modelled)
    return VectorUnits(
        p,
        rate.sum(1),
        (rate * p.special_rate).sum(1),
        (op * split).sum(1),
        (special * split).sum(1),
        split,
        op,
        special,
    )


def _pool(p: Parameters, capacity: Array, bandwidth: Array, read: Array, write: Array) -> Pool:
    split = _normalised(bandwidth)
    return Pool(
        p,
        capacity.sum(1),
        bandwidth.sum(1),
        (read * split).sum(1),
        (write * split).sum(1),
        split,
        read,
        write,
        bandwidth,
        capacity,
    )


def sram_pool(chip: Lowered, homes: NDArray[np.bool_]) -> Pool:
    """SRAM blocks that feed units; others hold nothing and serve nobody."""
    p = chip.kinds["sram"]
    bank, width = p.capacity_bytes / p.banks, p.port_width_bits
    toggle = chip.settings["toggle_rate"] / 0.5
    clock = np.minimum(p.clock_Hz, sram.sram_max_clock_Hz(chip.node_nm, bank, width))
    bandwidth = p.banks * width / 8.0 * clock * homes
    read = p.own("read_energy_J_per_bit", sram.sram_read_energy_J_per_bit(chip.node_nm, bank, width) * toggle)
    write = p.own("write_energy_J_per_bit", sram.sram_write_energy_J_per_bit(chip.node_nm, bank, width) * toggle)
    return _pool(p, p.capacity_bytes * homes, bandwidth, read, write)


def _cached_share(pool: Pool | None, count: int) -> Array:
    if pool is None:
        return np.zeros(count)
    caches = np.array([w == "cache" for w in pool.parameters.word("management")], dtype=float)
    return np.asarray(pool.split @ caches)


def dram_pool(chip: Lowered, connected: NDArray[np.bool_]) -> Pool:
    """DRAM blocks with a way to the units, interleaved by bandwidth. Energy: device plus PHY and controller."""
    p = chip.kinds["dram"]
    kinds = [dram.dram_technology(t) for t in p.word("technology")]
    bandwidth = p.channels * p.own("bandwidth_Bps", np.array([t.bandwidth_Bps for t in kinds]) + 0.0 * p.channels)
    capacity = p.channels * p.own("capacity_bytes", np.array([t.capacity_bytes for t in kinds]) + 0.0 * p.channels)
    energy = np.array([t.device_energy_J_per_bit + t.interface_energy_J_per_bit for t in kinds]) + 0.0 * p.channels
    energy = p.own("energy_J_per_bit", energy)
    return _pool(p, capacity * connected, bandwidth * connected, energy, energy)


def connected_pools(chip: Lowered, routes: Routes) -> tuple[tuple[int, ...], ...]:
    """Sets of equal crossbar blocks that a memory feeds; what nothing feeds computes nothing."""
    fed = (tuple(i for i in pool if len(routes.classes[f"crossbar.{i}"].source)) for pool in chip.shape.pools)
    return tuple(pool for pool in fed if pool)


def _weights(bundle: Bundle, weight: Array) -> Array:
    """[D, P] shares of its class's traffic by route: weight of both ends, over block-indexed weights [D, B]."""
    product = weight[:, bundle.source] * weight[:, bundle.target]
    total = bundle.classes.load(product)[:, bundle.of]
    return np.divide(product, total, out=np.zeros_like(product), where=total > 0)


def streams(
    chip: Lowered, routes: Routes, plan: Floorplan, weight: Array, pools: tuple[tuple[int, ...], ...]
) -> Streams:
    """Loads, energies and latencies per byte of each class. `weight` [D, B]: bandwidth or peak rate of blocks."""
    members = {f"crossbar.{pool[0]}": pool for pool in pools}
    names = [*TRAFFIC_CLASSES, *members]
    noc = chip.kinds.get("noc")
    capacity, hops, router_J, hop_s = _networks(chip, noc)
    wire_J = wires.wire_energy_J_per_bit_m(chip.node_nm) * chip.settings["toggle_rate"] / 0.5
    delay = wires.wire_delay_s_per_m(chip.node_nm)
    groups = (members.get(name, ()) for name in names)
    classes = [
        joined(tuple(routes.classes[f"crossbar.{i}"] for i in group)) if group else routes.classes[name]
        for name, group in zip(names, groups, strict=True)
    ]
    bundle = bundled(tuple(classes))
    share = _weights(bundle, weight)
    on_link, on_cross = bundle.load(bundle.links, share), bundle.load(bundle.crossings, share)
    flat = on_cross.reshape(chip.count * len(names), len(routes.crossings))
    through = routes.networks.load(flat).reshape(chip.count, len(names), routes.networks.items)
    length = (on_link * plan.link_m[:, None]).sum(-1) + (on_cross * plan.crossing_m[:, None]).sum(-1)
    hopped = through * hops[:, None]
    energy = 8.0 * (length * wire_J + (hopped * router_J[:, None]).sum(-1))
    latency = length * delay + (hopped * hop_s[:, None]).sum(-1)
    passing = np.concatenate([on_link, through], axis=-1)
    bandwidth = np.concatenate([chip.link_width_bits * chip.link_clock_Hz / 8.0, capacity], axis=1)
    loads = passing / bandwidth[:, None, :]
    exists = np.array([len(pairs.source) > 0 for pairs in classes])
    return Streams(tuple(names), passing, bandwidth, loads, energy, length, hopped, latency, exists, on_cross)


def _networks(chip: Lowered, noc: Parameters | None) -> tuple[Array, Array, Array, Array]:
    """Capacity in B/s, mean hops, energy per bit and hop, seconds per hop of every network [D, N]."""
    if noc is None:
        empty = np.zeros((chip.count, 0))
        return empty, empty, empty, empty
    channel = noc.width_bits * noc.clock_Hz / 8.0
    ring = np.array([t == "ring" for t in noc.word("topology")])
    mesh = np.array([t == "mesh" for t in noc.word("topology")])
    side = np.sqrt(noc.nodes)
    capacity = channel * np.where(mesh, np.maximum(1.0, 4.0 * side), np.where(ring, RING_THROUGHPUT, 1.0))
    hops = np.where(mesh, np.maximum(1.0, 2.0 / 3.0 * side), np.where(ring, np.maximum(1.0, noc.nodes / 4.0), 1.0))
    modelled = wires.router_energy_J_per_bit(chip.node_nm) * chip.settings["toggle_rate"] / 0.5 + 0.0 * noc.nodes
    return capacity, hops, noc.own("router_energy_J_per_bit", modelled), 3.0 / noc.clock_Hz


def _ports(chip: Lowered, reached: Array) -> tuple[Array, Array, Array]:
    """One-way bandwidth [D], latency [D] and energy per bit [D] of all connected chip-to-chip ports together."""
    if not reached.any():
        zero = np.zeros(chip.count)
        return zero, zero, zero
    p = chip.kinds["port"]
    kinds = [wires.port_technology(t) for t in p.word("technology")]
    bandwidth = p.bandwidth_Bps * reached
    split = _normalised(bandwidth)
    latency = p.own("latency_s", np.array([t.latency_s for t in kinds]) + 0.0 * p.bandwidth_Bps)
    energy = p.own("energy_J_per_bit", np.array([t.energy_J_per_bit for t in kinds]) + 0.0 * p.bandwidth_Bps)
    return bandwidth.sum(1), (latency * split).sum(1), (energy * split).sum(1)


def _block_weights(chip: Lowered, matrix: MatrixUnits | None, vector: VectorUnits | None, pools: list[Pool]) -> Array:
    """[D, B]: what decides how traffic spreads over blocks of a kind: bandwidth of memories, peak rate of units."""
    weight = np.ones((chip.count, len(chip.shape.topology.ids)))
    if matrix is not None:
        weight[:, matrix.parameters.index] = matrix.macs_per_s
    if vector is not None:
        weight[:, vector.parameters.index] = vector.split
    for pool in pools:
        weight[:, pool.parameters.index] = pool.each_bandwidth_Bps
    if "port" in chip.kinds:
        weight[:, chip.kinds["port"].index] = chip.kinds["port"].bandwidth_Bps
    return weight


def build(chip: Lowered, widths: tuple[int, ...]) -> Machine:
    """Everything derived from a group of designs; `widths`: the operand widths that the workload needs."""
    routes = find_routes(chip.shape.topology)
    plan = floorplan(chip, routes)
    calibration, chip_class = chip.shape.settings[:2]
    memories = chip.kinds["dram"].word("technology") if "dram" in chip.kinds else ()
    prior = class_prior(calibration, chip_class, memories)
    matrix = {}
    if "compute_array" in chip.kinds:
        reached = _reached(chip.kinds["compute_array"], routes.classes["matrix"])
        if reached.any():
            matrix = {w: matrix_units(chip, reached, w) for w in sorted(set(widths))}
    vector = None
    if "vector_unit" in chip.kinds and (reached := _reached(chip.kinds["vector_unit"], routes.classes["vector"])).any():
        vector = vector_units(chip, reached)
    homes, kinds = set(routes.homes), chip.shape.topology.kinds
    sram_homes = np.array([i in homes for i in chip.shape.topology.of("sram")])
    on_chip = sram_pool(chip, sram_homes) if sram_homes.any() else None
    sources = (
        set(routes.classes["fill"].source.tolist()) if on_chip is not None else {h for h in homes if kinds[h] == "dram"}
    )
    dram_used = np.array([i in sources for i in chip.shape.topology.of("dram")])
    off_chip = dram_pool(chip, dram_used) if dram_used.any() else None
    pools = [p for p in (on_chip, off_chip) if p is not None]
    weight = _block_weights(chip, next(iter(matrix.values()), None), vector, pools)
    own = chip.settings["overhead_s"][:, 0]
    overlap = np.minimum(chip.settings["overlap"][:, 0], PERFECT)
    ports = _reached(chip.kinds["port"], routes.classes["port"]) if "port" in chip.kinds else np.zeros(0)
    port_Bps, port_latency, port_J = _ports(chip, ports)
    crossbars = connected_pools(chip, routes)
    clocks = clocks_W(chip, prior["clocked"])
    return Machine(
        chip=chip,
        routes=routes,
        plan=plan,
        prior=prior,
        matrix=matrix,
        vector=vector,
        sram=on_chip,
        cached=_cached_share(on_chip, chip.count),
        dram=off_chip,
        near=None if off_chip is None else near_memory(chip, off_chip.bandwidth_Bps),
        crossbars=crossbar_pools(chip, crossbars),
        streams=streams(chip, routes, plan, weight, crossbars),
        port_Bps=port_Bps,
        port_latency_s=port_latency,
        port_J_per_bit=port_J,
        overhead_s=np.where(np.isnan(own), prior["overhead_s"], own),
        p_norm=1.0 / (1.0 - overlap),
        leakage_W=static_W(chip, plan, clocks),
        clocks_W=clocks,
        toggle=chip.settings["toggle_rate"][:, 0],
    )


__all__ = ["CrossbarPool", "Machine", "build", "converters_per_array", "operand_width"]
