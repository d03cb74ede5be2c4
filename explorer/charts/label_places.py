"""Where words find room near their points: plain arithmetic in pixels, as it runs with every frame of a drag. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge."""
Line = tuple[float, float, float, float]
"""x0, y0, x1, y1 with x0 <= x1."""


def around(x: float, y: float, width: float, height: float, gap: float, sides: str) -> Iterator[Box]:
    """The boxes of a size beside a point, in the order of `sides`: r(ight), l(eft), a(bove), b(elow).

    Corners, for words along sloped or flat lines: A and B right above and below, Z and Y left of that.
    """
    for side in sides:
        left = x - width if side in "ZY" else x - gap - width if side == "l" else x + gap if side == "r" else x
        if side in "ab":
            left = x - width / 2
        top = y - height / 2 if side in "rl" else y - gap - height if side in "aAZ" else y + gap
        yield left, top, left + width, top + height


def first_free(
    candidates: Iterable[Box], room: Box, taken: Sequence[Box], lines: Sequence[Line], from_x: float, optional: bool
) -> Box | None:
    """The first candidate in `room` that nothing else takes and no line crosses, else the first that nothing takes.

    None where there is none, or only one on a line and the words are `optional`.
    """
    second_best = None
    for box in candidates:
        left, top, right, bottom = box
        if left < from_x or left < room[0] or top < room[1] or right > room[2] or bottom > room[3]:
            continue
        if any(left < t[2] and t[0] < right and top < t[3] and t[1] < bottom for t in taken):
            continue
        if not any(crosses(box, line) for line in lines):
            return box
        second_best = second_best or box
    return None if optional else second_best


def crosses(box: Box, line: Line) -> bool:
    """True where a line runs through a box."""
    x0, y0, x1, y1 = line
    left, right = max(x0, box[0]), min(x1, box[2])
    if left > right:
        return False
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    a, b = y0 + (left - x0) * slope, y0 + (right - x0) * slope
    return max(a, b) >= box[1] and min(a, b) <= box[3]
