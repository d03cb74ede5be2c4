"""Edits of a selection that are no drag: delete, duplicate, turn, nudge. Pure functions over designs; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from explorer.canvas.geometry import centre
from explorer.canvas.placing import LYING, STANDING, placement_at
from hwlib.design import edit
from hwlib.design.design import Block, Design
from hwlib.report import Rect


def naming(design: Design, ids: Iterable[str]) -> str:
    """How an undo step calls a selection: a block's name, "link", or how many things."""
    chosen = list(ids)
    if len(chosen) != 1:
        return f"{len(chosen)} items"
    return next((b.name for b in design.blocks if b.id == chosen[0]), "link")


def turned(design: Design, ids: Iterable[str], rects: Mapping[str, Rect]) -> Design:
    """The design with blocks turned by 90 degrees about their middles (width and height swapped)."""
    placements = {}
    for block_id in ids:
        rect = rects[block_id]
        x, y = centre(rect)
        new = placement_at(
            round(x - rect.height_m / 2, 12), round(y - rect.width_m / 2, 12), _turned_aspect(design.block(block_id))
        )
        placements[block_id] = new
    return edit.move_blocks(design, placements)


def _turned_aspect(block: Block) -> float:
    """A memory strip lies or stands; anything else swaps its sides."""
    if block.kind == "dram":
        return STANDING if block.placement.aspect >= 1 else LYING
    return 1 / block.placement.aspect


def duplicated(
    design: Design, ids: Iterable[str], rects: Mapping[str, Rect], shift_m: tuple[float, float]
) -> tuple[Design, frozenset[str]]:
    """The design with copies of blocks and of the links among them, shifted; and the ids of the new blocks."""
    copies: dict[str, str] = {}
    for block_id in ids:
        block = design.block(block_id)
        new_id = edit.unique_id(design, block.kind)
        place = placement_at(
            round(rects[block_id].x_m + shift_m[0], 12), round(rects[block_id].y_m + shift_m[1], 12),
            block.placement.aspect,
        )  # fmt: skip
        copy = msgspec.structs.replace(block, id=new_id, name=_free_name(design, block.name), placement=place)
        design = edit.add_block(design, copy)
        copies[block_id] = new_id
    for link in design.links:
        if link.source in copies and link.target in copies:
            design = edit.connect(
                design, copies[link.source], copies[link.target], width_bits=link.width_bits, clock_Hz=link.clock_Hz
            )
    return design, frozenset(copies.values())


def _free_name(design: Design, name: str) -> str:
    """`name` with the next number that no block has."""
    taken = {b.name for b in design.blocks}
    stem, _, number = name.rpartition(" ")
    stem, n = (stem, int(number)) if stem and number.isdecimal() and len(number) < 6 else (name, 1)
    while f"{stem} {n}" in taken or n == 1:
        n += 1
    return f"{stem} {n}"
