"""Plot items that paint in pixels of the view box, so that text and hatching stay crisp: stacked bars and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from explorer import theme
from explorer.charts.chart import text_width
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
    """A vertical line across a bar at `value`, with words behind it."""

    value: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A horizontal stacked bar on `row` (0 on top), with words at its end."""

    key: str
    row: int
    segments: tuple[Segment, ...]
    label: str = ""
    height: float = 0.68
    marks: tuple[Mark, ...] = field(default=())

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


class BarsItem(PixelItem):
    """Stacked bars on the rows of a plot whose y axis runs downwards from 0 to the number of rows."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__(box)
        self.bars: tuple[Bar, ...] = ()
        self.selected: str | None = None
        self.hovered: str | None = None

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Replaces the bars."""
        self.bars = tuple(bars)
        self.update()

    def set_selected(self, key: str | None) -> None:
        """Highlights the bar with this key, or none."""
        if key != self.selected:
            self.selected = key
            self.update()

    def set_hovered(self, key: str | None) -> None:
        """Tints the bar under the pointer."""
        if key != self.hovered:
            self.hovered = key
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
            _paint_inside(painter, rect, segment)
            if x > start and rect.width() > 2.0:
                painter.fillRect(QRectF(x, top, 1.0, height), QColor(theme.current().base))
            x = end
        marks = [(origin + m.value * (scale - origin), m.label) for m in bar.marks]
        _paint_marks(painter, [at for at, _ in marks], row, height)
        painter.setPen(QColor(theme.current().text))
        for at, text in _end_texts(x, bar.label, marks):
            painter.drawText(QRectF(at + TEXT_GAP_PX, row.top(), 600.0, row.height()), LEFT_MIDDLE, text)


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


def _end_texts(end: float, label: str, marks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """(x, words) behind a bar that ends at `end`, each to be written a gap right of x.

    A mark's words stand left of its line where there is room, else right of it; words that would meet become one.
    """
    groups = [(end, label)]
    taken = end + TEXT_GAP_PX + text_width(label)
    for at, text in sorted(marks):
        width = text_width(text)
        if at <= taken + TEXT_GAP_PX:
            x, words = groups.pop()
            groups.append((max(x, at), f"{words} · {text}"))
            taken = max(x, at) + TEXT_GAP_PX + text_width(groups[-1][1])
        elif at - taken > width + 4 * TEXT_GAP_PX:
            groups.append((at - width - 2 * TEXT_GAP_PX, text))
            taken = at
        else:
            groups.append((at, text))
            taken = at + TEXT_GAP_PX + width
    return groups


def end_px(bar: Bar, px_per_unit: float) -> float:
    """Where a bar with its words ends, in pixels from the axis."""
    marks = [(m.value * px_per_unit, m.label) for m in bar.marks]
    texts = _end_texts(bar.total * px_per_unit, bar.label, marks)
    return max([x + 2 * TEXT_GAP_PX + text_width(t) for x, t in texts] + [at + TEXT_GAP_PX for at, _ in marks])


def reach_for(bars: Sequence[Bar], width: float, least: float) -> float:
    """The value at the right end of an axis of `width` pixels, at least `least`, so that all words have room."""
    reach = least
    for _ in range(24):
        if all(end_px(bar, width / reach) <= width for bar in bars):
            break
        reach *= 1.08
    return reach


Line = tuple[float, float, float, float]


def _crosses(rect: QRectF, line: Line) -> bool:
    """True where a line (x0, y0, x1, y1 with x0 <= x1) runs through a rectangle."""
    x0, y0, x1, y1 = line
    left, right = max(x0, rect.left()), min(x1, rect.right())
    if left > right:
        return False
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    ys = (y0 + (left - x0) * slope, y0 + (right - x0) * slope)
    return max(ys) >= rect.top() and min(ys) <= rect.bottom()


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
        box, taken, result = self.boundingRect().adjusted(1, 1, -1, -1), [], []
        for x, y, radius in self.obstacles:
            at = self.to_pixels(x, y)
            taken.append(QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius))
        lines = [self._line_in_pixels(line) for line in self.lines]
        for label in self.labels:
            place = self._place_for(label, box, taken, lines)
            if place is not None:
                taken.append(place)
                result.append((label, place))
        return result

    def _place_for(self, label: PlotLabel, box: QRectF, taken: list[QRectF], lines: list[Line]) -> QRectF | None:
        """The first place that nothing else takes and no line crosses, else the first that nothing takes."""
        start = self.to_pixels(label.from_x, 0.0).x() if math.isfinite(label.from_x) else -math.inf
        second_best = None
        for rect in self._candidates(label):
            if rect.left() < start or not box.contains(rect) or any(rect.intersects(other) for other in taken):
                continue
            if not any(_crosses(rect, line) for line in lines):
                return rect
            second_best = second_best or rect
        return None if label.optional else second_best

    def _line_in_pixels(self, line: Line) -> Line:
        a, b = self.to_pixels(line[0], line[1]), self.to_pixels(line[2], line[3])
        return a.x(), a.y(), b.x(), b.y()

    def _candidates(self, label: PlotLabel) -> Iterable[QRectF]:
        for x, y in ((label.x, label.y), *label.elsewhere):
            yield from self._around(label, self.to_pixels(x, y))

    def _around(self, label: PlotLabel, at: QPointF) -> Iterable[QRectF]:
        width, height, gap = text_width(label.text, label.bold) + 2.0, float(theme.TEXT_PX + 3), label.away_px
        places = {
            "r": (at.x() + gap, at.y() - height / 2), "l": (at.x() - gap - width, at.y() - height / 2),
            "a": (at.x() - width / 2, at.y() - gap - height), "b": (at.x() - width / 2, at.y() + gap),
            # Corners, for labels along sloped or flat lines.
            "A": (at.x(), at.y() - gap - height), "B": (at.x(), at.y() + gap),
            "Z": (at.x() - width, at.y() - gap - height), "Y": (at.x() - width, at.y() + gap),
        }  # fmt: skip
        return [QRectF(*places[side], width, height) for side in label.sides]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        halo = QColor(theme.current().base)
        halo.setAlphaF(0.75)
        for label, rect in self.placed():
            painter.setFont(theme.text_font(label.bold))
            painter.fillRect(rect, halo)
            painter.setPen(QColor(label.color))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, label.text)
