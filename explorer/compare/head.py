"""The heads of the compared columns: name in two lines, what it is, and which one ratios refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import QHeaderView, QWidget

from explorer import theme
from explorer.widgets.style import draw_icon

if TYPE_CHECKING:
    from PySide6.QtCore import QAbstractItemModel

NAME_LINES = 2
LINE_PX = 18
PAD_PX = theme.GRID_PX
HEAD_PX = (NAME_LINES + 1) * LINE_PX + 2 * theme.HALF_GRID_PX
MENU_PX = 16
REFERENCE_TINT = 0.10
"""How much of the accent colour lies over the reference's column."""
CLICK_PX = 4
"""A press that moves no farther is a click, not a drag."""


@dataclass(frozen=True)
class Title:
    """What the head of a column says about its subject."""

    id: str
    name: str
    kind: str
    is_reference: bool = False
    problem: str = ""
    """Why it has no figures, in two words."""
    tip: str = ""

    @property
    def below(self) -> str:
        """The line under the name."""
        return "reference · " + self.kind if self.is_reference else self.kind


def wrapped(text: str, width: int, lines: int, bold: bool) -> list[str]:
    """Text in at most so many lines of `width` pixels, the last one shortened where it does not fit."""
    font = theme.text_font(bold)
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    found: list[str] = []
    layout.beginLayout()
    start = 0
    while len(found) < lines - 1:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(max(1, width))
        start = line.textStart() + line.textLength()
        found.append(text[line.textStart() : start].strip())
    layout.endLayout()
    rest = text[start:].strip()
    if rest:
        found.append(QFontMetrics(font).elidedText(rest, Qt.TextElideMode.ElideMiddle, width))
    return found


def paint_title(painter: QPainter, rect: QRectF, title: Title) -> None:
    """Draw a column's head, as the table and the picture for export show it."""
    t = theme.current()
    painter.fillRect(rect, QColor(theme.mix(t.window, t.accent, REFERENCE_TINT) if title.is_reference else t.window))
    width = int(rect.width()) - 2 * PAD_PX
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    names = wrapped(title.name, width, NAME_LINES, bold=True)
    y = rect.bottom() - theme.HALF_GRID_PX - LINE_PX
    painter.setFont(theme.text_font())
    painter.setPen(QColor(t.error if title.problem else t.muted))
    below = QFontMetrics(painter.font()).elidedText(title.problem or title.below, Qt.TextElideMode.ElideRight, width)
    painter.drawText(QRectF(rect.x() + PAD_PX, y, width, LINE_PX), right, below)
    painter.setFont(theme.text_font(bold=True))
    painter.setPen(QColor(t.text))
    for name in reversed(names):
        y -= LINE_PX
        painter.drawText(QRectF(rect.x() + PAD_PX, y, width, LINE_PX), right, name)
    painter.setPen(QColor(t.border))
    painter.drawLine(rect.bottomLeft(), rect.bottomRight())


def paint_label(painter: QPainter, rect: QRectF, label: str) -> None:
    """Draw the label of a row, as the table and the picture for export show it."""
    t = theme.current()
    painter.setFont(theme.text_font())
    painter.setPen(QColor(t.text))
    room = rect.adjusted(PAD_PX, 0, -PAD_PX, 0)
    shown = QFontMetrics(painter.font()).elidedText(label, Qt.TextElideMode.ElideRight, int(room.width()))
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
    painter.setPen(QColor(t.grid))
    painter.drawLine(rect.bottomLeft(), rect.bottomRight())


class LabelHeader(QHeaderView):
    """The labels of the rows, on the ground of the table."""

    def __init__(self, model: QAbstractItemModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._lines = model
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setHighlightSections(False)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        painter.save()
        painter.fillRect(rect, QColor(theme.current().base))
        paint_label(painter, QRectF(rect).adjusted(0, 0, 0, -1), self._lines.lines[section].label)  # type: ignore[attr-defined]
        painter.restore()


class SubjectHeader(QHeaderView):
    """Heads that open a menu by a click and move their column by a drag."""

    asked = Signal(int)
    """The column whose menu shall open."""
    dropped = Signal(str, int)
    """(subject, new place among the columns)."""

    def __init__(self, model: QAbstractItemModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._titles = model
        self._pressed: tuple[int, QPoint] | None = None
        self.setSectionsMovable(True)
        # A click opens the menu; it shall not choose all cells of the column as well.
        self.setSectionsClickable(False)
        self.setHighlightSections(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setMinimumSectionSize(72)
        self.setFixedHeight(HEAD_PX)
        # Queued: the header ends its drag before the columns change.
        self.sectionMoved.connect(self._section_moved, Qt.ConnectionType.QueuedConnection)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), HEAD_PX)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        title: Title = self._titles.titles[section]  # type: ignore[attr-defined]
        painter.save()
        paint_title(painter, QRectF(rect), title)
        hovered = rect.contains(self.viewport().mapFromGlobal(self.cursor().pos())) and self.underMouse()
        if hovered:
            painter.translate(rect.left() + 2, rect.bottom() - MENU_PX - theme.HALF_GRID_PX)
            draw_icon(painter, "down", theme.current().accent)
        painter.restore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = (self.logicalIndexAt(event.position().toPoint()), event.position().toPoint())
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        here = event.position().toPoint()
        resizing = self.cursor().shape() == Qt.CursorShape.SplitHCursor
        if pressed is None or pressed[0] < 0 or resizing or event.button() != Qt.MouseButton.LeftButton:
            return
        if (here - pressed[1]).manhattanLength() <= CLICK_PX:
            self.asked.emit(pressed[0])

    def contextMenuEvent(self, event: object) -> None:
        section = self.logicalIndexAt(event.pos())  # type: ignore[attr-defined]
        if section >= 0:
            self.asked.emit(section)

    def _section_moved(self, logical: int, old: int, new: int) -> None:
        """The order of columns is the model's: put the header's back, and ask for the move."""
        if old == new or self.visualIndex(logical) != new:
            return
        self.blockSignals(True)
        self.moveSection(new, old)
        self.blockSignals(False)
        self.dropped.emit(self._titles.titles[logical].id, new)  # type: ignore[attr-defined]
