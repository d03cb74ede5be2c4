"""Small pictures of designs: the die with its blocks in the colours of their kinds, memory beside it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from explorer import theme
from explorer.library.entries import Entry
from hwlib.design.design import Design
from hwlib.report import Rect

FILL_SHARE = 0.55
LINK_ALPHA = 120
LEAST_BLOCK_PX = 1.5
MOST_LINKS = 400
MOST_KEPT = 512
MARGIN_PX = 1.0


class Thumbnails:
    """Pictures by entry, theme and size; those last looked at are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, QPixmap] = OrderedDict()

    def of(self, entry: Entry, side_px: int, ratio: float) -> QPixmap:
        """The square picture of an entry, drawn for a screen with `ratio` pixels per pixel."""
        key = (entry.key, entry.stamp, theme.current().name, side_px, ratio)
        if key not in self._kept:
            self._kept[key] = draw(entry, side_px, ratio)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    @property
    def count(self) -> int:
        """How many pictures are kept."""
        return len(self._kept)


def draw(entry: Entry, side_px: int, ratio: float = 1.0) -> QPixmap:
    """Draw a design into a square in the present theme; a broken file is a torn frame."""
    pixmap = QPixmap(round(side_px * ratio), round(side_px * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = QRectF(0, 0, side_px, side_px).adjusted(MARGIN_PX, MARGIN_PX, -MARGIN_PX, -MARGIN_PX)
    if entry.design is None:
        _draw_broken(painter, box)
    else:
        _draw_design(painter, box, entry.design, entry.rects)
    painter.end()
    return pixmap


def _draw_design(painter: QPainter, box: QRectF, design: Design, rects: object) -> None:
    known: dict[str, Rect] = dict(rects)  # type: ignore[call-overload]
    die = Rect(0.0, 0.0, design.settings.die_width_m, design.settings.die_height_m)
    scale, origin = _fitted(box, [die, *known.values()])
    t = theme.current()

    def placed(r: Rect) -> QRectF:
        size = max(r.width_m * scale, LEAST_BLOCK_PX), max(r.height_m * scale, LEAST_BLOCK_PX)
        return QRectF(origin.x() + r.x_m * scale, origin.y() + r.y_m * scale, *size)

    painter.setPen(QPen(QColor(theme.mix(t.border, t.text, 0.35)), 1.0))
    painter.setBrush(QColor(t.base))
    painter.drawRect(placed(die))
    for block in design.blocks:
        if block.id in known:
            color = theme.KIND_COLORS[block.kind]
            painter.setPen(QPen(QColor(theme.mix(color, "#ffffff" if t.dark else "#000000", 0.12)), 0.8))
            painter.setBrush(QColor(theme.mix(t.base, color, FILL_SHARE)))
            painter.drawRect(placed(known[block.id]))
    link_color = QColor(theme.KIND_COLORS["noc"])
    link_color.setAlpha(LINK_ALPHA)
    painter.setPen(QPen(link_color, 1.0))
    for link in design.links[:MOST_LINKS]:
        if link.source in known and link.target in known:
            painter.drawLine(placed(known[link.source]).center(), placed(known[link.target]).center())


def _fitted(box: QRectF, rects: Iterable[Rect]) -> tuple[float, QPointF]:
    """Pixels per metre and the place of the floorplan's origin, so that all rectangles lie centred in the box."""
    listed = list(rects)
    left, top = min(r.x_m for r in listed), min(r.y_m for r in listed)
    width = max(r.x_m + r.width_m for r in listed) - left
    height = max(r.y_m + r.height_m for r in listed) - top
    scale = min(box.width() / width, box.height() / height)
    x = box.center().x() - (left + width / 2) * scale
    y = box.center().y() - (top + height / 2) * scale
    return scale, QPointF(x, y)


def _draw_broken(painter: QPainter, box: QRectF) -> None:
    t = theme.current()
    side = box.width() * 0.7
    frame = QRectF(0, 0, side, side)
    frame.moveCenter(box.center())
    pen = QPen(QColor(t.muted), 1.0, Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.drawRect(frame)
    painter.setPen(QPen(QColor(t.error), 1.6))
    x, y = frame.center().x(), frame.center().y()
    painter.drawLine(QPointF(x, y - side * 0.22), QPointF(x, y + side * 0.06))
    painter.drawPoint(QPointF(x, y + side * 0.2))
