"""Colours, pens and fonts of the canvas, worked out once per theme."""

from __future__ import annotations

import math
from functools import cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPen

from explorer import theme

SCENE_PER_M = 1e6
"""The scene's unit is a micrometre: small enough that a 1 px pen adds nothing to an item's bounds."""
HEAT_STEPS = 10
NAME_PX, FIGURES_PX = 12, 11
"""Text on blocks is as small as the rulers' is: a die has many blocks."""
BASE_TINT = 0.14
FULL_TINT = 0.46
COLD_TINT, HOT_TINT = 0.04, 0.6
DIMMED = 0.32


def cosmetic(color: QColor, width_px: float = 1.0, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """A pen whose width is in screen pixels at every zoom."""
    pen = QPen(color, width_px, style)
    pen.setCosmetic(True)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen


def _sized(font: QFont, size_px: int) -> QFont:
    font.setPixelSize(size_px)
    return font


class Style:
    """Everything that items need to draw themselves in one theme."""

    def __init__(self, of: theme.Theme) -> None:
        self.theme = of
        self.name_font = _sized(theme.text_font(bold=True), NAME_PX)
        self.figure_font = _sized(theme.text_font(), FIGURES_PX)
        self.name_metrics = QFontMetricsF(self.name_font)
        self.figure_metrics = QFontMetricsF(self.figure_font)
        self.line_px = math.ceil(max(self.name_metrics.height(), self.figure_metrics.height()))
        self.text = QBrush(QColor(of.text))
        self.muted = QBrush(QColor(theme.mix(of.text, of.base, 0.2)))
        self.accent = QColor(of.accent)
        self.selected = cosmetic(self.accent, 2.0)
        self.hovered = cosmetic(QColor(theme.mix(of.accent, of.base, 0.35)), 1.0)
        self.error = QColor(of.error)
        self.warning = QColor(of.warning)
        self.die = QColor(of.base)
        self.around = QColor(theme.mix(of.window, "#000000", 0.25 if of.dark else 0.04))
        self.die_edge = cosmetic(QColor(theme.mix(of.border, of.text, 0.35)))
        self.grid = cosmetic(QColor(of.grid if of.dark else theme.mix(of.grid, of.base, 0.35)))
        self._fills: dict[tuple[str, int], QBrush] = {}
        self._links: dict[tuple[float, bool], QPen] = {}

    def fill(self, kind: str, heat: float = 0.0) -> QBrush:
        """The inside of a block: a tint of its kind, stronger the busier it is (`heat` 0 to 1)."""
        step = round(min(max(heat, 0.0), 1.0) * HEAT_STEPS)
        if (kind, step) not in self._fills:
            share = BASE_TINT + (FULL_TINT - BASE_TINT) * step / HEAT_STEPS
            color = theme.mix(self.theme.base, theme.KIND_COLORS[kind], share)
            self._fills[kind, step] = QBrush(QColor(color))
        return self._fills[kind, step]

    def heat(self, color: str, share: float) -> QBrush:
        """A scale in one colour: hardly there at 0, as strong as text on it allows at 1."""
        step = round(min(max(share, 0.0), 1.0) * HEAT_STEPS)
        if (color, step) not in self._fills:
            tint = COLD_TINT + (HOT_TINT - COLD_TINT) * step / HEAT_STEPS
            self._fills[color, step] = QBrush(QColor(theme.mix(self.theme.base, color, tint)))
        return self._fills[color, step]

    def strong(self, kind: str) -> QColor:
        """The colour of a kind for bars and fine lines, readable on this theme's die."""
        toward = "#ffffff" if self.theme.dark else "#000000"
        return QColor(theme.mix(theme.KIND_COLORS[kind], toward, 0.12))

    def edge(self, kind: str) -> QPen:
        """The outline of a block."""
        return cosmetic(self.strong(kind))

    def inner(self, kind: str, heat: float = 0.0) -> QPen:
        """The fine lines that hint at structure inside a block; opaque, as lines that let shine through cost twice."""
        return self.inner_on(self.fill(kind, heat), kind)

    def inner_on(self, ground: QBrush, kind: str) -> QPen:
        """The same on any colour."""
        share = 0.23 if self.theme.dark else 0.2
        return cosmetic(QColor(theme.mix(ground.color().name(), theme.KIND_COLORS[kind], share)))

    def link(self, width_px: float, idle: bool) -> QPen:
        """A link's stroke: pale as the channel, strong as the load that flows in it."""
        if (width_px, idle) not in self._links:
            pale = QColor(theme.mix(self.theme.base, theme.KIND_COLORS["noc"], 0.55))
            self._links[width_px, idle] = cosmetic(pale if idle else self.strong("noc"), width_px)
        return self._links[width_px, idle]

    def halo(self, width_px: float, emphasis: str) -> QPen:
        """What underlies a link that is selected or under the pointer; nothing otherwise."""
        if not emphasis:
            return QPen(Qt.PenStyle.NoPen)
        color = QColor(self.accent)
        color.setAlpha(255 if emphasis == "selected" else 110)
        return cosmetic(color, width_px + 4.0)


@cache
def _style(of: theme.Theme) -> Style:
    return Style(of)


def current() -> Style:
    """The style of the theme on screen."""
    return _style(theme.current())
