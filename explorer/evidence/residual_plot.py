"""The residual plot: predicted over measured time against a size or the time, with the band and the plain roofline."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QVBoxLayout, QWidget

from explorer import theme
from explorer.charts.axes import Tick, decade_ticks, log_limits
from explorer.charts.chart import Table, text_width
from explorer.charts.items import PixelItem
from explorer.charts.legend import Entry, Legend
from explorer.charts.log_axis import log_ticks, power_free
from explorer.charts.pens import line_pen
from explorer.charts.plot import PlotView
from explorer.charts.points import Points
from explorer.widgets.style import Tinted
from hwlib.units import format_quantity

AXIS_WORDS = {
    "m": "m, rows of the product", "kv_len": "kv_len, tokens in the KV cache", "rows": "rows",
    "bytes": "Size of the message", "seconds": "Measured time",
}  # fmt: skip
UNITS = {"bytes": "B", "seconds": "s"}
RATIO_TICKS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0,
)  # fmt: skip
LEAST_SPAN = 1.25
"""The axis of ratios reaches at least from 1 / this to this."""
MOST_SPAN = 100.0
ROOFLINE_LEAST = 0.3
"""How low the axis goes for the roofline's sake."""
NEAR_PX = 9.0
MANY = 400
"""From so many points on they are drawn small and without an edge."""
PREDICTED, OUTSIDE, ROOFLINE, BAND = "predicted, in its band", "outside its band", "plain roofline", "10 to 90 % band"


@dataclass(frozen=True)
class Shade:
    """The band between two values of the x axis: predicted over measured lies between `low` and `high`."""

    start: float
    end: float
    low: float
    high: float
    tip: str = ""


@dataclass(frozen=True)
class Residuals:
    """K points: x, predicted over measured, the roofline's ratio, whether the measured time lies in the band."""

    x: np.ndarray
    ratio: np.ndarray
    roofline: np.ndarray
    inside: np.ndarray
    tips: Sequence[str]
    column: str
    """What x is: a column of the kernel, or "seconds"."""
    shades: tuple[Shade, ...] = ()


