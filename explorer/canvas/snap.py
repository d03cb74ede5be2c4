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
class Snapped:
    """The shift to apply, and the lines to show: x of vertical and y of horizontal ones (metres)."""

    dx_m: float
    dy_m: float
    guides_x: tuple[float, ...] = ()
    guides_y: tuple[float, ...] = ()


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
