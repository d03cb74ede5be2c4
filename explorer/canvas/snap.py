"""Where a dragged rectangle comes to rest: at a neighbour's edge within reach, else on the grid. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.canvas.geometry import nice_step
from hwlib.report import Rect

Floats = NDArray[np.float64]
GRID_STEPS = 250


@dataclass(frozen=True)
class Gap:
    """Free ground between blocks: from `start` to `end` along x (`across`) or y, at `level` of the other."""

    across: bool
    start: float
    end: float
    level: float


@dataclass(frozen=True)
class Snapped:
    """The shift to apply, and the lines to show: x of vertical and y of horizontal ones (metres)."""

    dx_m: float
    dy_m: float
    guides_x: tuple[float, ...] = ()
    guides_y: tuple[float, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """Equal gaps to neighbours."""


def grid_step(width_m: float, height_m: float) -> float:
    """The grid of a die: a round length, about 250 of which make its longer side (0.1 mm on 20 mm)."""
    return nice_step(max(width_m, height_m) / GRID_STEPS)


def to_grid(value_m: float, step_m: float) -> float:
    """The nearest multiple of the grid, at the float that the decimal number has."""
    return round(round(value_m / step_m) * step_m, 12)


@dataclass(frozen=True)
class Lines:
    """What a dragged rectangle can align to along one axis (metres): edges to edges, middles to middles."""

    edges: Floats
    middles: Floats


def lines_of(rects: list[Rect]) -> tuple[Lines, Lines]:
    """The vertical and the horizontal lines that `rects` offer."""
    table = np.array([(r.x_m, r.y_m, r.width_m, r.height_m) for r in rects], dtype=np.float64).reshape(-1, 4)
    return _lines(table[:, 0], table[:, 2]), _lines(table[:, 1], table[:, 3])


def _lines(start: Floats, size: Floats) -> Lines:
    return Lines(np.concatenate((start, start + size)), start + size / 2)


def snap(rect: Rect, dx_m: float, dy_m: float, others: tuple[Lines, Lines], step_m: float, reach_m: float) -> Snapped:
    """The shift near (dx, dy) that aligns `rect` with `others` within `reach_m`, or else with the grid, by axis."""
    x, guides_x = _axis(rect.x_m, rect.width_m, dx_m, others[0], step_m, reach_m)
    y, guides_y = _axis(rect.y_m, rect.height_m, dy_m, others[1], step_m, reach_m)
    return Snapped(x, y, guides_x, guides_y)


def _axis(
    start: float, size: float, shift: float, others: Lines, step: float, reach: float
) -> tuple[float, tuple[float, ...]]:
    at = start + shift
    near, far, middle = others.edges - at, others.edges - (at + size), others.middles - (at + size / 2)
    gaps = np.concatenate((near, far, middle))
    best = float(gaps[np.argmin(np.abs(gaps))]) if gaps.size else reach * 2
    if abs(best) > reach:
        return to_grid(at, step) - start, ()
    lines = np.concatenate((others.edges, others.edges, others.middles))[np.abs(gaps - best) < 1e-9]
    # Rounded like grid places, so that a block laid back where it was gives an equal design.
    return round(at + best, 12) - start, tuple(sorted(set(lines.round(12).tolist())))


def snap_gaps(rect: Rect, found: Snapped, others: Floats, reach_m: float) -> Snapped:
    """`found`, each axis without a guide snapped to equal gaps with `others` [N, 4] (left, top, right, bottom).

    Gaps are equal where the rectangle lies midway between two blocks of its row or column, or as far from the last one
    as that is from the one before.
    """
    dx, gaps_x = _even(rect, found, others, reach_m, across=True)
    dy, gaps_y = _even(rect, found, others, reach_m, across=False)
    return Snapped(dx, dy, found.guides_x, found.guides_y, gaps_x + gaps_y)


def _even(rect: Rect, found: Snapped, others: Floats, reach: float, across: bool) -> tuple[float, tuple[Gap, ...]]:
    i, j = (0, 1) if across else (1, 0)
    corner, size = (rect.x_m + found.dx_m, rect.y_m + found.dy_m), (rect.width_m, rect.height_m)
    shift = (found.dx_m, found.dy_m)[i]
    if (found.guides_x, found.guides_y)[i]:
        return shift, ()
    row = others[(others[:, j] < corner[j] + size[j]) & (others[:, j + 2] > corner[j])]
    before = row[row[:, i + 2] <= corner[i] + reach]
    after = row[row[:, i] >= corner[i] + size[i] - reach]
    left = before[np.argsort(-before[:, i + 2])][:2, [i, i + 2]].tolist()
    right = after[np.argsort(after[:, i])][:2, [i, i + 2]].tolist()
    best = min(_wanted(left, right, size[i]), key=lambda w: abs(w[0] - corner[i]), default=None)
    if best is None or abs(best[0] - corner[i]) > reach:
        return shift, ()
    level = corner[j] + size[j] / 2
    return round(best[0], 12) - (rect.x_m, rect.y_m)[i], tuple(Gap(across, a, b, level) for a, b in best[1])


def _wanted(
    left: list[list[float]], right: list[list[float]], size: float
) -> list[tuple[float, tuple[tuple[float, float], ...]]]:
    """Where a length may start so that two gaps are equal, with those gaps; given the nearest spans of each side."""
    ways: list[tuple[float, tuple[tuple[float, float], ...]]] = []
    if left and right and (free := right[0][0] - left[0][1] - size) > 0:
        at = left[0][1] + free / 2
        ways.append((at, ((left[0][1], at), (at + size, right[0][0]))))
    if len(left) == 2 and (gap := left[0][0] - left[1][1]) > 0:
        at = left[0][1] + gap
        ways.append((at, ((left[1][1], left[0][0]), (left[0][1], at))))
    if len(right) == 2 and (gap := right[1][0] - right[0][1]) > 0:
        at = right[0][0] - gap - size
        ways.append((at, ((at + size, right[0][0]), (right[0][1], right[1][0]))))
    return ways
