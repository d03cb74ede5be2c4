"""Where the cost model says that blocks lie; sizes are kept while only places change, as in a drag."""

from __future__ import annotations

from collections.abc import Mapping

from hwlib.design.design import Block, Design, Link, Settings
from hwlib.report import Rect


class ModelledFootprints:
    """Block id to its rectangle, as `hwlib.evaluate.footprints`. A block that is the same keeps the very same Rect."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._links: tuple[Link, ...] = ()
        self._blocks: tuple[Block, ...] = ()
        self._rects: dict[str, Rect] = {}

    def __call__(self, design: Design) -> Mapping[str, Rect]:
        """The rectangles of a design's blocks in metres."""
        rects = self._moved(design)
        if rects is None:
            from hwlib.evaluate import footprints

            rects = dict(footprints(design))
        known = len(rects) == len(design.blocks)
        self._settings, self._links = (design.settings if known else None), design.links
        self._blocks, self._rects = design.blocks, rects
        return rects

    def _moved(self, design: Design) -> dict[str, Rect] | None:
        """The rectangles where nothing but places has changed since the last call, else None."""
        if design.settings != self._settings or len(design.blocks) != len(self._blocks):
            return None
        if design.links is not self._links and design.links != self._links:
            return None
        rects = self._rects.copy()
        for before, block in zip(self._blocks, design.blocks, strict=True):
            if block is before:
                continue
            same = before.id == block.id and before.placement.aspect == block.placement.aspect
            if not same or before.part != block.part:
                return None
            size = rects[block.id]
            rects[block.id] = Rect(block.placement.x_m, block.placement.y_m, size.width_m, size.height_m)
        return rects
