"""The bars of a waterfall: totals from zero, changes hanging between where the one before ended and they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.charts.chart import text_width
from explorer.charts.items import LEFT_MIDDLE, TEXT_GAP_PX, PixelItem
from explorer.charts.legend import fill_swatch

MOST_BAR_PX = 30.0


@dataclass(frozen=True)
class Fall:
    """A row of the waterfall from `start` to `end` on the axis, with words at its end."""

    start: float
    end: float
    color: str
    pattern: Qt.BrushStyle | None
    label: str
    total: bool


class FallsItem(PixelItem):
    """Rows from y = 0 downwards, joined by thin lines."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.falls: tuple[Fall, ...] = ()
        self.hovered: int | None = None

    def set_falls(self, falls: Sequence[Fall]) -> None:
        """Replaces the rows."""
        self.falls = tuple(falls)
        self.update()

    def set_hovered(self, row: int | None) -> None:
        """Tints the row under the pointer."""
        if row != self.hovered:
            self.hovered = row
            self.update()

    def row_at(self, pos: QPointF) -> int | None:
        """The row at a point of the view box."""
        if not self.boundingRect().contains(pos):
            return None
        return next((i for i in range(len(self.falls)) if self._row(i).contains(pos)), None)

    def _row(self, index: int) -> QRectF:
        top, bottom = self.to_pixels(0.0, index).y(), self.to_pixels(0.0, index + 1).y()
        return QRectF(0.0, top, self.boundingRect().width(), bottom - top)

    def rect_of(self, index: int) -> QRectF:
        """Where a row's bar lies, in pixels."""
        row, fall = self._row(index), self.falls[index]
        left = self.to_pixels(min(fall.start, fall.end), 0.0).x()
        right = self.to_pixels(max(fall.start, fall.end), 0.0).x()
        height = min(MOST_BAR_PX, max(4.0, row.height() * 0.68))
        return QRectF(left, row.center().y() - height / 2, max(right - left, 1.0), height)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = theme.current()
        painter.setFont(theme.text_font())
        for i, fall in enumerate(self.falls):
            if i == self.hovered:
                painter.fillRect(self._row(i), QColor(theme.mix(t.base, t.accent, 0.08)))
            rect = self.rect_of(i)
            if i + 1 < len(self.falls):
                x = round(self.to_pixels(fall.end, 0.0).x())
                below = self.rect_of(i + 1)
                painter.fillRect(QRectF(x, rect.bottom(), 1.0, below.top() - rect.bottom()), QColor(t.muted))
            fill_swatch(painter, rect, fall.color, fall.pattern)
            painter.setPen(QColor(t.text))
            self._paint_words(painter, fall, rect)

    def _paint_words(self, painter: QPainter, fall: Fall, rect: QRectF) -> None:
        """Behind the bar; in front of it where a fall leaves no room behind it."""
        width = text_width(fall.label)
        x = rect.right() + TEXT_GAP_PX
        if x + width > self.boundingRect().right() and rect.left() > width + TEXT_GAP_PX:
            x = rect.left() - TEXT_GAP_PX - width
        painter.drawText(QRectF(x, rect.top(), width + 4.0, rect.height()), LEFT_MIDDLE, fall.label)
