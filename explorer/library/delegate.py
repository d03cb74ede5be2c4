"""How a line of the library looks: picture, name, figures and tags; and the line in which a name is typed."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from explorer import theme
from explorer.library.entries import Entry
from explorer.library.library import Library
from explorer.library.model import ROW_ROLE, Heading, Note
from explorer.library.thumbnail import Thumbnails

PICTURE_PX, SMALL_PICTURE_PX = 48, 32
NARROW_PX = 165
"""Below this width the text needs the room more than the picture."""
LINE_PX = 18
PAD_PX = theme.GRID_PX
HEADING_PX = 30
MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
WRAP = Qt.TextFlag.TextWordWrap
TOP_LEFT = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
LONGEST_NAME = 200
MOST_HEIGHTS = 8192

Index = QModelIndex | QPersistentModelIndex


class LibraryDelegate(QStyledItemDelegate):
    """Draws lines in the width that there is: a narrow panel shows two figures, a wide one all of them."""

    def __init__(self, library: Library, view: QListView) -> None:
        super().__init__(view)
        self._library, self._view = library, view
        self.thumbnails = Thumbnails()
        self._heights: dict[object, int] = {}

    @property
    def picture_px(self) -> int:
        """The side of the pictures in the width that there is."""
        return PICTURE_PX if self._view.viewport().width() >= NARROW_PX else SMALL_PICTURE_PX

    @property
    def pad_px(self) -> int:
        """The gaps beside picture and text in the width that there is."""
        return PAD_PX if self._view.viewport().width() >= NARROW_PX else PAD_PX // 2

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row, width = index.data(ROW_ROLE), self._view.viewport().width()
        if isinstance(row, Heading):
            return QSize(width, HEADING_PX)
        if isinstance(row, Note):
            space = QRect(0, 0, max(40, width - 2 * PAD_PX), 10_000)
            return QSize(width, option.fontMetrics.boundingRect(space, WRAP, row.text).height() + 2 * PAD_PX)
        # A search lays every line out anew; measuring text is what takes the time.
        state = (row.key, row.name, row.stamp, row.tags, self._library.headline(row), width)
        if state not in self._heights:
            if len(self._heights) > MOST_HEIGHTS:
                self._heights.clear()
            self._heights[state] = self._height(row, option, width)
        return QSize(width, self._heights[state])

    def _height(self, entry: Entry, option: QStyleOptionViewItem, width: int) -> int:
        lines = len(self.name_lines(entry, width))
        lines += 2 if entry.problem else len(self._figure_lines(entry, option, width)) + bool(entry.tags)
        return max(self.picture_px, lines * LINE_PX) + PAD_PX

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, t = index.data(ROW_ROLE), theme.current()
        painter.save()
        if isinstance(row, Heading):
            painter.setFont(theme.text_font(bold=True))
            painter.setPen(QColor(t.muted))
            area = option.rect.adjusted(PAD_PX, 0, -PAD_PX, -theme.HALF_GRID_PX)
            painter.drawText(area, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, row.text)
        elif isinstance(row, Note):
            painter.setPen(QColor(t.muted))
            painter.drawText(option.rect.adjusted(PAD_PX, PAD_PX // 2, -PAD_PX, 0), WRAP, row.text)
        else:
            self._paint_entry(painter, option, row)
        painter.restore()

    def _paint_entry(self, painter: QPainter, option: QStyleOptionViewItem, entry: Entry) -> None:
        t = theme.current()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(theme.mix(t.window, t.accent, 0.25)))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, QColor(t.raised))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.fillRect(option.rect.x(), option.rect.y(), 2, option.rect.height(), QColor(t.accent))
        ratio = self._view.devicePixelRatioF()
        picture = self.thumbnails.of(entry, self.picture_px, ratio)
        corner = option.rect.topLeft()
        painter.drawPixmap(corner.x() + self.pad_px, corner.y() + PAD_PX // 2, picture)
        painter.setFont(theme.text_font(bold=True))
        painter.setPen(QColor(t.text))
        line = self._text_box(option.rect)
        for text in self.name_lines(entry, option.rect.width()):
            self._line(painter, line, text)
            line.translate(0, LINE_PX)
        painter.setFont(theme.text_font())
        if entry.problem:
            painter.setPen(QColor(t.error))
            line.setHeight(2 * LINE_PX)
            painter.drawText(line, WRAP | TOP_LEFT, _clipped(painter, line, entry.problem))
            return
        painter.setPen(QColor(t.muted))
        for text in self._figure_lines(entry, option, option.rect.width()):
            self._line(painter, line, text)
            line.translate(0, LINE_PX)
        if entry.tags:
            painter.setPen(QColor(t.accent))
            self._line(painter, line, " · ".join(entry.tags))

    def name_lines(self, entry: Entry, width: int) -> list[str]:
        """The name in one line, or broken at a blank into two; both its ends stay, since copies differ in the last."""
        room, metrics = width - self.picture_px - 3 * self.pad_px, QFontMetrics(theme.text_font(bold=True))
        words = entry.name.split(" ")
        fitting = [n for n in range(1, len(words) + 1) if metrics.horizontalAdvance(" ".join(words[:n])) <= room]
        first = max(fitting, default=1)
        lines = [" ".join(part) for part in (words[:first], words[first:]) if part]
        return [*lines[:-1], metrics.elidedText(lines[-1], Qt.TextElideMode.ElideMiddle, room)]

    def _figure_lines(self, entry: Entry, option: QStyleOptionViewItem, width: int) -> list[str]:
        """The figures in one line where they find room, else the two most telling in two."""
        headline = self._library.headline(entry)
        if entry.facts:
            room = width - self.picture_px - 3 * self.pad_px
            fits = all(option.fontMetrics.horizontalAdvance(fact) <= room for fact in entry.facts[:2])
            return list(entry.facts[:2] if fits else entry.facts[3:5] or entry.facts[:1])
        if headline is None:
            return [""] if entry.problem else ["…"]
        said = headline.said()
        room = width - self.picture_px - 3 * self.pad_px
        metrics = option.fontMetrics
        for count in (4, 3, 2):
            text = " · ".join(said[:count])
            if metrics.horizontalAdvance(text) <= room:
                return [text]
        return list(said[:2])

    def _line(self, painter: QPainter, area: QRect, text: str) -> None:
        metrics = painter.fontMetrics()
        painter.drawText(area, MIDDLE, metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width()))

    def _text_box(self, row: QRect) -> QRect:
        """Where the name of a line stands."""
        left = row.x() + 2 * self.pad_px + self.picture_px
        return QRect(left, row.y() + theme.HALF_GRID_PX, max(20, row.right() - left - self.pad_px), LINE_PX)

    # Renaming in place

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A line to type the name into, where the name stands."""
        line = QLineEdit(parent)
        line.setMaxLength(LONGEST_NAME)
        line.setAccessibleName("Name of the design")
        return line

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        box = self._text_box(option.rect)
        editor.setGeometry(box.adjusted(-theme.HALF_GRID_PX, -2, 0, theme.HALF_GRID_PX))


def _clipped(painter: QPainter, area: QRect, text: str) -> str:
    """As much of a text as fits into the two lines of `area`."""
    metrics = painter.fontMetrics()
    shown = text
    while len(shown) > 8 and metrics.boundingRect(area, WRAP | TOP_LEFT, shown).height() > area.height():
        shown = shown[: -max(2, len(shown) // 16)].rstrip(" …") + "…"
    return shown
