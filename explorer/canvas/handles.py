"""The four ports of one block, shown while it is under the pointer or alone selected: links start here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QGraphicsPixmapItem

from explorer import theme
from explorer.canvas import marks, style
from explorer.canvas.geometry import ACROSS, SIDES, port
from explorer.canvas.items import Z_HANDLE
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

    def at(self, pos: QPoint) -> str | None:
        """The block whose visible port is under a pixel of the viewport."""
        for side, item in self._items.items():
            if item.isVisible() and self._block is not None:
                place = self._view.pixel(port(self._view.chip.blocks[self._block].rect, side))
                if max(abs(place.x() - pos.x()), abs(place.y() - pos.y())) <= GRIP_PX:
                    return self._block
        return None

    def _fits(self, side: str) -> bool:
        rect = self._view.chip.blocks[self._block or ""].rect
        edge = rect.height_m if side in ACROSS else rect.width_m
        return edge >= LEAST_EDGE_PX * self._view.m_per_px

    def _restyle(self) -> None:
        for item in self._items.values():
            item.setPixmap(marks.handle(style.current()))
