"""What one block is taken by while it is under the pointer or alone selected: ports for links, a corner to reshape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QGraphicsPixmapItem

from explorer import theme
from explorer.canvas import marks, style
from explorer.canvas.geometry import ACROSS, SIDES, bottom, port, right
from explorer.canvas.items import Z_HANDLE, BlockItem
from explorer.canvas.style import SCENE_PER_M

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

GRIP_PX = 9
LEAST_EDGE_PX = 24.0
"""A shorter edge has no handle: the handle would hide it."""


class Handles(QObject):
    """A ring in the middle of each edge of one block. Owned by the view, so that the theme lets go of it in time."""

    def __init__(self, view: Canvas) -> None:
        super().__init__(view)
        self._view = view
        self._block: str | None = None
        self._items: dict[str, QGraphicsPixmapItem] = {}
        for side in SIDES:
            item = marks.mark_item(marks.handle(style.current()))
            item.setOffset(-marks.HANDLE_PX / 2, -marks.HANDLE_PX / 2)
            item.setZValue(Z_HANDLE)
            item.hide()
            view.chip.addItem(item)
            self._items[side] = item
        self._grip = marks.mark_item(marks.grip(style.current()))
        self._grip.setOffset(-marks.GRIP_PX / 2, -marks.GRIP_PX / 2)
        self._grip.setZValue(Z_HANDLE)
        self._grip.hide()
        view.chip.addItem(self._grip)
        theme.notifier.changed.connect(self._restyle)

    def show_for(self, block_id: str | None) -> None:
        """Show the ports of a block, or none."""
        self._block = block_id if block_id in self._view.chip.blocks else None
        self.follow()

    def follow(self) -> None:
        """Keep to the block's edges, wherever it has gone."""
        block = self._view.chip.blocks.get(self._block) if self._block else None
        for side, item in self._items.items():
            if block is None or not self._fits(side):
                item.hide()
                continue
            x, y = port(block.rect, side)
            item.setPos(x * SCENE_PER_M, y * SCENE_PER_M)
            item.show()
        self._grip.setVisible(block is not None and self._reshapes(block))
        if block is not None:
            self._grip.setPos(right(block.rect) * SCENE_PER_M, bottom(block.rect) * SCENE_PER_M)

    def at(self, pos: QPoint) -> str | None:
        """The block whose visible port is under a pixel of the viewport."""
        for side, item in self._items.items():
            if item.isVisible() and self._block is not None:
                place = self._view.pixel(port(self._view.chip.blocks[self._block].rect, side))
                if max(abs(place.x() - pos.x()), abs(place.y() - pos.y())) <= GRIP_PX:
                    return self._block
        return None

    def corner_at(self, pos: QPoint) -> str | None:
        """The block whose corner grip is under a pixel of the viewport."""
        if not self._grip.isVisible() or self._block is None:
            return None
        rect = self._view.chip.blocks[self._block].rect
        place = self._view.pixel((right(rect), bottom(rect)))
        near = max(abs(place.x() - pos.x()), abs(place.y() - pos.y())) <= GRIP_PX
        return self._block if near else None

    def _reshapes(self, block: BlockItem) -> bool:
        """A selected block that is large enough on screen has a corner to pull; a memory strip has its own shape."""
        large = min(block.rect.width_m, block.rect.height_m) >= LEAST_EDGE_PX / 2 * self._view.m_per_px
        shapeable = block.block.kind != "dram" and not block.block.locked
        return large and shapeable and block.block.id in self._view.document.selection

    def _fits(self, side: str) -> bool:
        rect = self._view.chip.blocks[self._block or ""].rect
        edge = rect.height_m if side in ACROSS else rect.width_m
        return edge >= LEAST_EDGE_PX * self._view.m_per_px

    def _restyle(self) -> None:
        for item in self._items.values():
            item.setPixmap(marks.handle(style.current()))
        self._grip.setPixmap(marks.grip(style.current()))
