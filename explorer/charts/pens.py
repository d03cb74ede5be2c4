"""Pens for the lines of charts: cosmetic, flat at their ends, dashes in pixels."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen


def line_pen(color: str, width: float, dash: tuple[float, ...] = ()) -> QPen:
    """A pen of `width` pixels whatever the plot's scale, with dashes and gaps of so many pixels."""
    pen = QPen(QColor(color), width)
    pen.setCosmetic(True)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dash:
        pen.setDashPattern([d / width for d in dash])
    return pen