class ShadesItem(PixelItem):
    """The band as hatched rectangles between two lines, so that it is seen without colour."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.shades: tuple[Shade, ...] = ()
        self.setZValue(-50)

    def set_shades(self, shades: Sequence[Shade]) -> None:
        """Show other bands."""
        self.shades = tuple(shades)
        self.refresh()

    def place(self, shade: Shade) -> QRectF:
        """Where a band lies in the box."""
        (x0, x1), _ = self._box.viewRange()
        left = math.log10(shade.start) if shade.start > 0.0 else x0
        right = math.log10(shade.end) if math.isfinite(shade.end) else x1
        top = self.to_pixels(max(left, x0), math.log10(shade.high))
        bottom = self.to_pixels(min(right, x1), math.log10(shade.low))
        return QRectF(top, bottom)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = theme.current()
        painter.setClipRect(self.boundingRect())
        for shade in self.shades:
            rect = self.place(shade)
            if rect.width() <= 0.0:
                continue
            painter.fillRect(rect, QColor(theme.mix(t.base, t.accent, 0.10)))
            painter.fillRect(rect, QBrush(QColor(theme.mix(t.base, t.accent, 0.22)), Qt.BrushStyle.BDiagPattern))
            painter.setPen(QPen(QColor(theme.mix(t.base, t.accent, 0.6)), 1))
            painter.drawLine(rect.topLeft(), rect.topRight())
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.setPen(QPen(QColor(t.text), 1))
        (x0, x1), _ = self._box.viewRange()
        painter.drawLine(self.to_pixels(x0, 0.0), self.to_pixels(x1, 0.0))


class ResidualPlot(QWidget):
    """Log-log; 1 is a perfect prediction. What it says without points stands in the middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.residuals: Residuals | None = None
        self.plot = PlotView()
        self.plot.set_grid(left=True, bottom=False)
        self.shades = ShadesItem(self.plot.box)
        self.roofline = Points(pxMode=True, symbol="x", size=8)
        self.inside = Points(pxMode=True, symbol="o", size=9)
        self.outside = Points(pxMode=True, symbol="d", size=11)
        for z, item in enumerate((self.roofline, self.outside, self.inside)):
            item.setZValue(10 + z)
            self.plot.addItem(item)
        self.legend = Legend()
        self.note = Tinted("", "muted")
        self.note.setWordWrap(True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.note.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.note)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.legend)
        self.plot.tooltip_at = self._tooltip
        self.setMinimumSize(320, 200)
        theme.notifier.changed.connect(self._restyle)

    def show_residuals(self, residuals: Residuals, note: str = "") -> None:
        """Show other points and bands; `note` says why there are no points."""
        self.residuals = residuals
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.plot.setVisible(bool(len(residuals.x) or residuals.shades))
        self._draw()

    def _restyle(self) -> None:
        self.plot.restyle()
        if self.residuals is not None:
            self._draw()

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        if self.residuals is not None:
            self._set_axes(self.residuals)

    # Drawing --------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        found = self.residuals
        if found is None:
            return
        self.shades.set_shades(found.shades)
        x, many = np.log10(np.maximum(found.x, 1e-300)), len(found.x) > MANY
        inside = found.inside.astype(bool)
        self._scatter(self.inside, x[inside], found.ratio[inside], many, filled=True)
        self._scatter(self.outside, x[~inside], found.ratio[~inside], many, filled=False)
        muted = QColor(theme.current().muted)
        muted.setAlphaF(0.3 if many else 0.9)
        self.roofline.setData(x, np.log10(np.maximum(found.roofline, 1e-9)))
        self.roofline.setSize(4 if many else 8)
        self.roofline.setPen(line_pen(muted.name(QColor.NameFormat.HexArgb), 1.0 if many else 1.5))
        self.roofline.setBrush(QColor(0, 0, 0, 0))
        self._set_axes(found)
        self._set_legend(found)

    def _scatter(self, item: Points, x: np.ndarray, ratio: np.ndarray, many: bool, filled: bool) -> None:
        t = theme.current()
        color = t.accent if filled else t.error
        item.setData(x, np.log10(np.maximum(ratio, 1e-9)))
        item.setSize((4 if filled else 5) if many else (9 if filled else 11))
        item.setBrush(QColor(color) if filled else QColor(t.base))
        item.setPen(line_pen(theme.outline(color) if filled and not many else color, 1 if filled or many else 1.5))

    def _set_axes(self, found: Residuals) -> None:
        x_limits = self._x_limits(found)
        y_limits = _ratio_limits(found)
        ticks = _ratio_ticks(*y_limits, max(3, int(self.plot.room_px // 22)))
        axis_px = max(text_width(text) for _, text in ticks) + 30
        self.plot.set_axis_label("left", "Predicted / measured")
        self.plot.set_left_width(axis_px, label=True)
        self.plot.set_ticks("left", ticks)
        self.plot.set_ticks("bottom", self._x_ticks(found.column, x_limits, axis_px))
        self.plot.set_axis_label("bottom", AXIS_WORDS.get(found.column, found.column))
        self.plot.set_range(x_limits, y_limits)

    def _x_limits(self, found: Residuals) -> tuple[float, float]:
        ends = [v for s in found.shades for v in (s.start, s.end)]
        known = [v for v in (*found.x.tolist(), *ends) if v > 0.0 and math.isfinite(v)]
        if found.shades:
            # The first bucket begins at 0 and the last has no end: both get as much room as can be seen.
            known += [min(known, default=1.0) / 3.0, max(known, default=1.0) * 3.0]
        low, high = log_limits(known, 1.0)
        air = 0.02 * (high - low)
        return low - air, high + air

    def _x_ticks(self, column: str, limits: tuple[float, float], axis_px: float) -> list[Tick]:
        most = max(2, int(self.plot.width_beside(axis_px) // 64))
        unit = UNITS.get(column, "")
        if unit:
            return decade_ticks(*limits, unit, most)
        return log_ticks(*limits, power_free, most)

    def _set_legend(self, found: Residuals) -> None:
        t = theme.current()
        entries = []
        if found.inside.any():
            entries.append(Entry(PREDICTED, t.accent, shape="circle"))
        if len(found.x) and not found.inside.all():
            entries.append(Entry(OUTSIDE, t.error, shape="diamond"))
        if len(found.x):
            below = int((np.log10(np.maximum(found.roofline, 1e-9)) < self.plot.shown_range[1][0]).sum())
            more = f", {below:,} of {len(found.x):,} farther below" if below else ""
            entries.append(Entry(ROOFLINE + more, t.muted, shape="cross"))
        if found.shades:
            hatch = theme.mix(t.base, t.accent, 0.4)
            entries.append(Entry(BAND, hatch, Qt.BrushStyle.BDiagPattern))
        self.legend.set_entries(tuple(entries))

    # Hover ----------------------------------------------------------------------------------------------------------

    def point_at(self, pos: QPointF) -> int | None:
        """The point under a place of the view box, the nearest of several; its roofline's counts too."""
        found = self.residuals
        if found is None or not len(found.x):
            return None
        (x0, x1), (y0, y1) = self.plot.shown_range
        rect = self.plot.box.rect()
        across = (np.log10(found.x) - x0) / (x1 - x0) * rect.width() - pos.x()
        best, nearest = None, NEAR_PX
        for ratio in (found.ratio, found.roofline):
            down = (y1 - np.log10(np.maximum(ratio, 1e-9))) / (y1 - y0) * rect.height() - pos.y()
            away = np.hypot(across, down)
            at = int(away.argmin())
            if away[at] < nearest:
                best, nearest = at, float(away[at])
        return best

    def _tooltip(self, pos: QPointF) -> str:
        found, at = self.residuals, self.point_at(pos)
        if found is None:
            return ""
        if at is not None:
            return found.tips[at] if at < len(found.tips) else point_words(found, at)
        shade = next((s for s in found.shades if self.shades.place(s).contains(pos)), None)
        return html.escape(shade.tip) if shade is not None else ""

    def values(self) -> Table:
        """The points on show."""
        found = self.residuals
        if found is None:
            return Table((), ())
        header = (found.column, "predicted_over_measured", "roofline_over_measured", "in_band")
        columns = (found.x, found.ratio, found.roofline, found.inside.astype(float))
        return Table(header, tuple(tuple(float(c[i]) for c in columns) for i in range(len(found.x))))


def point_words(found: Residuals, at: int) -> str:
    """A point for a tooltip."""
    value = format_quantity(float(found.x[at]), UNITS.get(found.column, ""))
    name = "measured" if found.column == "seconds" else found.column
    inside = "in its band" if found.inside[at] else "outside its band"
    predicted, roofline = (error_words(float(ratios[at])) for ratios in (found.ratio, found.roofline))
    return f"{name} {value}<br>predicted {predicted}, {inside}<br>roofline {roofline}"


def error_words(ratio: float) -> str:
    """A ratio of predicted to measured time as people say it: "+4.2 %"."""
    return f"{100.0 * (ratio - 1.0):+.1f} %".replace("-", "−")


def _ratio_limits(found: Residuals) -> tuple[float, float]:
    """Limits in log10 around all predictions and bands. A roofline far off must leave them their room."""
    ends = [v for s in found.shades for v in (s.low, s.high)] + found.ratio.tolist()
    known = [v for v in ends if v > 0.0 and math.isfinite(v)]
    plain = [max(v, ROOFLINE_LEAST) for v in found.roofline.tolist() if v > 0.0]
    low = max(1.0 / MOST_SPAN, min([*known, *plain, 1.0 / LEAST_SPAN]) / 1.06)
    high = min(MOST_SPAN, max([*known, *plain, LEAST_SPAN]) * 1.06)
    return math.log10(low), math.log10(high)


def _ratio_ticks(low: float, high: float, at_most: int) -> list[Tick]:
    """Ticks at telling ratios, 1 always among them; where they are too many, those farthest from 1 thin out."""
    inside = [r for r in RATIO_TICKS if low <= math.log10(r) <= high]
    gap = (high - low) / max(1, at_most)
    kept = [1.0]
    for ratio in sorted(inside, key=lambda r: abs(math.log10(r))):
        if all(abs(math.log10(ratio) - math.log10(k)) >= gap for k in kept):
            kept.append(ratio)
    return [(math.log10(r), f"{r:g}") for r in sorted(kept)]
