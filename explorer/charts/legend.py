"""A legend that flows into as many lines as it needs: swatch or line, and the word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from explorer import theme

SWATCH_PX = 12
GAP_PX = 12
LINE_PX = 18


@dataclass(frozen=True)
class Entry:
    """One line of a legend. `shape` is how the thing looks in the chart."""

    label: str
    color: str
    pattern: Qt.BrushStyle | None = None
    shape: Literal["box", "circle", "square", "diamond", "cross", "plus", "line", "mark"] = "box"
    dash: tuple[float, ...] = ()


def fill_swatch(painter: QPainter, rect: QRectF, color: str, pattern: Qt.BrushStyle | None) -> None:
    """Fills a shape as bars are filled: solid, with light lines over it where the colour is shared."""
    painter.fillRect(rect, QColor(color))
    if pattern is not None:
        painter.fillRect(rect, QBrush(QColor(theme.mix(color, "#ffffff", 0.55)), pattern))


class Legend(QWidget):
    """Shows entries in lines and takes just the height that they need at the present width."""

    def __init__(self, parent: QWidget | None = None, at_most_lines: int = 2) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        self._at_most_lines = at_most_lines
        self._places: list[tuple[float, float, Entry]] = []
        self._more = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._arrange()

    def set_lines(self, at_most: int) -> None:
        """Limits the lines; what is left out stands in the tooltip."""
        if at_most != self._at_most_lines:
            self._at_most_lines = at_most
            self._arrange()

    def set_entries(self, entries: tuple[Entry, ...]) -> None:
        """Replaces the entries; nothing is painted again where they are the same."""
        if entries != self.entries:
            self.entries = entries
            self.setAccessibleDescription(", ".join(e.label for e in entries))
            self._arrange()
            self.update()

    @property
    def visible_entries(self) -> list[Entry]:
        """The entries that have room."""
        return [entry for _, _, entry in self._places]

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._arrange()

    def _arrange(self) -> None:
        """Places entries from left to right; what does not fit on the last line is left to the tooltip."""
        metrics, x, end, line = self.fontMetrics(), 0.0, 0.0, 0
        self._places = []
        for entry in self.entries:
            width = _shape_px(entry) + 5 + metrics.horizontalAdvance(entry.label)
            if x > 0.0 and x + width > self.width():
                x, line = 0.0, line + 1
            if line >= self._at_most_lines:
                break
            self._places.append((x, line * LINE_PX, entry))
            x += width + GAP_PX
            end = x
        lines = 0 if not self.entries else min(line + 1, self._at_most_lines)
        left_out = len(self.entries) - len(self._places)
        self._more = f"+{left_out}" if left_out else ""
        if left_out and end + metrics.horizontalAdvance(self._more) > self.width() and len(self._places) > 1:
            self._more = f"+{left_out + 1}"
            self._places.pop()
        self.setToolTip(self.accessibleDescription() if left_out else "")
        if self.height() != lines * LINE_PX or not self.entries:
            self.setFixedHeight(lines * LINE_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ink = QColor(theme.current().text)
        for x, y, entry in self._places:
            rect = QRectF(x, y + (LINE_PX - SWATCH_PX) / 2, _shape_px(entry), SWATCH_PX)
            _paint_shape(painter, rect, entry)
            painter.setPen(ink)
            text = QRectF(rect.right() + 5, y, self.width() - rect.right() - 5, LINE_PX)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, entry.label)
        if self._more:
            painter.setPen(QColor(theme.current().muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight, self._more)
        painter.end()


def _shape_px(entry: Entry) -> int:
    """Lines are longer than boxes, or their dashes could not be told apart."""
    return 2 * SWATCH_PX if entry.shape == "line" else SWATCH_PX


def _paint_shape(painter: QPainter, rect: QRectF, entry: Entry) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, entry.shape == "circle")
    edge = QPen(QColor(theme.outline(entry.color)), 1)
    if entry.shape == "box":
        fill_swatch(painter, rect, entry.color, entry.pattern)
        return
    if entry.shape == "line":
        pen = QPen(QColor(entry.color), 2)
        if entry.dash:
            pen.setDashPattern([d / 2 for d in entry.dash])
        painter.setPen(pen)
        painter.drawLine(QPointF(rect.left(), rect.center().y()), QPointF(rect.right(), rect.center().y()))
        return
    if entry.shape == "mark":
        painter.setPen(QPen(QColor(entry.color), 2))
        painter.drawLine(QPointF(rect.center().x(), rect.top()), QPointF(rect.center().x(), rect.bottom()))
        return
    inner = rect.adjusted(1, 1, -1, -1)
    if entry.shape in ("diamond", "cross", "plus"):
        _paint_strokes(painter, inner, entry)
        return
    painter.setPen(edge)
    painter.setBrush(QColor(entry.color))
    painter.drawEllipse(inner) if entry.shape == "circle" else painter.drawRect(inner)


def _paint_strokes(painter: QPainter, rect: QRectF, entry: Entry) -> None:
    """A hollow diamond, or a cross, upright or turned by 45 degrees."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(entry.color), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if entry.shape == "diamond":
        middle = rect.center()
        upper, lower = QPointF(middle.x(), rect.top()), QPointF(middle.x(), rect.bottom())
        painter.drawPolygon([upper, QPointF(rect.right(), middle.y()), lower, QPointF(rect.left(), middle.y())])
    elif entry.shape == "plus":
        middle = rect.center()
        painter.drawLine(QPointF(rect.left(), middle.y()), QPointF(rect.right(), middle.y()))
        painter.drawLine(QPointF(middle.x(), rect.top()), QPointF(middle.x(), rect.bottom()))
    else:
        painter.drawLine(rect.topLeft(), rect.bottomRight())
        painter.drawLine(rect.topRight(), rect.bottomLeft())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
