"""Plane geometry of the floorplan in metres: ports, routes of links, distances and free places. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hwlib.report import Rect

Point = tuple[float, float]
Side = str
SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")
ACROSS = ("left", "right")
"""The sides that a link leaves horizontally."""

NICE = (1.0, 2.0, 5.0)


def right(r: Rect) -> float:
    """The x of the right edge."""
    return r.x_m + r.width_m


def bottom(r: Rect) -> float:
    """The y of the lower edge."""
    return r.y_m + r.height_m


def centre(r: Rect) -> Point:
    """The middle of a rectangle."""
    return r.x_m + r.width_m / 2, r.y_m + r.height_m / 2


def moved(r: Rect, dx_m: float, dy_m: float) -> Rect:
    """The rectangle shifted."""
    return Rect(r.x_m + dx_m, r.y_m + dy_m, r.width_m, r.height_m)


def union(rects: Iterable[Rect]) -> Rect:
    """The smallest rectangle around all. Raises ValueError where there is none."""
    found = list(rects)
    x, y = min(r.x_m for r in found), min(r.y_m for r in found)
    return Rect(x, y, max(map(right, found)) - x, max(map(bottom, found)) - y)


def overlap(a: Rect, b: Rect, gap_m: float = 0.0) -> bool:
    """True where the two share area, or come closer to each other than `gap_m`."""
    return (
        a.x_m < right(b) + gap_m
        and b.x_m < right(a) + gap_m
        and a.y_m < bottom(b) + gap_m
        and b.y_m < bottom(a) + gap_m
    )


def contains(outer: Rect, inner: Rect, slack_m: float = 1e-9) -> bool:
    """True where `inner` lies in `outer`."""
    return (
        inner.x_m >= outer.x_m - slack_m
        and inner.y_m >= outer.y_m - slack_m
        and right(inner) <= right(outer) + slack_m
        and bottom(inner) <= bottom(outer) + slack_m
    )


def port(r: Rect, side: Side) -> Point:
    """The middle of one edge: "left", "right", "top" or "bottom"."""
    x, y = centre(r)
    return {"left": (r.x_m, y), "right": (right(r), y), "top": (x, r.y_m), "bottom": (x, bottom(r))}[side]


def nearest_side(r: Rect, goal: Point) -> Side:
    """The side whose middle is nearest to a point by the way that wires run: where the cost model lets links end."""
    ways = {side: abs(x - goal[0]) + abs(y - goal[1]) for side in SIDES for x, y in (port(r, side),)}
    return min(SIDES, key=ways.__getitem__)


def route(a: Rect, b: Rect) -> tuple[Point, ...]:
    """The corners of an orthogonal line between the ports of `a` and `b`, as long as their Manhattan distance."""
    side_a, side_b = nearest_side(a, centre(b)), nearest_side(b, centre(a))
    return _steps(port(a, side_a), port(b, side_b), side_a in ACROSS, side_b in ACROSS)


def route_to(a: Rect, point: Point) -> tuple[Point, ...]:
    """The corners of an orthogonal line from the nearest port of `a` to a point."""
    side = nearest_side(a, point)
    return _steps(port(a, side), point, side in ACROSS, side in ACROSS)


def _steps(start: Point, end: Point, across_first: bool, across_last: bool) -> tuple[Point, ...]:
    """From start to end, leaving and arriving across (else down): one straight, two or three pieces."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2 or y1 == y2:
        return start, end
    if across_first != across_last:
        return start, (x2, y1) if across_first else (x1, y2), end
    if across_first:
        middle = (x1 + x2) / 2
        return start, (middle, y1), (middle, y2), end
    middle = (y1 + y2) / 2
    return start, (x1, middle), (x2, middle), end


def distance(point: Point, corners: Sequence[Point]) -> float:
    """From a point to the nearest place of an orthogonal line."""
    best = math.inf
    for (x1, y1), (x2, y2) in pairwise(corners):
        dx = max(min(x1, x2) - point[0], 0.0, point[0] - max(x1, x2))
        dy = max(min(y1, y2) - point[1], 0.0, point[1] - max(y1, y2))
        best = min(best, math.hypot(dx, dy))
    return best


def nice_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that isn't below `least` (> 0)."""
    power = 10.0 ** math.floor(math.log10(least))
    for factor in NICE:
        if factor * power >= least * (1 - 1e-9):
            return factor * power
    return 10.0 * power


def free_place(die: Rect, size: tuple[float, float], taken: Sequence[Rect], gap_m: float) -> Point | None:
    """The top left corner of the first free place on the die in reading order, None where there is none.

    Candidates are the corners that the taken rectangles leave, `gap_m` away from them and from the die's edge.
    """
    width, height = size
    xs = sorted({die.x_m + gap_m, *(right(r) + gap_m for r in taken)})
    ys = sorted({die.y_m + gap_m, *(bottom(r) + gap_m for r in taken)})
    near = gap_m * (1 - 1e-6)
    for y in ys:
        for x in xs:
            place = Rect(x, y, width, height)
            if contains(die, place) and not any(overlap(place, r, near) for r in taken):
                return x, y
    return None
