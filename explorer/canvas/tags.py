"""Small labels of constant size over the drawn chip, and those that say what a link carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QGraphicsScene, QGraphicsSimpleTextItem

from explorer.canvas.geometry import Point
from explorer.canvas.items import Z_HANDLE, rounded
from explorer.canvas.style import SCENE_PER_M, Style, cosmetic

PAD_X_PX, PAD_Y_PX, ROUND_PX = 6.0, 3.0, 4.0
MOST_TAGS = 6
"""With more links selected nobody could tell whose label is whose."""


class Tag:
    """One label. `strong` is one to click on."""

    def __init__(self, scene: QGraphicsScene, strong: bool = False) -> None:
        self._strong = strong
        self._card = QGraphicsPathItem()
        self._card.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self._card.setZValue(Z_HANDLE + 1)
        self._text = QGraphicsSimpleTextItem(self._card)
        self._card.hide()
        self._at: Point = (0.0, 0.0)
        scene.addItem(self._card)

    @property
    def text(self) -> str:
        """What it says, empty while it is hidden."""
        return self._text.text() if self._card.isVisible() else ""

    def show(self, text: str, at: Point, offset_px: tuple[float, float], style: Style) -> None:
        """Say something with its middle `offset_px` pixels from a place of the floorplan (metres)."""
        theme = style.theme
        self._text.setFont(style.name_font if self._strong else style.figure_font)
        self._text.setText(text)
        size = self._text.boundingRect().size()
        self._text.setPos(offset_px[0] - size.width() / 2, offset_px[1] - size.height() / 2)
        box = QRectF(self._text.pos(), size).adjusted(-PAD_X_PX, -PAD_Y_PX, PAD_X_PX, PAD_Y_PX)
        self._card.setPath(rounded(box, ROUND_PX))
        self._card.setBrush(QColor(theme.accent if self._strong else theme.base))
        self._card.setPen(cosmetic(QColor(theme.accent if self._strong else theme.border)))
        self._text.setBrush(QColor(theme.on_accent if self._strong else theme.text))
        self._at = at
        self._card.setPos(at[0] * SCENE_PER_M, at[1] * SCENE_PER_M)
        self._card.show()

    def hide(self) -> None:
        """Say nothing."""
        self._card.hide()

    def box(self, origin: QPointF) -> QRectF:
        """The pixels that it covers where its place is seen at `origin`; empty while it is hidden."""
        return self._card.path().boundingRect().translated(origin) if self._card.isVisible() else QRectF()

    @property
    def at(self) -> Point:
        """The place of the floorplan that it belongs to (metres)."""
        return self._at


class LinkTags:
    """What links carry, written beside those that are selected or under the pointer."""

    OFFSET_PX = 15.0

    def __init__(self, scene: QGraphicsScene, says: Callable[[str], str]) -> None:
        self._scene, self._says = scene, says
        self._tags: dict[str, Tag] = {}
        self._spare: list[Tag] = []

    def show(self, links: Mapping[str, Sequence[Point]], style: Style) -> None:
        """Label these links, given by id with their corners, and no others."""
        for gone in self._tags.keys() - links.keys():
            self._tags[gone].hide()
            self._spare.append(self._tags.pop(gone))
        for link_id, corners in links.items():
            if link_id not in self._tags:
                self._tags[link_id] = self._spare.pop() if self._spare else Tag(self._scene)
            place, level = middle_of_longest(corners)
            half = self.OFFSET_PX if level else 0.0
            self._tags[link_id].show(self._says(link_id), place, (0.0, -half), style)

    def texts(self) -> dict[str, str]:
        """What is said now, by link."""
        return {link_id: tag.text for link_id, tag in self._tags.items()}


def middle_of_longest(corners: Sequence[Point]) -> tuple[Point, bool]:
    """The middle of the longest piece of an orthogonal line, and whether that piece runs across."""
    (x1, y1), (x2, y2) = max(pairwise(corners), key=lambda p: abs(p[1][0] - p[0][0]) + abs(p[1][1] - p[0][1]))
    return ((x1 + x2) / 2, (y1 + y2) / 2), abs(x2 - x1) >= abs(y2 - y1)
