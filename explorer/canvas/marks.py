"""Small antialiased marks of constant size on screen: findings' badges and the handles that start a link."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPixmapItem

from explorer.canvas.style import Style

BADGE_PX = 16
HANDLE_PX = 11
GRIP_PX = 9
LOCK_PX = 13

_pixmaps: dict[tuple[str, str], QPixmap] = {}


def badge(severity: str, style: Style) -> QPixmap:
    """A disc for an error, a triangle for a warning, each with its exclamation mark."""
    key = (severity, style.theme.name)
    if key not in _pixmaps:
        _pixmaps[key] = _draw_badge(severity, style)
    return _pixmaps[key]


def handle(style: Style) -> QPixmap:
    """The ring from which a link is drawn."""
    key = ("handle", style.theme.name)
    if key not in _pixmaps:
        pixmap, painter = _canvas(HANDLE_PX)
        painter.setPen(QPen(QColor(style.theme.base), 1.0))
        painter.setBrush(style.accent)
        painter.drawEllipse(QRectF(0.5, 0.5, HANDLE_PX - 1, HANDLE_PX - 1))
        painter.setPen(QPen(QColor(style.theme.on_accent), 1.0))
        middle = HANDLE_PX / 2
        painter.drawLine(QPointF(middle, 3.0), QPointF(middle, HANDLE_PX - 3.0))
        painter.drawLine(QPointF(3.0, middle), QPointF(HANDLE_PX - 3.0, middle))
        painter.end()
        _pixmaps[key] = pixmap
    return _pixmaps[key]


def grip(style: Style) -> QPixmap:
    """The corner by which a block is reshaped."""
    key = ("grip", style.theme.name)
    if key not in _pixmaps:
        pixmap, painter = _canvas(GRIP_PX)
        painter.setPen(QPen(QColor(style.accent), 1.0))
        painter.setBrush(QColor(style.theme.base))
        painter.drawRect(QRectF(0.5, 0.5, GRIP_PX - 1, GRIP_PX - 1))
        painter.end()
        _pixmaps[key] = pixmap
    return _pixmaps[key]


def lock(style: Style) -> QPixmap:
    """A padlock, for a block that keeps its place."""
    key = ("lock", style.theme.name)
    if key not in _pixmaps:
        pixmap, painter = _canvas(LOCK_PX)
        painter.setPen(QPen(style.muted, 1.5))
        painter.drawArc(QRectF(3.5, 1.0, 6.0, 9.0), 0, 180 * 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.muted)
        painter.drawRoundedRect(QRectF(1.5, 5.5, 10.0, 7.0), 1.5, 1.5)
        painter.end()
        _pixmaps[key] = pixmap
    return _pixmaps[key]


def mark_item(pixmap: QPixmap, parent: QGraphicsItem | None = None) -> QGraphicsPixmapItem:
    """An item that shows a mark in screen pixels whatever the zoom."""
    item = QGraphicsPixmapItem(pixmap, parent)
    item.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
    return item


def _canvas(size_px: int) -> tuple[QPixmap, QPainter]:
    ratio = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    pixmap = QPixmap(round(size_px * ratio), round(size_px * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return pixmap, painter


def _draw_badge(severity: str, style: Style) -> QPixmap:
    pixmap, painter = _canvas(BADGE_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(style.error if severity == "error" else style.warning)
    box = QRectF(0.5, 0.5, BADGE_PX - 1, BADGE_PX - 1)
    if severity == "error":
        painter.drawEllipse(box)
    else:
        corners = [QPointF(box.center().x(), box.top()), box.bottomRight(), box.bottomLeft()]
        painter.drawPolygon(QPolygonF(corners))
    middle, low = BADGE_PX / 2, 0.0 if severity == "error" else 1.5
    painter.setPen(QPen(QColor(style.theme.base), 2.0))
    painter.drawLine(QPointF(middle, 4.0 + low), QPointF(middle, 8.0 + low))
    painter.drawPoint(QPointF(middle, 11.5 + low / 2))
    painter.end()
    return pixmap
