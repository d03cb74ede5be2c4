"""Names of blocks that are too small for them, written beside: where no other block and no other name is in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene, QGraphicsSimpleTextItem

from explorer.canvas.items import Z_LABEL, BlockItem, scene_rect
from explorer.canvas.style import Style

MOST_BLOCKS = 60
"""With more blocks their names would cover each other's neighbours."""
LEAST_PX = 5.0
"""Smaller blocks are specks: a name beside them would say more than there is to see."""
LONGEST_PX = 120.0
GAP_PX = 4.0


class Callouts:
    """The names beside blocks in one scene."""

    def __init__(self, scene: QGraphicsScene) -> None:
        self._scene = scene
        self._items: list[QGraphicsSimpleTextItem] = []
        self._shown: dict[str, str] = {}

    @property
    def shown(self) -> dict[str, str]:
        """What is written beside blocks now, by id."""
        return dict(self._shown)

    def show(self, blocks: Iterable[BlockItem], scale: float, visible: QRectF, style: Style) -> None:
        """Name the blocks in sight that bear no name, at `scale` pixels per scene unit."""
        blocks = list(blocks)
        self._shown = {}
        nameless = [b for b in blocks if not b.named] if len(blocks) <= MOST_BLOCKS and scale > 0 else []
        taken = [scene_rect(b.rect) for b in blocks] if nameless else []
        metrics = style.figure_metrics
        for block in nameless:
            box = scene_rect(block.rect)
            if not visible.intersects(box) or min(box.width(), box.height()) * scale < LEAST_PX:
                continue
            text = metrics.elidedText(block.block.name, Qt.TextElideMode.ElideRight, LONGEST_PX)
            size = QSizeF(metrics.horizontalAdvance(text) / scale, metrics.height() / scale)
            place = next((p for p in _places(box, size, GAP_PX / scale) if _free(p, taken, visible)), None)
            if place is not None:
                taken.append(place)
                self._write(block.block.id, text, place.topLeft(), style)
        for item in self._items[len(self._shown) :]:
            item.setVisible(False)

    def _write(self, block_id: str, text: str, at: QPointF, style: Style) -> None:
        if len(self._shown) == len(self._items):
            item = QGraphicsSimpleTextItem()
            item.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
            item.setZValue(Z_LABEL)
            self._scene.addItem(item)
            self._items.append(item)
        item = self._items[len(self._shown)]
        item.setFont(style.figure_font)
        item.setBrush(QColor(style.theme.text))
        item.setText(text)
        item.setPos(at)
        item.setVisible(True)
        self._shown[block_id] = text


def _places(box: QRectF, size: QSizeF, gap: float) -> Iterator[QRectF]:
    """Where a name may stand: right, left, below and above of a block, in the middle of its side."""
    middle = box.center()
    for x, y in (
        (box.right() + gap, middle.y() - size.height() / 2),
        (box.left() - gap - size.width(), middle.y() - size.height() / 2),
        (middle.x() - size.width() / 2, box.bottom() + gap / 2),
        (middle.x() - size.width() / 2, box.top() - gap / 2 - size.height()),
    ):
        yield QRectF(QPointF(x, y), size)


def _free(place: QRectF, taken: Iterable[QRectF], visible: QRectF) -> bool:
    return visible.contains(place) and not any(place.intersects(other) for other in taken)
