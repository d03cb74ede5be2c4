"""Plot items that paint in pixels of the view box, so that text and hatching stay crisp: stacked bars and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.charts.chart import text_width
from explorer.charts.label_places import Line, around, first_free
from explorer.charts.legend import fill_swatch

TEXT_GAP_PX = 5.0
HAIR_PX = 0.2
MOST_PX = 40.0
LEFT_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class PixelItem(pg.GraphicsObject):
    """An item over the whole of a view box, in the box's pixels."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__()
        self._box = box
        self.setParentItem(box)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemClipsToShape, False)
        box.sigResized.connect(self._resized)
        box.sigRangeChanged.connect(self.refresh)

    def _resized(self) -> None:
        self.prepareGeometryChange()
        self.refresh()

    def refresh(self) -> None:
        """Paints again."""
        self.update()

    def boundingRect(self) -> QRectF:
        return QRectF(self._box.rect())

    def to_pixels(self, x: float, y: float) -> QPointF:
        """Where a point of the plane lies in the box."""
        (x0, x1), (y0, y1) = self._box.viewRange()
        rect = self._box.rect()
        up = (y - y0) / (y1 - y0)
        down = up if self._box.yInverted() else 1.0 - up
        return QPointF((x - x0) / (x1 - x0) * rect.width(), down * rect.height())


class MarkedItem(PixelItem):
    """An item of many parts, of which one is selected and one lies under the pointer, by their keys."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.selected: str | None = None
        self.hovered: str | None = None

    def set_selected(self, key: str | None) -> None:
        """Highlights what has this key, or nothing."""
        if key != self.selected:
            self.selected = key
            self.update()

    def set_hovered(self, key: str | None) -> None:
        """Tints what has this key, or nothing."""
        if key != self.hovered:
            self.hovered = key
            self.update()


@dataclass(frozen=True)
class Segment:
    """One stretch of a bar: `value` long in the axis' unit."""

    key: str
    value: float
    color: str
    pattern: Qt.BrushStyle | None = None
    texts: tuple[str, ...] = ()
    """What may be written inside, the longest first; the first that has room is."""


@dataclass(frozen=True)
class Mark:
    """A vertical line across a bar at `value`, with words behind it, and a whisker over its `band` (low, high)."""

    value: float
    label: str
    band: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """How far it reaches to both sides."""
        return self.band or (self.value, self.value)


@dataclass(frozen=True)
class Bar:
    """A horizontal stacked bar on `row` (0 on top), words at its end, and a whisker over its `band` (low, high)."""

    key: str
    row: int
    segments: tuple[Segment, ...]
    label: str = ""
    height: float = 0.68
    marks: tuple[Mark, ...] = field(default=())
    band: tuple[float, float] | None = None

    @property
    def reach(self) -> float:
        """Where the bar with its whisker ends."""
        return self.total if self.band is None else max(self.total, self.band[1])

    @property
    def total(self) -> float:
        """The bar's length."""
        return sum(s.value for s in self.segments)

    def extents(self) -> list[tuple[str, float, float]]:
        """(segment key, start, end) from left to right."""
        result, start = [], 0.0
        for segment in self.segments:
            result.append((segment.key, start, start + segment.value))
            start += segment.value
        return result


