"""The bars of a timeline: lanes with their block's colour, bars by binding resource, groups by how busy a lane is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.charts.chart import elided, text_width
from explorer.charts.items import MarkedItem

LANE_PX = 4.0
"""Width of the strip in the block's colour."""
MOST_BAR_PX = 30.0


@dataclass(frozen=True)
class LaneBar:
    """A bar on a lane (0 on top), between two places on the x axis; `busy` is the share of it that is filled."""

    index: int
    lane: int
    start: float
    end: float
    color: str
    operator: str
    text: str
    busy: float = 1.0

    @property
    def group(self) -> bool:
        """True where it stands for many operators."""
        return not self.operator


@dataclass(frozen=True)
class Stretch:
    """A section of the time axis, with its words."""

    start: float
    end: float
    text: str
    grouped: bool


class LanesItem(MarkedItem):
    """Lane 0 takes the rows from y = 1 to 2 and so on downwards; above y = 1 stand the sections' words."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.bars: tuple[LaneBar, ...] = ()
        self.stretches: tuple[Stretch, ...] = ()
        self.lane_colors: tuple[str, ...] = ()
        self.setFlag(self.GraphicsItemFlag.ItemClipsToShape, True)

    def set_lanes(self, bars: Sequence[LaneBar], stretches: Sequence[Stretch], colors: Sequence[str]) -> None:
        """Replaces everything."""
        self.bars, self.stretches, self.lane_colors = tuple(bars), tuple(stretches), tuple(colors)
        self.update()

    def rect_of(self, bar: LaneBar) -> QRectF:
        """Where a bar lies, in pixels."""
        top, bottom = self.to_pixels(0.0, bar.lane + 1).y(), self.to_pixels(0.0, bar.lane + 2).y()
        left, right = self.to_pixels(bar.start, 0.0).x(), self.to_pixels(bar.end, 0.0).x()
        height = min(MOST_BAR_PX, max(4.0, (bottom - top) * 0.72))
        return QRectF(left, (top + bottom - height) / 2, max(right - left, 1.0), height)

    def bar_at(self, pos: QPointF) -> LaneBar | None:
        """The bar under a point; thin ones are caught two pixels around them."""
        if not self.boundingRect().contains(pos):
            return None
        near = [b for b in self.bars if self.rect_of(b).adjusted(-2, -2, 2, 2).contains(pos)]
        return min(near, key=lambda b: b.end - b.start, default=None)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setFont(theme.text_font())
        self._paint_stretches(painter)
        view = self.boundingRect()
        for bar in self.bars:
            rect = self.rect_of(bar)
            if rect.right() >= 0.0 and rect.left() <= view.right():
                self._paint_bar(painter, bar, rect)
        for lane, color in enumerate(self.lane_colors):
            top, bottom = self.to_pixels(0.0, lane + 1).y(), self.to_pixels(0.0, lane + 2).y()
            painter.fillRect(QRectF(0.0, top + 2.0, LANE_PX, bottom - top - 4.0), QColor(color))

    def _paint_stretches(self, painter: QPainter) -> None:
        t, height = theme.current(), self.boundingRect().height()
        head = self.to_pixels(0.0, 1.0).y()
        for i, stretch in enumerate(self.stretches):
            left, right = self.to_pixels(stretch.start, 0.0).x(), self.to_pixels(stretch.end, 0.0).x()
            if stretch.grouped:
                painter.fillRect(QRectF(left, 0.0, right - left, height), QColor(t.window))
            if i:
                painter.fillRect(QRectF(round(left), 0.0, 1.0, height), QColor(t.border))
            shown = QRectF(left, 0.0, right - left, head) & self.boundingRect()
            text = (
                stretch.text
                if text_width(stretch.text) <= shown.width() - 8
                else elided(stretch.text, shown.width() - 8)
            )
            if len(text) > 3:
                painter.setPen(QColor(t.muted))
                painter.drawText(shown, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_bar(self, painter: QPainter, bar: LaneBar, rect: QRectF) -> None:
        t = theme.current()
        if bar.group:
            painter.fillRect(rect, QColor(theme.mix(t.base, bar.color, 0.25)))
            full = rect.height() * bar.busy
            painter.fillRect(QRectF(rect.left(), rect.bottom() - full, rect.width(), full), QColor(bar.color))
        else:
            lit = bar.operator == self.hovered
            painter.fillRect(rect, QColor(theme.mix(bar.color, t.text, 0.2) if lit else bar.color))
            if rect.width() > 3.0:
                painter.fillRect(QRectF(rect.right() - 1.0, rect.top(), 1.0, rect.height()), QColor(t.base))
            self._paint_text(painter, bar, rect)
        if bar.operator and bar.operator == self.selected:
            painter.setPen(QPen(QColor(t.text), 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(-1.0, -1.0, 0.0, 1.0))

    def _paint_text(self, painter: QPainter, bar: LaneBar, rect: QRectF) -> None:
        shown = rect & self.boundingRect()
        if rect.height() < theme.TEXT_PX + 1 or text_width(bar.text) + 6 > shown.width():
            return
        painter.setPen(QColor(theme.text_on(bar.color)))
        painter.drawText(shown, Qt.AlignmentFlag.AlignCenter, bar.text)
