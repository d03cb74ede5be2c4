"""Copies of blocks with the links among them: duplicates, arrays, and what the clipboard brings. Pure; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from explorer.canvas.geometry import Point, contains, moved, overlap, union
from explorer.canvas.placing import placement_at
from hwlib.design.design import Block, Design, Link
from hwlib.report import Rect

MOST_STEPS = 4
"""A copy that lies further from its original is lost from sight."""


class Fresh:
    """Hands out ids and names that a design does not have, each once."""

    def __init__(self, design: Design) -> None:
        self._ids = {b.id for b in design.blocks} | {link.id for link in design.links}
        self._names = {b.name for b in design.blocks}
        self._next: dict[str, int] = {}

    def id(self, stem: str) -> str:
        """`stem`, or `stem-2`, `stem-3`, …"""
        n, found = self._next.get(f"id {stem}", 1), stem
        while found in self._ids:
            n += 1
            found = f"{stem}-{n}"
        self._next[f"id {stem}"] = n
        self._ids.add(found)
        return found

    def name(self, wanted: str) -> str:
        """`wanted` itself where it is free, else with the next number that no block has."""
        if wanted in self._names:
            stem, n = _numbered(wanted)
            n = self._next.get(f"name {stem}", n)
            while f"{stem} {n}" in self._names:
                n += 1
            self._next[f"name {stem}"] = n
            wanted = f"{stem} {n}"
        self._names.add(wanted)
        return wanted


def _numbered(name: str) -> tuple[str, int]:
    """A name without its number, and the number to try next."""
    stem, _, number = name.rpartition(" ")
    if stem and number.isdecimal() and len(number) < 6:
        return stem, int(number) + 1
    return name[:190], 2


def with_copies(
    design: Design, blocks: Sequence[Block], links: Iterable[Link], places: Sequence[Mapping[str, Point]]
) -> tuple[Design, frozenset[str]]:
    """The design with one set of copies for each of `places` (block id -> corner in metres); and the new blocks' ids.

    Links between two of `blocks` are copied among their copies; a link from one of them to a block of the design
    joins its copies to that same block.
    """
    fresh, known = Fresh(design), {b.id for b in design.blocks}
    wanted, new_blocks, new_links = list(links), list[Block](), list[Link]()
    for corners in places:
        ids = {b.id: fresh.id(b.kind) for b in blocks}
        new_blocks += [_copy(b, ids[b.id], fresh.name(b.name), corners[b.id]) for b in blocks]
        for link in wanted:
            ends = [ids.get(end, end if end in known else "") for end in (link.source, link.target)]
            if all(ends):
                changed = {"id": fresh.id("link"), "source": ends[0], "target": ends[1]}
                new_links.append(msgspec.structs.replace(link, **changed))
    after = msgspec.structs.replace(design, blocks=(*design.blocks, *new_blocks), links=(*design.links, *new_links))
    return after, frozenset(b.id for b in new_blocks)


def _copy(block: Block, new_id: str, name: str, corner: Point) -> Block:
    place = placement_at(round(corner[0], 12), round(corner[1], 12), block.placement.aspect)
    return msgspec.structs.replace(block, id=new_id, name=name, placement=place, locked=False)


def corners_of(rects: Mapping[str, Rect], dx_m: float = 0.0, dy_m: float = 0.0) -> dict[str, Point]:
    """The upper left corner of each, shifted."""
    return {i: (r.x_m + dx_m, r.y_m + dy_m) for i, r in rects.items()}


def beside(frame: Rect, die: Rect, taken: Sequence[Rect], gap_m: float) -> Point | None:
    """How far to shift what fills `frame` onto free ground, to the right, below, left or above.

    What lies on the die stays on it, and what lies along its edge off it. None where there is no free ground within
    `MOST_STEPS` times its size.
    """
    across, down = frame.width_m + gap_m, frame.height_m + gap_m
    room, on_die = union([die, frame]), overlap(frame, die)
    for n in range(1, MOST_STEPS + 1):
        for dx, dy in ((n * across, 0.0), (0.0, n * down), (-n * across, 0.0), (0.0, -n * down)):
            goal = moved(frame, dx, dy)
            if contains(room, goal) and overlap(goal, die) == on_die and not any(overlap(goal, r) for r in taken):
                return dx, dy
    return None


def inner_links(design: Design, ids: Iterable[str]) -> list[Link]:
    """The links between two of these blocks."""
    chosen = set(ids)
    return [link for link in design.links if link.source in chosen and link.target in chosen]


def outer_links(design: Design, ids: Iterable[str]) -> list[Link]:
    """The links from one of these blocks to a block that is none of them."""
    chosen = set(ids)
    return [link for link in design.links if (link.source in chosen) != (link.target in chosen)]


def duplicated(
    design: Design, ids: Iterable[str], rects: Mapping[str, Rect], shift_m: tuple[float, float]
) -> tuple[Design, frozenset[str]]:
    """The design with copies of blocks and of the links among them, shifted; and the ids of the new blocks."""
    chosen = list(ids)
    blocks = [design.block(i) for i in chosen]
    return with_copies(design, blocks, inner_links(design, chosen), [corners_of(rects, *shift_m)])


def arrayed(
    design: Design, rects: Mapping[str, Rect], rows: int, columns: int, gap_m: float, linked: bool
) -> tuple[Design, frozenset[str]]:
    """The design with the blocks of `rects` repeated in rows and columns, themselves in the upper left; and all ids.

    With `linked` each copy is linked to the blocks beyond that its original is linked to.
    """
    frame = union(rects.values())
    across, down = frame.width_m + gap_m, frame.height_m + gap_m
    cells = [(c, r) for r in range(rows) for c in range(columns) if (c, r) != (0, 0)]
    places = [corners_of(rects, c * across, r * down) for c, r in cells]
    links = inner_links(design, rects) + (outer_links(design, rects) if linked else [])
    after, new = with_copies(design, [design.block(i) for i in rects], links, places)
    return after, new | rects.keys()
