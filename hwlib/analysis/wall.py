"""The memory wall: tokens per second and energy per token against batch, context, bandwidth or on-chip capacity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

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
SEARCHED = 31
"""Values that one step of the search for the limit evaluates together: prompts up to 128 k need three steps."""


@dataclass(frozen=True)
class Wall:
    """One curve [N] along an axis. NaN and an empty `bound` where the LLM does not run.

    `limit`: the first whole value at which memory no longer holds the whole batch's KV cache, or None; it and the value
    before are samples. `present`: the value of the design and scenario as they are, 0 where the axis does not apply (no
    DRAM, no SRAM) and the curve is empty.
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
    """The curve of a design along an axis, in one batch call, and a few more where a limit of memory is searched.

    Raises ValueError for fewer than two points, and as `evaluate` for an LLM without shapes.
    """
    if points < 2:
        raise ValueError(f"a curve needs two points at least, not {points}")
    present = present_value(design, scenario, axis)
    if present <= 0:
        nothing = np.zeros(0)
        return Wall(axis, *AXES[axis], nothing, nothing, nothing, (), nothing, None, 0.0)
    found = _along(axis, _axis_values(axis, present, span(design, axis), points), present, design, scenario, llm)
    limit = None
    if axis in ("batch", "context"):

        def at(wanted: Array) -> _Samples:
            return _along(axis, wanted, present, design, scenario, llm)

        found, limit = _with_limit(found, at)
    bound = tuple(RESOURCES[int(i)] if ok else "" for i, ok in zip(found.bound, found.fits, strict=True))
    return Wall(
        axis, *AXES[axis], found.values, found.tokens_per_s, found.energy_per_token_J, bound, found.batch_running,
        limit, present,
    )  # fmt: skip


class _Samples(NamedTuple):
    """Figures [N] at values along an axis; `short` where memory does not hold the whole batch."""

    values: Array
    tokens_per_s: Array
    energy_per_token_J: Array
    bound: Array
    batch_running: Array
    fits: Array
    short: Array

    def with_more(self, more: _Samples) -> _Samples:
        """Both, in the order of their values, each value once."""
        joined = _Samples(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))
        _, first = np.unique(joined.values, return_index=True)
        return joined.only(first)

    def only(self, which: NDArray[np.generic]) -> _Samples:
        """Some of them, by places or by a mask."""
        return _Samples(*(column[which] for column in self))


def _along(
    axis: WallAxis, values: Array, present: float, design: Design, scenario: Scenario, llm: LlmArchitecture
) -> _Samples:
    """The figures at values of an axis, in one batch call."""
    if axis in ("batch", "context"):
        name = "batch" if axis == "batch" else "prompt"
        series = [msgspec.structs.replace(scenario, **{name: int(v)}) for v in values]
        designs = [design] * len(series)
    else:
        series, designs = [scenario], [scaled(design, axis, v / present) for v in values.tolist()]
    found = evaluate_series(designs, series, llm)
    wanted = np.array([float(s.batch) for s in series])
    bound, fits = found.bound_decode.astype(float), found.fits.astype(float)
    short = (~found.fits | (found.batch_running < wanted)).astype(float)
    return _Samples(
        values, found.tokens_per_s, found.energy_per_token_J, bound, found.batch_running.astype(float), fits, short
    )


def _with_limit(found: _Samples, at: Callable[[Array], _Samples]) -> tuple[_Samples, float | None]:
    """The first whole value at which memory no longer holds the whole batch, with samples at it and just below.

    None where memory holds it at every sample, or at none. `at` evaluates further values; as longer prompts and larger
    batches need more memory, what lies between a sample that fits and one that does not is searched.
    """
    if not found.short.any() or found.short[0]:
        return found, None
    first, kept = int(found.short.argmax()), found.values
    low, high = float(found.values[first - 1]), float(found.values[first])
    running = float(found.batch_running[first])
    # Of batches the last that runs whole is known already; it only needs to be seen.
    guess = np.array([v for v in (running, running + 1.0) if low < v < high])
    while high - low > 1.0:
        inner = at(guess if guess.size else np.unique(np.round(np.linspace(low, high, SEARCHED + 2)))[1:-1])
        found, guess = found.with_more(inner), guess[:0]
        held = inner.values[inner.short == 0.0]
        short = inner.values[inner.short > 0.0]
        low, high = float(held.max(initial=low)), float(short.min(initial=high))
    return found.only(np.isin(found.values, [*kept, low, high])), high


def _axis_values(axis: WallAxis, present: float, ends: tuple[float, float], points: int) -> Array:
    """Values in equal ratios, whole numbers of sequences and tokens, the present one among them."""
    low, high = ends
    if axis in ("bandwidth", "capacity"):
        low, high = low * present, high * present
    values = np.geomspace(min(low, present), max(high, present), points)
    values = np.append(values, present)
    return np.unique(np.round(values) if axis in ("batch", "context") else values)
