"""Links and networks at work: what each of them carries, which one is busiest, and what would relieve it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.assemble import OneDesign, link_use, pass_rates
from hwlib.cost.mesh import busiest_channels
from hwlib.design.design import Finding
from hwlib.report import LABELS, PHASES, LinkFigure, MeshFigure, Metrics, StreamLoad
from hwlib.units import format_quantity

Array = NDArray[np.float64]
STREAMS = {
    "fill": "between DRAM and on-chip memory",
    "matrix": "of matrix units",
    "vector": "of vector units",
    "port": "of other chips",
    "crossbar": "of crossbars",
}
"""Words for traffic classes: whose operands and results are moved."""

RELIEF = {
    "fill": "What stays on the chip isn't moved: more SRAM, or weights in crossbars.",
    "matrix": "Larger buffers in the matrix units let less be moved.",
    "vector": "A second vector unit with a link of its own would share its data.",
    "port": "Fewer chips for each layer exchange less.",
    "crossbar": "A link of its own for each group of crossbars would share their data.",
}
"""What lessens a stream."""

WORD_BITS = 64
"""Widths that are proposed are multiples of this."""


def stream_rates(one: OneDesign) -> Array:
    """[C] bytes a second of each traffic class in decode, on the chip's busiest stage."""
    moved = pass_rates(one, 1) @ one.run.work.stream_bytes[one.d]
    return np.asarray(moved / float(one.run.clock[1, one.d]))


def link_figures(one: OneDesign) -> tuple[LinkFigure, ...]:
    """Every link with its run, its load in decode and the streams that make it up."""
    plan, d, use = one.run.machine.plan, one.d, link_use(one, 1)
    by_stream = stream_rates(one)[:, None] * one.run.machine.streams.share[d]
    result = []
    for i, link in enumerate(one.links):
        (x1, y1), (x2, y2) = plan.source_port_m[d, i], plan.target_port_m[d, i]
        result.append(
            LinkFigure(
                id=link.id,
                source=link.source,
                target=link.target,
                x1_m=float(x1),
                y1_m=float(y1),
                x2_m=float(x2),
                y2_m=float(y2),
                length_m=float(plan.link_m[d, i]),
                bandwidth_Bps=link.bandwidth_Bps,
                load_Bps=float(use[i]) * link.bandwidth_Bps,
                streams=_stream_loads(one, by_stream[:, i], f"link.{link.id}"),
            )
        )
    return tuple(result)


def _stream_loads(one: OneDesign, carried: Array, stem: str) -> tuple[StreamLoad, ...]:
    """Loads [C] of the traffic classes in words, the largest first; classes of several pools of crossbars are one."""
    loads: dict[str, float] = {}
    for word, load in zip(_words(one.run.machine.streams.names), carried.tolist(), strict=True):
        if load > 0:
            loads[word] = loads.get(word, 0.0) + load
    found = sorted(loads.items(), key=lambda s: -s[1])
    return tuple(StreamLoad(stream=STREAMS[w], load_Bps=load, key=f"{stem}.{stream_field(w)}") for w, load in found)


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that traffic classes belong to."""
    return tuple(name.partition(".")[0] for name in names)


def stream_field(word: str) -> str:
    """The last part of the key of a traffic class's load: "load_of_matrix_Bps"."""
    return f"load_of_{word}_Bps"


def meshes(one: OneDesign) -> tuple[MeshFigure, ...]:
    """The busiest channel of every mesh, traffic routed by XY order over the stops that blocks lie on."""
    rates = stream_rates(one)
    found = []
    for channel in busiest_channels(one, rates):
        network = one.design.blocks[channel.network].id
        found.append(
            MeshFigure(
                network=network,
                where=channel.where,
                bandwidth_Bps=channel.bandwidth_Bps,
                load_Bps=channel.load_Bps,
                streams=_stream_loads(one, channel.shares * rates, f"mesh.{network}"),
            )
        )
    return tuple(found)


def link_findings(one: OneDesign, metrics: Metrics, found: tuple[MeshFigure, ...]) -> tuple[Finding, ...]:
    """The link or network that binds a phase, and meshes that would have to carry more than they can."""
    bounds = (metrics.bound_prefill, metrics.bound_decode)
    gains = (metrics.without_bound_prefill, metrics.without_bound_decode)
    binding = [_binding(one, f, gains[f]) for f in (0, 1) if bounds[f] == "link"]
    return (*binding, *(_overloaded(one, mesh) for mesh in found if mesh.utilisation > 1.0))


def _binding(one: OneDesign, phase: int, gain: float) -> Finding:
    use = link_use(one, phase)
    order = np.argsort(-use, kind="stable")
    first, rest = int(order[0]), float(use[order[1]]) if len(order) > 1 else 0.0
    name, block_or_link, width = _item(one, first)
    peak = float(one.run.machine.streams.bandwidth_Bps[one.d, first])
    busy = f"{format_quantity(use[first] * peak, 'B/s', 3)} of {format_quantity(peak, 'B/s', 3)}"
    message = f"{LABELS['link']} bind {PHASES[phase]}; {name} is the busiest: {busy} ({use[first]:.0%})."
    if rest > 0.0 and rest < use[first]:
        wide = int(np.ceil(width * use[first] / rest / WORD_BITS - 1e-9)) * WORD_BITS
        mend = (
            f"{wide} bits wide, where it has {width:.0f}, it would be no busier than {_item(one, int(order[1]))[0]}; "
        )
    else:
        mend = "Make it wider, or raise its clock; "
    mend += f"without this wall {PHASES[phase]} would be ×{gain:.3g} faster. {_relief(one, phase, first)}"
    return Finding(severity="note", code="busiest_link", message=message, mend=mend, blocks=(block_or_link,))


def _relief(one: OneDesign, phase: int, item: int) -> str:
    """What would lessen the largest stream over a link or network."""
    moved = pass_rates(one, phase) @ one.run.work.stream_bytes[one.d]
    largest = int((moved * one.run.machine.streams.share[one.d][:, item]).argmax())
    return RELIEF[one.run.machine.streams.names[largest].partition(".")[0]]


def _item(one: OneDesign, index: int) -> tuple[str, str, float]:
    """Name, id and width in bits of what is at a place on the axis of links and networks."""
    if index < len(one.links):
        link = one.links[index]
        return link_name(one, index), link.id, float(link.width_bits)
    networks = one.run.machine.chip.kinds["noc"]
    at = index - len(one.links)
    block = one.design.blocks[int(networks.index[at])]
    return block.name, block.id, float(networks.width_bits[one.d, at])


def link_name(one: OneDesign, index: int) -> str:
    """A link by the blocks that it joins."""
    link = one.links[index]
    return f"the link {one.design.block(link.source).name} to {one.design.block(link.target).name}"


def _overloaded(one: OneDesign, mesh: MeshFigure) -> Finding:
    network = one.design.block(mesh.network)
    load, peak = (format_quantity(v, "B/s", 3) for v in (mesh.load_Bps, mesh.bandwidth_Bps))
    return Finding(
        severity="warning",
        code="mesh_contention",
        message=f"Routed in XY order, the busiest channel of {network.name} ({mesh.where}) would carry {load} where it "
        f"has {peak}: a decode step takes at least ×{mesh.utilisation:.3g} as long as told.",
        mend="Wider channels, or blocks with much traffic spread over more of the mesh.",
        blocks=(mesh.network,),
    )
