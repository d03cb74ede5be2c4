"""The memory wall: tokens per second and energy per token against batch, context, bandwidth or on-chip capacity."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.analysis.wall_axes import AXES, WallAxis, present_value, scaled, span
from hwlib.design.design import Design
from hwlib.evaluate import evaluate_series
from hwlib.report import RESOURCES
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

__all__ = ["AXES", "Wall", "WallAxis", "memory_wall"]

Array = NDArray[np.float64]


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
    present = present_value(design, scenario, axis)
    if present <= 0:
        nothing = np.zeros(0)
        return Wall(axis, *AXES[axis], nothing, nothing, nothing, (), nothing, None, 0.0)
    values = _axis_values(axis, present, span(design, axis), points)
    if axis in ("batch", "context"):
        name = "batch" if axis == "batch" else "prompt"
        series = [msgspec.structs.replace(scenario, **{name: int(v)}) for v in values]
        designs = [design] * len(series)
    else:
        series, designs = [scenario], [scaled(design, axis, v / present) for v in values.tolist()]
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


def _axis_values(axis: WallAxis, present: float, ends: tuple[float, float], points: int) -> Array:
    """Values in equal ratios, whole numbers of sequences and tokens, the present one among them."""
    low, high = ends
    if axis in ("bandwidth", "capacity"):
        low, high = low * present, high * present
    values = np.geomspace(min(low, present), max(high, present), points)
    values = np.append(values, present)
    return np.unique(np.round(values) if axis in ("batch", "context") else values)


def _limit(axis: WallAxis, values: Array, short: NDArray[np.bool_]) -> float | None:
    """Where memory runs out: the first short value of the scenario's axes; the design's axes have none."""
    if axis not in ("batch", "context") or not short.any() or short.all():
        return None
    return float(values[int(short.argmax())])
