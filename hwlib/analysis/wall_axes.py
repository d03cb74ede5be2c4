"""The axes of the memory wall: where a design stands on each, and the design moved along it."""

from __future__ import annotations

from typing import Literal

from hwlib.design.design import Design
from hwlib.design.edit import replace_part
from hwlib.design.parts import Dram, Sram, fields_of
from hwlib.technology.dram import dram_technology
from hwlib.workload.scenario import Scenario

WallAxis = Literal["batch", "context", "bandwidth", "capacity"]

AXES: dict[WallAxis, tuple[str, str]] = {
    "batch": ("Batch", "sequences"),
    "context": ("Prompt", "tokens"),
    "bandwidth": ("DRAM bandwidth", "B/s"),
    "capacity": ("On-chip capacity", "B"),
}
"""Label and unit of each axis."""

SPANS: dict[WallAxis, tuple[float, float]] = {
    "batch": (1.0, 4096.0),
    "context": (128.0, 131_072.0),
    "bandwidth": (1.0 / 16.0, 16.0),
    "capacity": (1.0 / 16.0, 64.0),
}
"""Ends of the axis: absolute for the scenario's, over the present value for the design's."""

_PARAMETERS: dict[WallAxis, tuple[str, str]] = {
    "bandwidth": ("bandwidth_Bps", "dram"),
    "capacity": ("capacity_bytes", "sram"),
}
_INSIDE = 1e-9
"""Ends stay this share inside the declared ranges, or rounding would leave them."""


def present_value(design: Design, scenario: Scenario, axis: WallAxis) -> float:
    """Where a design and a scenario stand on an axis, in its unit; 0 where it has none of what the axis counts."""
    if axis == "batch":
        return float(scenario.batch)
    if axis == "context":
        return float(scenario.prompt)
    parts = [b.part for b in design.blocks]
    if axis == "bandwidth":
        return sum((p.channels * channel_Bps(p) for p in parts if isinstance(p, Dram)), start=0.0)
    return float(sum(p.capacity_bytes for p in parts if isinstance(p, Sram)))


def channel_Bps(part: Dram) -> float:
    """Peak bandwidth of one stack or channel: the user's own value, else the technology's."""
    return part.bandwidth_Bps if part.bandwidth_Bps is not None else dram_technology(part.technology).bandwidth_Bps


def scaled(design: Design, axis: WallAxis, factor: float) -> Design:
    """The design with the bandwidth of all DRAM, or the capacity of all SRAM, times a factor.

    Raises EditError where that leaves the declared range of a parameter; `span` says how far it goes.
    """
    for block in design.blocks:
        part = block.part
        if axis == "bandwidth" and isinstance(part, Dram):
            design = replace_part(design, block.id, {"bandwidth_Bps": channel_Bps(part) * factor})
        elif axis == "capacity" and isinstance(part, Sram):
            design = replace_part(design, block.id, {"capacity_bytes": max(64, round(part.capacity_bytes * factor))})
    return design


def span(design: Design, axis: WallAxis) -> tuple[float, float]:
    """Lowest and highest value of the scenario's axes, factor of the design's, within the parameters' ranges."""
    low, high = SPANS[axis]
    name, kind = _PARAMETERS.get(axis, ("", "dram"))
    limits = next(((f.lo, f.hi) for f in fields_of(kind) if f.name == name), (None, None))
    for block in design.blocks:
        value = part_value(block.part, axis)
        if value is not None and limits[0] is not None and limits[1] is not None:
            low = max(low, limits[0] / value * (1.0 + _INSIDE))
            high = min(high, limits[1] / value * (1.0 - _INSIDE))
    return low, high


def part_value(part: object, axis: WallAxis) -> float | None:
    """What one part has of what the design's axes scale; None for other parts."""
    if axis == "bandwidth":
        return channel_Bps(part) if isinstance(part, Dram) else None
    return float(part.capacity_bytes) if axis == "capacity" and isinstance(part, Sram) else None
