"""What a block says about itself on the canvas: its line of key figures and the structure hinted at inside it."""

from __future__ import annotations

import math

from hwlib.design.design import Block, Link
from hwlib.design.parts import AnyPart, ComputeArray, Crossbar, Dram, Noc, Port, Sram, VectorUnit
from hwlib.technology.dram import dram_technology
from hwlib.units import format_quantity, thousands

SEPARATOR = " · "
MOST_CELLS = 24
"""More cells than this along one side of a block say nothing more."""
ONE_ARRAY_CELLS = 8

CELL_LABELS = {
    "sram_digital": "Digital SRAM", "sram_analog": "Analog SRAM", "rram": "RRAM", "pcm": "PCM", "flash": "Flash",
    "gain_cell": "Gain cells",
}  # fmt: skip
PORT_LABELS = {
    "nvlink": "NVLink", "serdes112": "SerDes 112G", "ucie_advanced": "UCIe advanced", "ucie_standard": "UCIe standard",
    "pcie5": "PCIe 5", "infiniband": "InfiniBand",
}  # fmt: skip


def key_figures(part: AnyPart) -> str:
    """The two or three figures that say most about a part: "128 × 128 · 1 GHz"."""
    match part:
        case ComputeArray():
            size = f"{part.rows} × {part.columns}"
            return f"{_times(part.count)}{size} · {format_quantity(part.clock_Hz, 'Hz')}"
        case VectorUnit():
            return f"{_times(part.count)}{part.lanes} lanes · {format_quantity(part.clock_Hz, 'Hz')}"
        case Sram():
            return f"{format_quantity(float(part.capacity_bytes), 'B', binary=True)} · {_count(part.banks, 'bank')}"
        case Dram():
            return f"{part.technology} × {part.channels} · {format_quantity(dram_bandwidth_Bps(part), 'B/s', 3)}"
        case Crossbar():
            return f"{_times(part.arrays)}{part.rows} × {part.columns} · {CELL_LABELS[part.cell]}"
        case Noc():
            return f"{part.topology} of {part.nodes} · {part.width_bits} bit"
        case Port():
            return f"{PORT_LABELS[part.technology]} · {format_quantity(part.bandwidth_Bps, 'B/s')}"


def wordings(part: AnyPart) -> tuple[str, ...]:
    """The key figures, and shorter ways of saying them for small blocks."""
    whole = key_figures(part)
    parts = whole.split(SEPARATOR)
    shorter = [SEPARATOR.join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]
    match part:
        case ComputeArray(count=count) if count > 1:
            shorter.append(f"{count} ×")
        case Crossbar():
            shorter.append(f"{_count(part.arrays, 'array')}")
        case Dram():
            shorter = [parts[-1], f"× {part.channels}"]
    return (whole, *shorter)


def dram_bandwidth_Bps(part: Dram) -> float:
    """Peak bandwidth of all stacks or channels together: the part's own value or that of its technology."""
    each = part.bandwidth_Bps or dram_technology(part.technology).bandwidth_Bps
    return each * part.channels


def describe_link(link: Link) -> str:
    """A link's width and bandwidth in one line."""
    clock, bandwidth = format_quantity(link.clock_Hz, "Hz"), format_quantity(link.bandwidth_Bps, "B/s")
    return f"{link.width_bits} bit · {clock} · {bandwidth} each way"


def suggested_width_bits(a: AnyPart, b: AnyPart, clock_Hz: float) -> int:
    """How wide a new link should be: a power of two that carries what the slower of its ends can move."""
    bandwidth = min(_moves_Bps(a), _moves_Bps(b))
    if math.isinf(bandwidth):
        return Link(id="x", source="x", target="x").width_bits
    bits = 2 ** math.ceil(math.log2(max(bandwidth * 8 / clock_Hz, 1.0)) - 1e-9)
    return min(max(bits, 64), 65_536)


def _moves_Bps(part: AnyPart) -> float:
    """The bandwidth at a part's ports, infinity where it has none of its own."""
    match part:
        case Sram():
            return part.banks * part.port_width_bits * part.clock_Hz / 8
        case Dram():
            return dram_bandwidth_Bps(part)
        case Noc():
            return part.width_bits * part.clock_Hz / 8
        case Port():
            return part.bandwidth_Bps
        case _:
            return math.inf


def divisions(block: Block, aspect: float) -> tuple[int, int]:
    """Columns and rows of the cells drawn inside a block whose drawn width over height is `aspect`.

    Arrays, cores, banks, stacks and stops are drawn one by one up to MOST_CELLS a side, a lone array as a coarse grid.
    """
    part = block.part
    match part:
        case ComputeArray(count=1):
            return min(part.columns, ONE_ARRAY_CELLS), min(part.rows, ONE_ARRAY_CELLS)
        case ComputeArray():
            return grid(part.count, aspect)
        case VectorUnit():
            return grid(max(part.count, min(part.lanes, ONE_ARRAY_CELLS)), aspect)
        case Sram():
            return grid(part.banks, aspect)
        case Dram():
            return (part.channels, 1) if aspect > 1 else (1, part.channels)
        case Crossbar():
            return grid(part.arrays, aspect)
        case Noc(topology="mesh"):
            return grid(part.nodes, aspect)
        case Noc():
            return (part.nodes, 1) if aspect > 1 else (1, part.nodes)
        case Port():
            return 1, 1


def grid(count: int, aspect: float) -> tuple[int, int]:
    """Columns and rows that hold about `count` cells, each about square, in a rectangle of this aspect."""
    columns = max(1, min(count, round(math.sqrt(count * aspect))))
    return min(columns, MOST_CELLS), min(math.ceil(count / columns), MOST_CELLS)


def link_width_px(bandwidth_Bps: float) -> float:
    """The stroke of a link on screen: 1.5 px up to 1 GB/s and one more for each factor of ten above."""
    return min(7.0, 1.5 + max(0.0, math.log10(max(bandwidth_Bps, 1.0) / 1e9)))


def _times(count: int) -> str:
    return "" if count == 1 else f"{thousands(count)} × "


def _count(count: int, word: str) -> str:
    return f"{thousands(count)} {word}" if count == 1 else f"{thousands(count)} {word}s"