class BarsItem(MarkedItem):
    """Stacked bars on the rows of a plot whose y axis runs downwards from 0 to the number of rows."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.bars: tuple[Bar, ...] = ()

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Replaces the bars."""
        self.bars = tuple(bars)
        self.update()

    def bar_at(self, pos: QPointF) -> Bar | None:
        """The bar on whose row a point in the box lies."""
        if not self.boundingRect().contains(pos):
            return None
        return next((b for b in self.bars if self._row_rect(b).contains(pos)), None)

    def segment_at(self, bar: Bar, pos: QPointF) -> str | None:
        """The key of the stretch of `bar` at a point in the box."""
        for key, start, end in bar.extents():
            if self.to_pixels(start, 0).x() <= pos.x() < self.to_pixels(end, 0).x():
                return key
        return None

    def _row_rect(self, bar: Bar) -> QRectF:
        top, bottom = self.to_pixels(0, bar.row).y(), self.to_pixels(0, bar.row + 1).y()
        return QRectF(0.0, top, self._box.rect().width(), bottom - top)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setFont(theme.text_font())
        for bar in self.bars:
            row = self._row_rect(bar)
            if bar.key == self.selected or bar.key == self.hovered:
                self._paint_band(painter, row, bar.key == self.selected)
            self._paint_bar(painter, bar, row)

    def _paint_band(self, painter: QPainter, row: QRectF, selected: bool) -> None:
        t = theme.current()
        painter.fillRect(row, QColor(theme.mix(t.base, t.accent, 0.2 if selected else 0.08)))
        if selected:
            painter.fillRect(QRectF(row.left(), row.top(), 3.0, row.height()), QColor(t.accent))

    def _paint_bar(self, painter: QPainter, bar: Bar, row: QRectF) -> None:
        height = min(MOST_PX, max(3.0, round(row.height() * bar.height)))
        top = round(row.center().y() - height / 2)
        origin, scale = self.to_pixels(0.0, 0.0).x(), self.to_pixels(1.0, 0.0).x()
        x = start = origin
        for segment in bar.segments:
            end = x + segment.value * (scale - origin)
            rect = QRectF(x, top, end - x, height)
            if rect.width() < HAIR_PX:
                x = end
                continue
            fill_swatch(painter, rect, segment.color, segment.pattern)
            _paint_inside(painter, room_for_words(bar, rect, origin, scale), segment)
            if x > start and rect.width() > 2.0:
                painter.fillRect(QRectF(x, top, 1.0, height), QColor(theme.current().base))
            x = end
        unit = scale - origin
        _paint_marks(painter, [origin + m.value * unit for m in bar.marks], row, height)
        for low, high in (b for b in (bar.band, *(m.band for m in bar.marks)) if b is not None):
            paint_whisker(painter, origin + low * unit, origin + high * unit, row.center().y(), height)
        painter.setPen(QColor(theme.current().text))
        for at, text in _end_texts(origin + bar.reach * unit, bar.label, _placed(bar, origin, unit)):
            painter.drawText(QRectF(at + TEXT_GAP_PX, row.top(), 600.0, row.height()), LEFT_MIDDLE, text)


def room_for_words(bar: Bar, rect: QRectF, origin: float, one: float) -> QRectF:
    """The part of a stretch that no whisker crosses, so that words inside stay legible."""
    if bar.band is None:
        return rect
    free = origin + bar.band[0] * (one - origin) - 2.0
    return QRectF(rect.left(), rect.top(), max(0.0, min(rect.right(), free) - rect.left()), rect.height())


def _paint_inside(painter: QPainter, rect: QRectF, segment: Segment) -> None:
    if rect.height() < theme.TEXT_PX + 1:
        return
    for text in segment.texts:
        width = text_width(text)
        if width + 8.0 <= rect.width():
            if segment.pattern is not None:
                plate = QRectF(rect.center().x() - width / 2 - 2, rect.center().y() - 8, width + 4, 16)
                painter.fillRect(plate & rect, QColor(segment.color))
            painter.setPen(QColor(theme.text_on(segment.color)))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
            return


def _paint_marks(painter: QPainter, places: list[float], row: QRectF, height: float) -> None:
    t = theme.current()
    for x in places:
        line = QRectF(x - 1, row.center().y() - height / 2 - 3, 2, height + 6)
        painter.fillRect(line.adjusted(-1, 0, 1, 0), QColor(t.base))
        painter.fillRect(line, QColor(t.text))


def paint_whisker(painter: QPainter, low: float, high: float, y: float, height: float) -> None:
    """Draws the band of an uncertain value: a line between two upright ends, set off from what lies below."""
    t, half = theme.current(), max(3.0, round(height * 0.22))
    middle = round(y)
    lines = (
        QRectF(low, middle - 0.75, max(high - low, 1.0), 1.5),
        QRectF(low - 0.75, middle - half, 1.5, 2 * half),
        QRectF(high - 0.75, middle - half, 1.5, 2 * half),
    )
    for line in lines:
        painter.fillRect(line.adjusted(-1, -1, 1, 1), QColor(t.base))
    for line in lines:
        painter.fillRect(line, QColor(t.text))


Placed = tuple[float, float, str]
"""Left and right end of a mark with its whisker, in pixels, and its words."""


def _placed(bar: Bar, origin: float, px_per_unit: float) -> list[Placed]:
    ends = [(*m.ends, m.label) for m in bar.marks]
    return [(origin + low * px_per_unit, origin + high * px_per_unit, label) for low, high, label in ends]


def _end_texts(end: float, label: str, marks: list[Placed]) -> list[tuple[float, str]]:
    """(x, words) behind a bar that ends at `end`, each to be written a gap right of x.

    A mark's words stand left of its line where there is room, else right of it; words that would meet become one.
    """
    groups = [(end, label)]
    taken = end + TEXT_GAP_PX + text_width(label)
    for low, high, text in sorted(marks):
        width = text_width(text)
        if not text:
            if low <= taken:
                x, words = groups.pop()
                groups.append((max(x, high), words))
                taken = max(x, high) + TEXT_GAP_PX + text_width(words)
            continue
        if low <= taken + TEXT_GAP_PX:
            x, words = groups.pop()
            groups.append((max(x, high), f"{words} · {text}"))
            taken = max(x, high) + TEXT_GAP_PX + text_width(groups[-1][1])
        elif low - taken > width + 4 * TEXT_GAP_PX:
            groups.append((low - width - 2 * TEXT_GAP_PX, text))
            taken = high
        else:
            groups.append((high, text))
            taken = high + TEXT_GAP_PX + width
    return groups


