"""Where the cost model says that blocks lie; sizes are kept while only places change, as in a drag."""

from __future__ import annotations

from collections.abc import Mapping

from hwlib.design.design import Design, Link, Settings
from hwlib.design.parts import AnyPart
from hwlib.report import Rect

Shape = tuple[str, AnyPart, float]


class ModelledFootprints:
    """Block id to its rectangle, as `hwlib.evaluate.footprints`."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._links: tuple[Link, ...] = ()
        self._shapes: list[Shape] = []
        self._sizes: list[tuple[float, float]] = []

    def __call__(self, design: Design) -> Mapping[str, Rect]:
        """The rectangles of a design's blocks in metres."""
        shapes = [(b.id, b.part, b.placement.aspect) for b in design.blocks]
        if design.settings == self._settings and shapes == self._shapes and design.links == self._links:
            places = zip(design.blocks, self._sizes, strict=True)
            return {b.id: Rect(b.placement.x_m, b.placement.y_m, *size) for b, size in places}
        from hwlib.evaluate import footprints

        rects = footprints(design)
        if len(rects) == len(shapes):
            self._settings, self._links, self._shapes = design.settings, design.links, shapes
            self._sizes = [(rects[b.id].width_m, rects[b.id].height_m) for b in design.blocks]
        return rects
