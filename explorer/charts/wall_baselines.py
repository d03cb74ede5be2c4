"""The bands of measured devices on the memory wall: hatched along their curves, whiskers at their points, and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.bands import Band, band_of
from explorer.charts.items import PixelItem

if TYPE_CHECKING:
    from explorer.charts.figure_scale import FigureScale
    from hwlib.analysis.wall import Wall
    from hwlib.report import Report


class Whisker(NamedTuple):
    """An upright line from `low` to `high` (as the plane has them) at x."""

    x: float
    low: float
    high: float


class BaselineBandsItem(PixelItem):
    """Shades between the ends of bands, and draws whiskers at single points."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.bands: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...] = ()
        self.whiskers: tuple[Whisker, ...] = ()
        self.setZValue(3)

    def show_bands(
        self, bands: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], whiskers: Sequence[Whisker]
    ) -> None:
        """Show other bands (x, low, high as the plane has them) and whiskers."""
        self.bands, self.whiskers = tuple(bands), tuple(whiskers)
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = theme.current()
        painter.setClipRect(self.boundingRect())
        fill = QColor(t.muted)
        fill.setAlphaF(0.5)
        patterns = (Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.FDiagPattern)
        for i, (xs, lows, highs) in enumerate(self.bands):
            top = [self.to_pixels(float(x), float(y)) for x, y in zip(xs, highs, strict=True)]
            bottom = [self.to_pixels(float(x), float(y)) for x, y in zip(xs, lows, strict=True)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(fill, patterns[i % 2]))
            painter.drawPolygon(QPolygonF([*top, *reversed(bottom)]))
        painter.setPen(QColor(t.text))
        for whisker in self.whiskers:
            low, high = self.to_pixels(whisker.x, whisker.low), self.to_pixels(whisker.x, whisker.high)
            painter.drawLine(low, high)
            for end in (low, high):
                painter.drawLine(end - QPointF(4, 0), end + QPointF(4, 0))


def curve_band(wall: Wall | None, scale: FigureScale) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The band of tokens/s along a wall as the plane has it; None for a wall without one."""
    low, high = getattr(wall, "low", None), getattr(wall, "high", None)
    if wall is None or low is None or high is None:
        return None
    known = np.isfinite(low) & (low > 0.0) & (high > low)
    if not known.any():
        return None
    return np.log10(wall.values[known]), scale.places(low[known]), scale.places(high[known])


def whisker_of(report: Report, measure: str, x: float, scale: FigureScale) -> Whisker | None:
    """The whisker at a report's point, None where its figure has no band."""
    band = band_of(report, measure)
    return Whisker(math.log10(x), scale.place(band.low), scale.place(band.high)) if band and x > 0.0 else None


def band_words(wall: Wall, measure: str, value: float, figure: float) -> str:
    """The band of a device's tokens/s at a value of the axis, in brackets; empty where there is none."""
    low, high = getattr(wall, "low", None), getattr(wall, "high", None)
    if measure != "tokens_per_s" or low is None or high is None:
        return ""
    logs = np.log10(wall.values)
    ends = (np.interp(math.log10(value), logs, np.log10(np.where(v > 0.0, v, np.nan))) for v in (low, high))
    bottom, top = (float(10.0**end) for end in ends)
    return f" ({Band(bottom, top).text(figure, 'tokens/s')})" if bottom < top else ""