def end_px(bar: Bar, px_per_unit: float) -> float:
    """Where a bar with its words ends, in pixels from the axis."""
    marks = _placed(bar, 0.0, px_per_unit)
    texts = _end_texts(bar.reach * px_per_unit, bar.label, marks)
    return max([x + 2 * TEXT_GAP_PX + text_width(t) for x, t in texts] + [high + TEXT_GAP_PX for _, high, _ in marks])


def reach_for(bars: Sequence[Bar], width: float, least: float) -> float:
    """The value at the right end of an axis of `width` pixels, at least `least`, so that all words have room."""
    reach = least
    for _ in range(24):
        if all(end_px(bar, width / reach) <= width for bar in bars):
            break
        reach *= 1.08
    return reach


@dataclass(frozen=True)
class PlotLabel:
    """Words near a point of the plane. Where several are in each other's way, the one named first stays."""

    x: float
    y: float
    text: str
    color: str
    sides: str = "rlab"
    """Where it may stand, in order of liking: r(ight), l(eft), a(bove), b(elow) of the point."""
    bold: bool = False
    away_px: float = 6.0
    elsewhere: tuple[tuple[float, float], ...] = ()
    """Further points where it may stand, should the first have no room."""
    from_x: float = -math.inf
    """It may not begin left of here: where the line that it names begins."""
    optional: bool = False
    """True where it would rather not be there than on a line."""


class LabelsItem(PixelItem):
    """Labels that never cover each other: each takes the first free side of its point, or none."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.labels: tuple[PlotLabel, ...] = ()
        self.obstacles: tuple[tuple[float, float, float], ...] = ()
        self.lines: tuple[Line, ...] = ()
        self._placed: list[tuple[PlotLabel, QRectF]] | None = None
        self.setZValue(50)

    def set_labels(
        self,
        labels: Sequence[PlotLabel],
        obstacles: Iterable[tuple[float, float, float]] = (),
        lines: Iterable[Line] = (),
    ) -> None:
        """Replaces the labels.

        `obstacles` are points of the plane with a radius in pixels that stay uncovered; `lines` (x0, y0, x1, y1 with
        x0 <= x1) are crossed only where a label has no other place.
        """
        self.labels, self.obstacles, self.lines = tuple(labels), tuple(obstacles), tuple(lines)
        self._placed = None
        self.update()

    def refresh(self) -> None:
        self._placed = None
        super().refresh()

    def placed(self) -> list[tuple[PlotLabel, QRectF]]:
        """Every label that has room, with its place in the box."""
        if self._placed is None:
            self._placed = self._place()
        return self._placed

    def _place(self) -> list[tuple[PlotLabel, QRectF]]:
        bounds = self._box.rect()
        room = (1.0, 1.0, bounds.width() - 1.0, bounds.height() - 1.0)
        (x_at, y_at), taken, result = self._scales(), [], []
        for x, y, radius in self.obstacles:
            across, down = x_at(x), y_at(y)
            taken.append((across - radius, down - radius, across + radius, down + radius))
        lines = [(x_at(x0), y_at(y0), x_at(x1), y_at(y1)) for x0, y0, x1, y1 in self.lines]
        height = float(theme.TEXT_PX + 3)
        for label in self.labels:
            width = text_width(label.text, label.bold) + 2.0
            points = ((label.x, label.y), *label.elsewhere)
            boxes = (b for x, y in points for b in around(x_at(x), y_at(y), width, height, label.away_px, label.sides))
            place = first_free(boxes, room, taken, lines, x_at(label.from_x), label.optional)
            if place is not None:
                taken.append(place)
                result.append((label, QRectF(place[0], place[1], width, height)))
        return result

    def _scales(self) -> tuple[Callable[[float], float], Callable[[float], float]]:
        """`to_pixels` in parts, for many points at once."""
        (x0, x1), (y0, y1) = self._box.viewRange()
        rect, upside_down = self._box.rect(), self._box.yInverted()
        across, down = rect.width() / (x1 - x0), rect.height() / (y1 - y0)
        if upside_down:
            return (lambda x: (x - x0) * across), (lambda y: (y - y0) * down)
        return (lambda x: (x - x0) * across), (lambda y: (y1 - y) * down)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        halo = QColor(theme.current().base)
        halo.setAlphaF(0.75)
        for label, rect in self.placed():
            painter.setFont(theme.text_font(label.bold))
            painter.fillRect(rect, halo)
            painter.setPen(QColor(label.color))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, label.text)
