"""The memory wall: tokens per second and energy per token against batch, context, bandwidth or on-chip capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.design.design import Design
from hwlib.design.edit import replace_part
from hwlib.design.parts import Dram, Sram
from hwlib.evaluate import evaluate_series
from hwlib.report import RESOURCES
from hwlib.technology.dram import dram_technology
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
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


@dataclass(frozen=True)
class Wall:
    """One curve [N] along an axis. NaN and an empty `bound` where the LLM does not run.

    `limit`: the first value at which memory no longer holds the whole batch's KV cache, or None. `present`: the value
    of the design and scenario as they are, 0 where the axis does not apply (no DRAM, no SRAM) and the curve is empty.
    """

    axis: WallAxis
    label: str
    unit: str
    values: Array
    tokens_per_s: Array
    energy_per_token_J: Array
    bound: tuple[str, ...]
    batch_running: Array
    limit: float | None
    present: float


def memory_wall(design: Design, scenario: Scenario, llm: LlmArchitecture, axis: WallAxis, points: int = 33) -> Wall:
    """The curve of a design along an axis, in one batch call.

    Raises ValueError for fewer than two points, and as `evaluate` for an LLM without shapes.
    """
    if points < 2:
        raise ValueError(f"a curve needs two points at least, not {points}")
    present = _present(design, scenario, axis)
    if present <= 0:
        nothing = np.zeros(0)
        return Wall(axis, *AXES[axis], nothing, nothing, nothing, (), nothing, None, 0.0)
    values = _axis_values(axis, present, points)
    if axis in ("batch", "context"):
        name = "batch" if axis == "batch" else "prompt"
        series = [msgspec.structs.replace(scenario, **{name: int(v)}) for v in values]
        designs = [design] * len(series)
    else:
        series, designs = [scenario], [_scaled(design, axis, v / present) for v in values.tolist()]
    found = evaluate_series(designs, series, llm)
    wanted = np.array([float(s.batch) for s in series])
    bound = tuple(RESOURCES[i] if ok else "" for i, ok in zip(found.bound_decode, found.fits, strict=True))
    return Wall(
        axis,
        *AXES[axis],
        values,
        found.tokens_per_s,
        found.energy_per_token_J,
        bound,
        found.batch_running,
        _limit(axis, values, ~found.fits | (found.batch_running < wanted)),
        present,
    )


def _axis_values(axis: WallAxis, present: float, points: int) -> Array:
    """Values in equal ratios, whole numbers of sequences and tokens, the present one among them."""
    low, high = SPANS[axis]
    if axis in ("bandwidth", "capacity"):
        low, high = low * present, high * present
    values = np.geomspace(min(low, present), max(high, present), points)
    values = np.append(values, present)
    return np.unique(np.round(values) if axis in ("batch", "context") else values)


def _present(design: Design, scenario: Scenario, axis: WallAxis) -> float:
    if axis == "batch":
        return float(scenario.batch)
    if axis == "context":
        return float(scenario.prompt)
    parts = [b.part for b in design.blocks]
    if axis == "bandwidth":
        return sum((p.channels * _channel_Bps(p) for p in parts if isinstance(p, Dram)), start=0.0)
    return float(sum(p.capacity_bytes for p in parts if isinstance(p, Sram)))


def _channel_Bps(part: Dram) -> float:
    return part.bandwidth_Bps if part.bandwidth_Bps is not None else dram_technology(part.technology).bandwidth_Bps


def _scaled(design: Design, axis: WallAxis, factor: float) -> Design:
    """The design with the bandwidth of all DRAM, or the capacity of all SRAM, times a factor."""
    for block in design.blocks:
        part = block.part
        if axis == "bandwidth" and isinstance(part, Dram):
            design = replace_part(design, block.id, {"bandwidth_Bps": _channel_Bps(part) * factor})
        elif axis == "capacity" and isinstance(part, Sram):
            design = replace_part(design, block.id, {"capacity_bytes": max(64, round(part.capacity_bytes * factor))})
    return design


def _limit(axis: WallAxis, values: Array, short: NDArray[np.bool_]) -> float | None:
    """Where memory runs out: the first short value of the scenario's axes; the design's axes have none."""
    if axis not in ("batch", "context") or not short.any() or short.all():
        return None
    return float(values[int(short.argmax())])
