"""Edits of a selection that are no drag: naming, turning, locking, renaming. Pure functions over designs; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from explorer.canvas.geometry import centre
from explorer.canvas.placing import LEAST_ASPECT, LYING, MOST_ASPECT, STANDING, placement_at
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


def reshaped(design: Design, ids: Iterable[str], rects: Mapping[str, Rect], wider_m: float, least_m: float) -> Design:
    """The design with blocks that much wider, and as much lower as their areas ask for; memory strips stay."""
    placements = {}
    for block_id in ids:
        block, rect = design.block(block_id), rects[block_id]
        if block.kind != "dram":
            width = max(rect.width_m + wider_m, least_m)
            aspect = width * width / (rect.width_m * rect.height_m)
            place = block.placement
            placements[block_id] = placement_at(place.x_m, place.y_m, min(max(aspect, LEAST_ASPECT), MOST_ASPECT))
    return edit.move_blocks(design, placements)


def _turned_aspect(block: Block) -> float:
    """A memory strip lies or stands; anything else swaps its sides."""
    if block.kind == "dram":
        return STANDING if block.placement.aspect >= 1 else LYING
    return 1 / block.placement.aspect


def locked(design: Design, ids: Iterable[str], lock: bool) -> Design:
    """The design with blocks locked in their places, or free again."""
    chosen = set(ids)
    blocks = tuple(msgspec.structs.replace(b, locked=lock) if b.id in chosen else b for b in design.blocks)
    return msgspec.structs.replace(design, blocks=blocks)


def renamed(design: Design, block_id: str, name: str) -> Design:
    """The design with one block called otherwise. Raises EditError for a name that no file may hold."""
    block = msgspec.structs.replace(design.block(block_id), name=name)
    return edit.replace_block(design, edit.checked(block, Block))
