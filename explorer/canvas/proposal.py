"""What an unconnected block is best linked to: drawn as a dashed way with a label that links them by one click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QPointF, Qt
from PySide6.QtWidgets import QGraphicsPathItem

from explorer import theme
from explorer.canvas import style
from explorer.canvas.geometry import Point, bottom, centre, route
from explorer.canvas.items import Z_GUIDE, scene_path
from explorer.canvas.style import cosmetic
from explorer.canvas.tags import Tag
from hwlib.design.design import Design
from hwlib.report import Rect

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

COMPUTE = ("compute_array", "vector_unit", "crossbar")
WANTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "compute_array": (("noc", "sram"), ("dram",)),
    "vector_unit": (("noc", "sram"), ("dram",)),
    "crossbar": (("noc", "sram"), ("dram",)),
    "sram": (("noc",), ("dram",), COMPUTE),
    "dram": (("noc", "sram"), COMPUTE),
    "noc": (("sram",), ("dram",), COMPUTE),
    "port": (("noc",), ("sram",), ("dram",)),
}
"""By kind: what a block is linked to, in the order of preference; of one group the nearest."""
BELOW_PX = 26.0
KEEP_PX = 60
"""How far from the view's lower edge the label keeps; nearer to it, it stands above the block."""


def unlinked(design: Design, block_id: str) -> bool:
    """True for a block without any link."""
    return not any(block_id in (link.source, link.target) for link in design.links)


def partner(design: Design, rects: Mapping[str, Rect], block_id: str) -> str | None:
    """The block that an unlinked block is best linked to; None where there is none, or it has links."""
    if block_id not in rects or not unlinked(design, block_id):
        return None
    kinds = {b.id: b.kind for b in design.blocks if b.id != block_id and b.id in rects}
    here = centre(rects[block_id])
    for group in WANTED[design.block(block_id).kind]:
        near = [(_away(here, rects[i]), i) for i, kind in kinds.items() if kind in group]
        if near:
            return min(near)[1]
    return None


def _away(point: Point, rect: Rect) -> float:
    """The way of a wire from a point to a rectangle."""
    x, y = point
    across = max(rect.x_m - x, 0.0, x - rect.x_m - rect.width_m)
    return across + max(rect.y_m - y, 0.0, y - rect.y_m - rect.height_m)


class Proposal(QObject):
    """Shows the one proposal for the block that alone is selected. Owned by the view, as its handles are."""

    def __init__(self, view: Canvas) -> None:
        super().__init__(view)
        self._view = view
        self.ends: tuple[str, str] | None = None
        """The unlinked block and what it would be linked to."""
        self._line = QGraphicsPathItem()
        self._line.setZValue(Z_GUIDE)
        self._line.hide()
        view.chip.addItem(self._line)
        self._tag = Tag(view.chip, strong=True)
        theme.notifier.changed.connect(self.follow)

    @property
    def text(self) -> str:
        """What the label says, empty where nothing is proposed."""
        return self._tag.text

    def follow(self) -> None:
        """Propose for what is selected now, unless the user is busy with something else."""
        view, chosen = self._view, self._view.document.selection
        block_id = next(iter(chosen)) if len(chosen) == 1 else ""
        target = None
        if block_id in view.chip.blocks and view.gesture is None and view.mode == "select":
            rects = {i: item.rect for i, item in view.chip.blocks.items()}
            target = partner(view.document.design, rects, block_id)
        self.ends = (block_id, target) if target is not None else None
        self._line.setVisible(target is not None)
        if target is None:
            self._tag.hide()
        else:
            self._draw(view.chip.blocks[block_id].rect, view.chip.blocks[target].rect, target)

    def _draw(self, a: Rect, b: Rect, target: str) -> None:
        look = style.current()
        self._line.setPath(scene_path(route(a, b)))
        self._line.setPen(cosmetic(look.accent, 2.0, Qt.PenStyle.DashLine))
        x = centre(a)[0]
        text = f"Connect to {self._view.document.design.block(target).name}  ⏎"
        low = self._view.pixel((x, bottom(a))).y() > self._view.viewport().height() - KEEP_PX
        place, offset = ((x, a.y_m), -BELOW_PX) if low else ((x, bottom(a)), BELOW_PX)
        self._tag.show(text, place, (0.0, offset), look)

    def at(self, pos: QPoint) -> bool:
        """True where a pixel of the viewport is on the label."""
        return self._tag.box(QPointF(self._view.pixel(self._tag.at))).contains(QPointF(pos))

    def accept(self) -> bool:
        """Link the two; False where nothing is proposed."""
        if self.ends is None:
            return False
        self._view.connect_blocks(*self.ends)
        return True
