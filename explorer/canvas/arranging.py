"""Aligning blocks and spreading them evenly. Pure functions over designs and the drawn rectangles; no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from explorer.canvas.geometry import bottom, right, union
from explorer.canvas.placing import placement_at
from hwlib.design import edit
from hwlib.design.design import Design, Placement
from hwlib.report import Rect

Way = Literal["left", "centre", "right", "top", "middle", "bottom"]
Axis = Literal["across", "down"]
WORDS: dict[Way, str] = {
    "left": "Align left edges of", "centre": "Align centres of", "right": "Align right edges of",
    "top": "Align upper edges of", "middle": "Align middles of", "bottom": "Align lower edges of",
}  # fmt: skip


def aligned(design: Design, rects: Mapping[str, Rect], frame: Rect, way: Way) -> Design:
    """The design with each block of `rects` at one edge, or on the middle line, of `frame`."""
    return edit.move_blocks(design, {i: _kept(design, i, *_corner(r, frame, way)) for i, r in rects.items()})


def _corner(r: Rect, frame: Rect, way: Way) -> tuple[float, float]:
    match way:
        case "left":
            return frame.x_m, r.y_m
        case "centre":
            return frame.x_m + (frame.width_m - r.width_m) / 2, r.y_m
        case "right":
            return right(frame) - r.width_m, r.y_m
        case "top":
            return r.x_m, frame.y_m
        case "middle":
            return r.x_m, frame.y_m + (frame.height_m - r.height_m) / 2
        case "bottom":
            return r.x_m, bottom(frame) - r.height_m


def distributed(design: Design, rects: Mapping[str, Rect], axis: Axis) -> Design:
    """The design with equal gaps between blocks; the two outermost stay where they are. Two or fewer stay as they are.

    Where the blocks are longer than the ground between the outer edges, they overlap by equal amounts.
    """
    across = axis == "across"
    order = sorted(rects, key=lambda i: rects[i].x_m if across else rects[i].y_m)
    if len(order) < 3:
        return design
    frame = union(rects.values())
    room = frame.width_m if across else frame.height_m
    gap = (room - sum(_size(rects[i], across) for i in order)) / (len(order) - 1)
    at, places = (frame.x_m if across else frame.y_m), dict[str, Placement]()
    for block_id in order:
        r = rects[block_id]
        places[block_id] = _kept(design, block_id, at if across else r.x_m, r.y_m if across else at)
        at += _size(r, across) + gap
    return edit.move_blocks(design, places)


def gaps(rects: Mapping[str, Rect], axis: Axis) -> list[float]:
    """The gaps between neighbours along an axis, in their order (metres)."""
    if axis == "across":
        spans = sorted((r.x_m, right(r)) for r in rects.values())
    else:
        spans = sorted((r.y_m, bottom(r)) for r in rects.values())
    return [b[0] - a[1] for a, b in pairwise(spans)]


def _size(r: Rect, across: bool) -> float:
    return r.width_m if across else r.height_m


def _kept(design: Design, block_id: str, x_m: float, y_m: float) -> Placement:
    return placement_at(round(x_m, 12), round(y_m, 12), design.block(block_id).placement.aspect)
