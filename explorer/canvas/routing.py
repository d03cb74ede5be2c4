"""Ways for links between two ports that keep out of blocks: all as short as wires can be, so no length is invented.

Every candidate runs monotonously from port to port and is therefore as long as their Manhattan distance, which is
what the cost model charges; among them the one is drawn that crosses the least of any block and has few corners.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from explorer.canvas.geometry import ACROSS, Point, Side

Floats = NDArray[np.float64]
MOST_LINES = 8
"""Channels tried along one axis; more would not be seen."""
CORNER_COST = 0.03
"""A corner counts as much as crossing this share of the way."""
WRONG_WAY_COST = 0.02
"""So does leaving a port along its edge."""
ALONG_EDGE_COST = 0.25
"""Running along an edge counts as much as crossing this share of that stretch."""
INSIDE_M = 1e-7


def best_route(start: Point, end: Point, sides: tuple[Side, Side], blocks: Floats) -> tuple[Point, ...]:
    """The corners of the best way past `blocks` [N, 4] (left, top, right, bottom), `start` and `end` included."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2 or y1 == y2:
        return start, end
    xs, ys = _channels(x1, x2, blocks[:, [0, 2]]), _channels(y1, y2, blocks[:, [1, 3]])
    first_across = sides[0] in ACROSS, sides[1] in ACROSS
    ways = [_across_first(x1, y1, x2, y2, xs, ys), _down_first(x1, y1, x2, y2, xs, ys)]
    best: tuple[float, Floats] | None = None
    for corners, across in zip(ways, (True, False), strict=True):
        cost = _cost(corners, blocks, across, first_across, abs(x2 - x1) + abs(y2 - y1))
        i = int(np.argmin(cost))
        if best is None or cost[i] < best[0]:
            best = float(cost[i]), corners[i]
    return _tidy(best[1]) if best is not None else (start, end)


def _channels(a: float, b: float, edges: Floats) -> Floats:
    """Where to run between `a` and `b`: the ends and the middle, and the middles between neighbouring edges."""
    low, high = min(a, b), max(a, b)
    between = edges[(edges > low) & (edges < high)]
    marks = np.unique(np.concatenate(([low, high], between)))
    middles = (marks[:-1] + marks[1:]) / 2
    if middles.size > MOST_LINES:
        middles = middles[np.linspace(0, middles.size - 1, MOST_LINES).round().astype(int)]
    return np.concatenate(([(a + b) / 2, a, b], middles))


def _across_first(x1: float, y1: float, x2: float, y2: float, xs: Floats, ys: Floats) -> Floats:
    """[K, 5, 2]: across, down, across, down, through every pair of channels that goes forward all the way."""
    x, y = np.tile(xs, ys.size), np.repeat(ys, xs.size)
    return _points([(x1, y1), (x, y1), (x, y), (x2, y), (x2, y2)], x.size)


def _down_first(x1: float, y1: float, x2: float, y2: float, xs: Floats, ys: Floats) -> Floats:
    """[K, 5, 2]: down, across, down, across."""
    x, y = np.tile(xs, ys.size), np.repeat(ys, xs.size)
    return _points([(x1, y1), (x1, y), (x, y), (x, y2), (x2, y2)], x.size)


def _points(corners: list[tuple[float | Floats, float | Floats]], count: int) -> Floats:
    points = np.empty((count, len(corners), 2))
    for i, (x, y) in enumerate(corners):
        points[:, i, 0], points[:, i, 1] = x, y
    return points


def _cost(corners: Floats, blocks: Floats, across: bool, wanted: tuple[bool, bool], length: float) -> Floats:
    """[K]: metres of block crossed, and corners and wrong ways as shares of the length."""
    pieces = np.abs(corners[:, 1:] - corners[:, :-1]).sum(axis=2) > INSIDE_M
    crossed = np.zeros(corners.shape[0])
    for i in (0, 1):
        crossed += _crossed(corners[:, i:4:2], corners[:, i + 1 :: 2], blocks, 0 if across == (i == 0) else 1)
    turns = pieces.sum(axis=1) - 1
    axis = np.array([across, not across, across, not across])
    leaves = axis[pieces.argmax(axis=1)]
    arrives = axis[3 - pieces[:, ::-1].argmax(axis=1)]
    wrong = (leaves != wanted[0]).astype(float) + (arrives != wanted[1])
    return crossed + length * (CORNER_COST * turns + WRONG_WAY_COST * wrong)


def _crossed(a: Floats, b: Floats, blocks: Floats, axis: int) -> Floats:
    """[K]: how much of the pieces a-b [K, 2, 2], which run along `axis`, lies inside blocks or at their edges."""
    other = 1 - axis
    ends, others = np.stack((a[..., axis], b[..., axis])), a[..., other, None]
    low, high = ends.min(0)[..., None], ends.max(0)[..., None]
    inside = (others > blocks[:, other] + INSIDE_M) & (others < blocks[:, other + 2] - INSIDE_M)
    near = (others >= blocks[:, other] - INSIDE_M) & (others <= blocks[:, other + 2] + INSIDE_M)
    shared = np.minimum(high, blocks[:, axis + 2]) - np.maximum(low, blocks[:, axis])
    weight = (1.0 - ALONG_EDGE_COST) * inside + ALONG_EDGE_COST * near
    return np.asarray((weight * np.maximum(shared, 0.0)).sum(axis=(1, 2)))


def _tidy(corners: Floats) -> tuple[Point, ...]:
    """Without points that are no corners."""
    points = [(float(x), float(y)) for x, y in corners]
    kept = [points[0]]
    for here, after in zip(points[1:], [*points[2:], None], strict=True):
        if abs(here[0] - kept[-1][0]) + abs(here[1] - kept[-1][1]) <= INSIDE_M and after is not None:
            continue
        straight = after is not None and any(
            abs(kept[-1][i] - here[i]) <= INSIDE_M and abs(here[i] - after[i]) <= INSIDE_M for i in (0, 1)
        )
        if not straight:
            kept.append(here)
    return tuple(kept)
