"""The curve of a memory wall cut where another resource begins to bind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from explorer.charts.figure_scale import FigureScale
from explorer.charts.wall_items import Band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hwlib.analysis.wall import Wall

Measure = Literal["tokens_per_s", "energy_per_token_J"]


class Run(NamedTuple):
    """A band, and the samples (first, one past the last) whose binding resource it is."""

    band: Band
    first: int
    end: int


def measured(wall: Wall, measure: Measure) -> NDArray[np.float64]:
    """The samples [N] of what the chart shows."""
    return wall.tokens_per_s if measure == "tokens_per_s" else wall.energy_per_token_J


def runs_of(wall: Wall) -> list[Run]:
    """The stretches of one binding resource, which meet midway between their samples."""
    logs = np.log10(wall.values)
    starts = [0, *(i for i in range(1, len(wall.bound)) if wall.bound[i] != wall.bound[i - 1])]
    ends = [*starts[1:], len(wall.bound)]
    middle = [float(logs[0]), *(float(logs[i - 1] + logs[i]) / 2 for i in starts[1:]), float(logs[-1])]
    return [
        Run(Band(middle[i], middle[i + 1], wall.bound[s]), s, e)
        for i, (s, e) in enumerate(zip(starts, ends, strict=True))
    ]


def run_line(wall: Wall | None, run: Run, measure: Measure, scale: FigureScale) -> tuple[list[float], list[float]]:
    """The curve within a band (x in log10, y as the scale has it), up to where its neighbours' parts begin."""
    if wall is None:
        return [], []
    values = measured(wall, measure)
    xs, ys = np.log10(wall.values), scale.places(values)
    line = [(float(x), float(y)) for x, y in zip(xs[run.first : run.end], ys[run.first : run.end], strict=True)]
    for other, edge in ((run.first - 1, run.band.start), (run.end, run.band.end)):
        if 0 <= other < len(xs) and math.isfinite(ys[other]):
            near = run.first if other < run.first else run.end - 1
            line.append((edge, float(ys[near] + ys[other]) / 2))
    line.sort()
    return [x for x, _ in line], [y for _, y in line]


def between(wall: Wall, measure: Measure, x: float) -> float:
    """The curve's figure at a value between its samples, NaN beyond them."""
    values = measured(wall, measure)
    known = np.log10(np.where(values > 0, values, np.nan))
    return float(10.0 ** np.interp(math.log10(x), np.log10(wall.values), known, math.nan, math.nan))


def limit_of(wall: Wall) -> float | None:
    """Where the KV cache fills the memory: the largest batch that runs at once, the first prompt that does not fit.

    None where it always fits, or where nothing does.
    """
    return wall.limit - 1.0 if wall.axis == "batch" and wall.limit is not None else wall.limit
