"""Where a new block goes: under the pointer, or at the first free place. Pure functions over designs; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from explorer.canvas.geometry import ACROSS, Point, centre, free_place, overlap
from explorer.canvas.snap import grid_step, to_grid
from explorer.presets import Preset
from hwlib.design.design import Block, Design, Placement
from hwlib.design.edit import add_block, new_block, replace_block
from hwlib.report import Rect

Footprints = Callable[[Design], Mapping[str, Rect]]
LYING, STANDING = 2.0, 0.5
"""Aspects that lay a memory strip along a horizontal or a vertical edge of the die."""
GAP_STEPS = 4
PROBES = 16
TOUCH_M = 1e-9


def die_rect(design: Design) -> Rect:
    """The die, its top left corner at the origin."""
    return Rect(0.0, 0.0, design.settings.die_width_m, design.settings.die_height_m)


LEAST_ASPECT, MOST_ASPECT = 0.02, 50.0
"""What a design file allows."""


def placement_at(x_m: float, y_m: float, aspect: float = 1.0) -> Placement:
    """A placement with its corner held within what a design file allows."""
    return Placement(x_m=min(max(x_m, -1.0), 1.0), y_m=min(max(y_m, -1.0), 1.0), aspect=aspect)


def named_block(design: Design, preset: Preset) -> Block:
    """A block of a preset at the origin, with an id and a name that the design lacks."""
    block = new_block(design, preset.kind, Placement(), preset.part)
    taken = {b.name for b in design.blocks}
    name, n = preset.name, 2
    while name in taken:
        name, n = f"{preset.name} {n}", n + 1
    return msgspec.structs.replace(block, name=name)


def placed(design: Design, preset: Preset, middle: Point, footprints: Footprints, step_m: float) -> Block:
    """A block of a preset with its middle at a point, its corner on the grid where `step_m` is above 0.

    Memory outside the die goes to the nearest edge.
    """
    block = named_block(design, preset)
    if preset.kind == "dram":
        place = Edge(design, block, footprints).placement(middle, step_m)
        return msgspec.structs.replace(block, placement=place)
    size = rect_of(design, block, footprints)
    x, y = middle[0] - size.width_m / 2, middle[1] - size.height_m / 2
    if step_m > 0:
        x, y = to_grid(x, step_m), to_grid(y, step_m)
    return msgspec.structs.replace(block, placement=placement_at(x, y))


def rect_of(design: Design, block: Block, footprints: Footprints) -> Rect:
    """The footprint that a block has, or would have, in the design."""
    known = any(b.id == block.id for b in design.blocks)
    return footprints(replace_block(design, block) if known else add_block(design, block))[block.id]


class Edge:
    """The ground around the die on which memory strips lie: along the upper, lower, left or right edge."""

    def __init__(self, design: Design, block: Block, footprints: Footprints) -> None:
        self._die = die_rect(design)
        flat, tall = (rect_of(design, _shaped(block, a), footprints) for a in (LYING, STANDING))
        self._lying, self._standing = (flat.width_m, flat.height_m), (tall.width_m, tall.height_m)

    def placement(self, middle: Point, step_m: float) -> Placement:
        """Outside the edge that is nearest to `middle`, along it as near as the edge's ends allow."""
        (x, y), die = middle, self._die
        ways = {"left": x, "right": die.width_m - x, "top": y, "bottom": die.height_m - y}
        side = min(ways, key=ways.__getitem__)
        if side in ACROSS:
            width, height = self._standing
            return placement_at(
                -width if side == "left" else die.width_m, _along(y, height, die.height_m, step_m), STANDING
            )
        width, height = self._lying
        return placement_at(_along(x, width, die.width_m, step_m), -height if side == "top" else die.height_m, LYING)

    def rect(self, place: Placement) -> Rect:
        """The strip at a placement."""
        width, height = self._lying if place.aspect >= 1 else self._standing
        return Rect(place.x_m, place.y_m, width, height)


def _along(middle: float, size: float, edge: float, step_m: float) -> float:
    if size >= edge:
        return (edge - size) / 2
    start = min(max(middle - size / 2, 0.0), edge - size)
    return min(to_grid(start, step_m), round(edge - size, 12)) if step_m > 0 else start


def _shaped(block: Block, aspect: float) -> Block:
    return msgspec.structs.replace(block, placement=msgspec.structs.replace(block.placement, aspect=aspect))


def placed_freely(design: Design, preset: Preset, footprints: Footprints) -> Block:
    """A block of a preset where nothing else is; in the middle of the die where it is full."""
    block = named_block(design, preset)
    rects = dict(footprints(add_block(design, block)))
    size = rects.pop(block.id)
    if preset.kind == "dram":
        place = _free_edge(Edge(design, block, footprints), die_rect(design), list(rects.values()))
        return msgspec.structs.replace(block, placement=place)
    die, step = die_rect(design), grid_step(design.settings.die_width_m, design.settings.die_height_m)
    for spacing in (GAP_STEPS * step, 0.0):
        found = free_place(die, (size.width_m, size.height_m), list(rects.values()), spacing)
        if found is not None:
            return msgspec.structs.replace(block, placement=placement_at(round(found[0], 12), round(found[1], 12)))
    return placed(design, preset, centre(die), footprints, step)


def _free_edge(edge: Edge, die: Rect, taken: list[Rect]) -> Placement:
    """The middle of the right, left, upper or lower edge, else beside its middle, else over another strip."""
    middle_x, middle_y = centre(die)
    offsets = sorted((i / PROBES - 0.5 for i in range(PROBES + 1)), key=abs)
    points: list[Point] = []
    for share in offsets:
        x, y = middle_x + share * die.width_m, middle_y + share * die.height_m
        points += [(die.width_m, y), (0.0, y), (x, 0.0), (x, die.height_m)]
    places = [edge.placement(point, 0.0) for point in points]
    free = (p for p in places if not any(overlap(edge.rect(p), r, -TOUCH_M) for r in taken))
    return next(free, places[0])
