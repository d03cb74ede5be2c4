"""Plot items of the memory wall: bands shaded by what binds, the line where memory is full, and the point to drag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.charts.items import LabelsItem, PixelItem

HANDLE_PX = 8.0
GRIP_PX = 14.0
"""How near the handle's middle a press grabs it."""
SHADE = 0.13


@dataclass(frozen=True)
class Band:
    """A stretch of the x axis (log10) where one resource binds; "" where the LLM does not run."""

    start: float
    end: float
    resource: str


class BandsItem(PixelItem):
    """Shades the bands over the whole height; where nothing runs, a hatch."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.bands: tuple[Band, ...] = ()
        self.limit: float | None = None
        self.setZValue(-50)

    def set_bands(self, bands: Sequence[Band], limit: float | None) -> None:
        """Replaces the bands and the line (log10) from which the KV cache no longer fits, None where it always does."""
        self.bands, self.limit = tuple(bands), limit
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = theme.current()
        height = self.boundingRect().height()
        for band in self.bands:
            left, right = self.to_pixels(band.start, 0.0).x(), self.to_pixels(band.end, 0.0).x()
            rect = QRectF(left, 0.0, right - left, height)
            if band.resource:
                painter.fillRect(rect, QColor(_tint(band.resource)))
            else:
                painter.fillRect(rect, QBrush(QColor(t.border), Qt.BrushStyle.BDiagPattern))
        for band in self.bands[1:]:
            x = round(self.to_pixels(band.start, 0.0).x())
            painter.fillRect(QRectF(x, 0.0, 1.0, height), QColor(theme.mix(t.base, t.muted, 0.35)))
        if self.limit is not None:
            pen = QPen(QColor(t.error), 2.0)
            pen.setDashPattern([4.0, 2.0])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            x = round(self.to_pixels(self.limit, 0.0).x())
            painter.drawLine(QPointF(x, 0.0), QPointF(x, height))

    def ground_at(self, x: float) -> str:
        """The colour under a point of the x axis."""
        band = next((b for b in self.bands if b.start <= x <= b.end), None)
        return _tint(band.resource) if band is not None and band.resource else theme.current().base


def _tint(resource: str) -> str:
    t = theme.current()
    return theme.mix(t.base, theme.RESOURCE_COLORS[resource], SHADE * (1.2 if t.dark else 1.0))


class TintedLabels(LabelsItem):
    """Labels whose ground is that of the band that they stand on."""

    def __init__(self, box: pg.ViewBox, bands: BandsItem) -> None:
        super().__init__(box)
        self._bands = bands

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        for label, rect in self.placed():
            ground = QColor(self._bands.ground_at(label.x))
            ground.setAlphaF(0.8)
            painter.setFont(theme.text_font(label.bold))
            painter.fillRect(rect, ground)
            painter.setPen(QColor(label.color))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, label.text)


class HandleItem(PixelItem):
    """The present point: a disc with arrows that say which way it can be dragged."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.at: tuple[float, float] | None = None
        self.draggable = False
        self.lit = False
        self.setZValue(60)

    def place(self, at: tuple[float, float] | None, draggable: bool) -> None:
        """Moves it to a point of the plane (log10), None hides it."""
        if (at, draggable) != (self.at, self.draggable):
            self.at, self.draggable = at, draggable
            self.update()

    def light(self, lit: bool) -> None:
        """Shows that the pointer is over it or drags it."""
        if lit != self.lit:
            self.lit = lit
            self.update()

    def contains_pixel(self, pos: QPointF) -> bool:
        """True where a press grabs it."""
        if self.at is None or not self.draggable:
            return False
        away = self.to_pixels(*self.at) - pos
        return abs(away.x()) <= GRIP_PX + 6.0 and abs(away.y()) <= GRIP_PX

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.at is None:
            return
        t = theme.current()
        at = self.to_pixels(*self.at)
        radius = HANDLE_PX + (1.0 if self.lit else 0.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(QColor(t.base), 2.0))
        painter.setBrush(QColor(t.accent))
        if self.draggable:
            for way in (-1.0, 1.0):
                painter.drawPolygon(_arrow(at, way, radius))
        painter.drawEllipse(at, radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.base))
        painter.drawEllipse(at, 2.5, 2.5)


def _arrow(at: QPointF, way: float, radius: float) -> QPolygonF:
    """A triangle beside the disc that points away from it."""
    tip, foot = radius + 10.0, radius + 1.0
    return QPolygonF([at + QPointF(way * tip, 0.0), at + QPointF(way * foot, -6.5), at + QPointF(way * foot, 6.5)])
