"""Weights dragged onto the chip: which memories can take them, and where they are about to be let go of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QGraphicsRectItem

from explorer import pins
from explorer.canvas import style
from explorer.canvas.geometry import centre
from explorer.canvas.items import Z_GUIDE, scene_rect
from explorer.canvas.style import cosmetic
from explorer.canvas.tags import Tag
from explorer.words import operator_word

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

EDGE_PX, STRONG_EDGE_PX = 2.0, 4.0
FILL_ALPHA = 50


class PinTarget:
    """Outlines the blocks that can hold what is carried; the one under the pointer says what letting go does."""

    def __init__(self, view: Canvas) -> None:
        self._view = view
        self._carried = ""
        self._outlines: dict[str, QGraphicsRectItem] = {}
        self._tag: Tag | None = None
        self._over: str | None = None

    @property
    def carrying(self) -> bool:
        """Weights are being dragged over the canvas."""
        return bool(self._carried)

    @property
    def words(self) -> str:
        """What letting go here does, or why it does nothing; empty over no block."""
        return self._tag.text if self._tag is not None else ""

    def enter(self, event: QDragEnterEvent) -> bool:
        """A drag comes in; True where it carries weights."""
        self.leave()
        self._carried = pins.from_mime(event.mimeData()) or ""
        if self._carried:
            self._outline()
        return self.carrying

    def carry(self, event: QDragMoveEvent | QDropEvent) -> str | None:
        """The block that a drop here pins to, None where there is none or it can't hold that."""
        if not self._carried:
            return None
        found = self._view.chip.block_at(self._view.floor(event.position().toPoint()))
        if found != self._over:
            self._over = found
            self._show(found)
        return found if found in self._outlines else None

    def drop(self, block_id: str) -> None:
        """Pin what is carried to a block that can hold it."""
        pins.pin(self._view.document, self._carried, block_id)

    def leave(self) -> None:
        """The drag is over, or elsewhere."""
        for item in self._outlines.values():
            self._view.chip.removeItem(item)
        self._outlines.clear()
        if self._tag is not None:
            self._tag.hide()
        self._carried, self._over = "", None

    def _outline(self) -> None:
        chip, design = self._view.chip, self._view.document.design
        for block_id, drawn in chip.blocks.items():
            if not pins.refusal(design, self._carried, block_id):
                item = QGraphicsRectItem(scene_rect(drawn.rect))
                item.setZValue(Z_GUIDE)
                chip.addItem(item)
                self._outlines[block_id] = item
        self._show(None)

    def _show(self, over: str | None) -> None:
        accent = QColor(style.current().theme.accent)
        for block_id, item in self._outlines.items():
            strong = block_id == over
            item.setPen(cosmetic(accent, STRONG_EDGE_PX if strong else EDGE_PX, Qt.PenStyle.SolidLine))
            fill = QColor(accent)
            fill.setAlpha(FILL_ALPHA if strong else 0)
            item.setBrush(fill)
        if over is None:
            if self._tag is not None:
                self._tag.hide()
            return
        if self._tag is None:
            self._tag = Tag(self._view.chip, strong=True)
        self._tag.show(self._said(over), centre(self._view.chip.blocks[over].rect), (0.0, 0.0), style.current())

    def _said(self, over: str) -> str:
        block = self._view.chip.blocks[over].block
        if over in self._outlines:
            return f"Pin {operator_word(self._carried)} to {block.name}"
        return pins.refusal(self._view.document.design, self._carried, over)
