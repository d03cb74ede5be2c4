"""Rulers in millimetres along the canvas: ticks that follow the zoom, and a hairline where the pointer is."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.canvas.geometry import nice_step

THICK_PX = 22
MAJOR_PX = 64.0
LABEL_PX = 11


def major_step(px_per_m: float) -> float:
    """The distance of labelled ticks (metres): a round length of at least 64 px."""
    return nice_step(MAJOR_PX / px_per_m)


def minor_parts(step_m: float) -> int:
    """Into how many parts the fine ticks divide a labelled step: 5, or 4 where the step is a two."""
    lead = step_m / 10.0 ** math.floor(math.log10(step_m) + 1e-9)
    return 4 if round(lead) == 2 else 5


def tick_label(value_m: float, step_m: float) -> str:
    """A position in millimetres with the decimals that its step needs."""
    decimals = max(0, -math.floor(math.log10(step_m * 1e3) + 1e-9))
    return f"{round(value_m * 1e3, decimals) + 0.0:.{decimals}f}"


class Ruler(QWidget):
    """One ruler. `origin_px` is where 0 mm lies along it; the view sets it with the scale."""

    def __init__(self, orientation: Qt.Orientation, parent: QWidget) -> None:
        super().__init__(parent)
        self._horizontal = orientation == Qt.Orientation.Horizontal
        self._origin_px, self._px_per_m = 0.0, 1.0
        self._pointer_px: int | None = None
        self._extent_m = 0.0
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.notifier.changed.connect(self.update)

    def set_scale(self, origin_px: float, px_per_m: float, extent_m: float) -> None:
        """Show another stretch; `extent_m` is the die's side, drawn as a stronger line."""
        state = (origin_px, px_per_m, extent_m)
        if state != (self._origin_px, self._px_per_m, self._extent_m):
            self._origin_px, self._px_per_m, self._extent_m = state
            self.update()

    def set_pointer(self, px: int | None) -> None:
        """Mark the pointer's place along the ruler."""
        if px != self._pointer_px:
            self._pointer_px = px
            self.update()

    def ticks(self) -> list[tuple[float, str]]:
        """Labelled ticks in sight: place in pixels along the ruler, and the text."""
        step = major_step(self._px_per_m)
        length = self.width() if self._horizontal else self.height()
        first = math.floor(-self._origin_px / self._px_per_m / step) - 1
        last = math.ceil((length - self._origin_px) / self._px_per_m / step)
        pitch = step * self._px_per_m
        return [(self._origin_px + i * pitch, tick_label(i * step, step)) for i in range(first, last + 1)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ticks, labels, the die's extent and the pointer."""
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.window))
        font = theme.text_font()
        font.setPixelSize(LABEL_PX)
        painter.setFont(font)
        if not self._horizontal:
            # Drawn as a horizontal ruler that is turned, so that there is one way of drawing.
            painter.translate(0, self.height())
            painter.rotate(-90)
        self._paint_extent(painter, t)
        self._paint_ticks(painter, t)
        painter.setPen(QPen(QColor(t.border), 1))
        length = self.width() if self._horizontal else self.height()
        painter.drawLine(0, THICK_PX - 1, length, THICK_PX - 1)
        if self._pointer_px is not None:
            painter.setPen(QPen(QColor(t.accent), 1))
            at = self._along(self._pointer_px)
            painter.drawLine(at, 0, at, THICK_PX)
        painter.end()

    def _along(self, px: float) -> int:
        """The x at which a place along the ruler is drawn."""
        return round(px) if self._horizontal else self.height() - 1 - round(px)

    def _paint_ticks(self, painter: QPainter, t: theme.Theme) -> None:
        step = major_step(self._px_per_m)
        parts = minor_parts(step)
        gap = step * self._px_per_m / parts
        fine, text = QColor(theme.mix(t.border, t.muted, 0.4)), QColor(t.muted)
        for px, label in self.ticks():
            painter.setPen(fine)
            at = self._along(px)
            painter.drawLine(at, THICK_PX - 9, at, THICK_PX - 2)
            for i in range(1, parts):
                minor = self._along(px + i * gap)
                painter.drawLine(minor, THICK_PX - 5, minor, THICK_PX - 2)
            painter.setPen(text)
            painter.drawText(QRect(at - 32, 0, 64, THICK_PX - 9), Qt.AlignmentFlag.AlignCenter, label)

    def _paint_extent(self, painter: QPainter, t: theme.Theme) -> None:
        start, end = self._along(self._origin_px), self._along(self._origin_px + self._extent_m * self._px_per_m)
        left, right = min(start, end), max(start, end)
        painter.fillRect(QRect(left, 0, right - left + 1, THICK_PX - 1), QColor(t.base))


class Corner(QWidget):
    """Where the rulers meet: their unit."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.notifier.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The unit, in the rulers' own letters."""
        t, painter, font = theme.current(), QPainter(self), theme.text_font()
        painter.fillRect(self.rect(), QColor(t.window))
        font.setPixelSize(LABEL_PX - 1)
        painter.setFont(font)
        painter.setPen(QColor(t.muted))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "mm")
        painter.end()
