"""A read-only table of ready words, and how large dialogs open, as those about evidence have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from explorer import theme
from explorer.charts.chart_menu import copy_text

ROW_PX = 3 * theme.GRID_PX
MOST_COLUMN_PX = 360
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class PlainTable(QTableWidget):
    """Rows of texts; columns named in `numbers` are right-aligned, `wide` takes the room that is left.

    `tips` explain columns; with `wraps` rows get as high as their text needs.
    """

    def __init__(
        self, name: str, header: Sequence[str], numbers: Iterable[str] = (), wide: str = "",
        tips: Mapping[str, str] | None = None, wraps: bool = False, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(0, len(header), parent)
        self._columns = tuple(header)
        self._numbers = frozenset(numbers)
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(header))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.setShowGrid(False)
        self.setWordWrap(wraps)
        self._wraps = wraps
        # The line that is chosen is seen by its ground; no frame around one cell of it.
        self.setStyleSheet("QTableView { outline: 0 } QTableView::item { padding: 0 5px }")
        self.setFrameShape(QTableWidget.Shape.NoFrame)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setMaximumSectionSize(MOST_COLUMN_PX)
        for i, column in enumerate(header):
            if (title := self.horizontalHeaderItem(i)) is not None:
                title.setTextAlignment(RIGHT if column in self._numbers else LEFT)
                title.setToolTip((tips or {}).get(column, column))
            stretched = column == wide
            head.setSectionResizeMode(
                i, QHeaderView.ResizeMode.Stretch if stretched else QHeaderView.ResizeMode.ResizeToContents
            )
        theme.notifier.changed.connect(self._retheme)

    def show_rows(self, rows: Sequence[Sequence[str]], tips: Sequence[str] = (), faint: Iterable[str] = ()) -> None:
        """Replace the rows; `tips` are one per row, columns in `faint` are written in muted ink."""
        self._faint = frozenset(faint)
        self.setRowCount(len(rows))
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setTextAlignment(RIGHT if self._columns[c] in self._numbers else LEFT)
                item.setToolTip(tips[r] if r < len(tips) else text)
                self.setItem(r, c, item)
        self._retheme()
        self._fit_rows()

    def _fit_rows(self) -> None:
        if self._wraps:
            self.resizeRowsToContents()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_rows()

    _faint: frozenset[str] = frozenset()

    def _retheme(self) -> None:
        muted = QColor(theme.current().muted)
        for c, column in enumerate(self._columns):
            if column in self._faint:
                for item in filter(None, (self.item(r, c) for r in range(self.rowCount()))):
                    item.setForeground(muted)

    def texts(self) -> list[tuple[str, ...]]:
        """The rows on show."""
        columns = range(self.columnCount())
        items = [[self.item(r, c) for c in columns] for r in range(self.rowCount())]
        return [tuple(item.text() if item is not None else "" for item in row) for row in items]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_text("\n".join("\t".join(row) for row in (self._columns, *self.texts())))
        else:
            super().keyPressEvent(event)


def fitting(dialog: QWidget, size: QSize) -> QSize:
    """The first size of a dialog: what was wished, or what its window's screen has room for."""
    window = dialog.parentWidget() or dialog
    room = window.screen().availableGeometry().size()
    if dialog.parentWidget() is not None:
        room = room.boundedTo(window.window().size())
    return size.boundedTo(room - QSize(4 * theme.GRID_PX, 6 * theme.GRID_PX))
