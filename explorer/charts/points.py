"""Points of a plot: quick pictures of their symbols on screen, real shapes in a drawing."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QPaintEngine, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget


class Points(pg.ScatterPlotItem):
    """Scattered symbols. Qt's SVG writer scrambles parts of pictures, of which pyqtgraph makes symbols on screen."""

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None) -> None:
        engine = painter.paintEngine()
        cached = self.opts["useCache"]
        self.opts["useCache"] = cached and (engine is None or engine.type() != QPaintEngine.Type.SVG)
        super().paint(painter, option, widget)
        self.opts["useCache"] = cached
