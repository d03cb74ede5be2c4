"""The table of the comparison: one column per subject with its header menu, one row per figure or parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from explorer import theme
from explorer.compare.head import REFERENCE_TINT, LabelHeader, SubjectHeader, Title
from explorer.compare.lines import BEST_MARK, Cell, Line, as_tsv

Index = QModelIndex | QPersistentModelIndex
LINE_ROLE = Qt.ItemDataRole.UserRole + 1
CELL_ROLE = Qt.ItemDataRole.UserRole + 2
ROW_PX = 3 * theme.GRID_PX
MIN_COLUMN_PX, MAX_COLUMN_PX = 200, 288
LABEL_PX, GOOD_LABEL_PX, LEAST_LABEL_PX = 272, 224, 176
"""Width of the labels: with room for all words, for most of them, and in a narrow window."""
RATIO_PX = 80
MARK_PX = 18
BANDED = " ±"
"""Stands for a band that has no room; hovering tells it."""
PAD_PX = theme.GRID_PX
KEEPS_CELL = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Menu)
OWN_KEYS = (Qt.Key.Key_Delete, Qt.Key.Key_F2, Qt.Key.Key_Space)
MOVES = Qt.KeyboardModifier.AltModifier


class GridModel(QAbstractTableModel):
    """Lines of cells under the titles of the subjects."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: tuple[Line, ...] = ()
        self.titles: tuple[Title, ...] = ()

    def show_lines(self, lines: Sequence[Line], titles: Sequence[Title]) -> None:
        """Replace what is shown; where rows and columns stay the same, only their contents change."""
        shape = ([n.key for n in lines], [t.id for t in titles])
        same = shape == ([n.key for n in self.lines], [t.id for t in self.titles])
        if not same:
            self.beginResetModel()
        self.lines, self.titles = tuple(lines), tuple(titles)
        if not same:
            self.endResetModel()
        elif lines and titles:
            self.dataChanged.emit(self.index(0, 0), self.index(len(lines) - 1, len(titles) - 1))
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(titles) - 1)
            self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, len(lines) - 1)

    def cell(self, row: int, column: int) -> Cell:
        """What stands in a cell."""
        return self.lines[row].cells[column]

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines) or index.column() >= len(self.titles):
            return None
        cell = self.cell(index.row(), index.column())
        if role == CELL_ROLE:
            return cell
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return cell.words
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tip
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        # While the model resets, each header still asks about sections that it had.
        if section >= (len(self.titles) if orientation == Qt.Orientation.Horizontal else len(self.lines)):
            return None
        if orientation == Qt.Orientation.Horizontal:
            title = self.titles[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return title.name
            return title.tip if role == Qt.ItemDataRole.ToolTipRole else None
        line = self.lines[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return line.label
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, (line.tip, line.note)))
        return None


def paint_cell(painter: QPainter, rect: QRectF, cell: Cell, colors: tuple[str, str], ratios: bool) -> None:
    """Draw a cell: mark, figure with its band, ratio in a column of its own. `colors` are those of text and faint text.

    The picture for export draws its cells by this too.
    """
    t = theme.current()
    text, muted = colors
    right = rect.right() - PAD_PX
    center = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    if ratios:
        painter.setFont(theme.text_font())
        tint = text if text == t.on_accent else (t.error, muted, t.ok)[cell.goodness + 1]
        painter.setPen(QColor(tint))
        painter.drawText(QRectF(right - RATIO_PX, rect.y(), RATIO_PX, rect.height()), center, cell.ratio)
        right -= RATIO_PX
    font = theme.text_font(bold=cell.strong)
    painter.setFont(font)
    failed = cell.goodness < 0 and not cell.ratio and text != t.on_accent
    painter.setPen(QColor(t.error if failed else muted if cell.muted else text))
    room = right - rect.left() - (MARK_PX if cell.best else theme.HALF_GRID_PX)
    taken = _paint_band(painter, QRectF(rect.left(), rect.y(), right - rect.left(), rect.height()), cell, room, muted)
    right, room = right - taken, room - taken
    if not cell.ratio and QFontMetrics(font).horizontalAdvance(cell.text) > room:
        room += rect.right() - PAD_PX - right
        right = rect.right() - PAD_PX
    shown = QFontMetrics(font).elidedText(cell.text, Qt.TextElideMode.ElideRight, int(room))
    painter.drawText(QRectF(right - room, rect.y(), room, rect.height()), center, shown)
    if cell.best:
        x = right - QFontMetrics(font).horizontalAdvance(shown) - MARK_PX
        where = QRectF(x, rect.y(), MARK_PX - theme.HALF_GRID_PX, rect.height())
        painter.drawText(where, center, BEST_MARK)


def cell_px(cell: Cell, ratios: bool) -> int:
    """The width at which a cell's figure stands with its mark, its whole band and the ratio beside it."""
    words = QFontMetrics(theme.text_font(bold=cell.strong)).horizontalAdvance(cell.text)
    if cell.band:
        words += QFontMetrics(theme.text_font()).horizontalAdvance(f" ({cell.band})")
    mark = MARK_PX if cell.best else theme.HALF_GRID_PX
    return math.ceil(words + mark + PAD_PX + (RATIO_PX if ratios else 0)) + 1


def _paint_band(painter: QPainter, rect: QRectF, cell: Cell, room: float, color: str) -> float:
    """Draw the band at the right end where both have room, else a sign that there is one; the width that it takes."""
    if not cell.band:
        return 0.0
    pen, figure_px = painter.pen(), painter.fontMetrics().horizontalAdvance(cell.text)
    plain = QFontMetrics(theme.text_font())
    text = next((t for t in (f" ({cell.band})", BANDED) if figure_px + plain.horizontalAdvance(t) <= room), "")
    painter.setFont(theme.text_font())
    painter.setPen(QColor(color))
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
    painter.setFont(theme.text_font(bold=cell.strong))
    painter.setPen(pen)
    return float(plain.horizontalAdvance(text))


class CellDelegate(QStyledItemDelegate):
    """Draws cells; the reference's column has a ground of its own."""

    def __init__(self, view: Grid) -> None:
        super().__init__(view)
        self._grid = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(MIN_COLUMN_PX, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = theme.current()
        marked = bool(option.state & QStyle.StateFlag.State_Selected)
        title = self._grid.grid.titles[index.column()]
        ground = theme.mix(t.base, t.accent, REFERENCE_TINT) if title.is_reference else t.base
        painter.save()
        painter.fillRect(option.rect, QColor(t.accent if marked else ground))
        painter.setPen(QColor(t.grid))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        colors = (t.on_accent, t.on_accent) if marked else (t.text, t.muted)
        ratios = self._grid.ratios and not title.is_reference
        paint_cell(painter, QRectF(option.rect), index.data(CELL_ROLE), colors, ratios)
        painter.restore()


class Grid(QTableView):
    """The view: labels stay in sight at the left, columns are moved by dragging their head or by Alt and an arrow."""

    menu_asked = Signal(str, QPoint)
    """(subject, place on the screen): the column's menu shall open."""
    moved = Signal(str, int)
    """(subject, new place among the columns)."""
    remove_asked = Signal(str)
    explain_asked = Signal(int, str)
    """(column, key of a figure of its report)."""
    rename_asked = Signal(str)
    take_back_asked = Signal()

    def __init__(self, name: str, ratios: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ratios = ratios
        self.can_take_back = False
        """True where a removed column can come back."""
        self.grid = GridModel(self)
        self.setModel(self.grid)
        self.setItemDelegate(CellDelegate(self))
        self.head = SubjectHeader(self.grid, self)
        self.setHorizontalHeader(self.head)
        self.setVerticalHeader(LabelHeader(self.grid, self))
        self.setAccessibleName(name)
        self._set_up()
        self.head.asked.connect(self._open_menu)
        self.head.dropped.connect(self.moved)
        self.doubleClicked.connect(self._explain)

    def _set_up(self) -> None:
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        labels = self.verticalHeader()
        labels.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        labels.setDefaultSectionSize(ROW_PX)
        labels.setFixedWidth(LABEL_PX)
        self.setCornerButtonEnabled(False)
        self.restyle()
        theme.notifier.changed.connect(self.restyle)

    def restyle(self) -> None:
        """Take over the theme's colours."""
        t = theme.current()
        corner = f"background: {t.window}; border: 0; border-bottom: 1px solid {t.border};"
        self.setStyleSheet(f"QTableCornerButton::section {{ {corner} }}")

    def show_lines(self, lines: Sequence[Line], titles: Sequence[Title]) -> None:
        """Show other lines or subjects; the chosen cell stays with its subject and row where both remain."""
        current = self.currentIndex()
        before = self._place(current)
        self.grid.show_lines(lines, titles)
        if before is not None and not self.currentIndex().isValid():
            self._go_to(*before)
        self.fit_columns()

    def _place(self, index: Index) -> tuple[str, str] | None:
        if not index.isValid() or index.row() >= len(self.grid.lines) or index.column() >= len(self.grid.titles):
            return None
        return self.grid.lines[index.row()].key, self.grid.titles[index.column()].id

    def _go_to(self, key: str, subject: str) -> None:
        rows = [i for i, line in enumerate(self.grid.lines) if line.key == key]
        columns = [i for i, title in enumerate(self.grid.titles) if title.id == subject]
        if rows and columns:
            self.setCurrentIndex(self.grid.index(rows[0], columns[0]))

    def fit_columns(self) -> None:
        """Share the width among the columns as long as each has room for its figures."""
        count = len(self.grid.titles)
        labels = max(LEAST_LABEL_PX, min(LABEL_PX, self.width() // 4))
        # Labels give way before the last column has to be scrolled to.
        spare = self.width() - theme.GRID_PX * 2 - count * MIN_COLUMN_PX
        if GOOD_LABEL_PX <= spare < labels:
            labels = spare
        self.verticalHeader().setFixedWidth(labels)
        if count:
            room = self.width() - labels - theme.GRID_PX * 2
            each = max(MIN_COLUMN_PX, min(MAX_COLUMN_PX, room // count))
            self.head.setDefaultSectionSize(each)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    def event(self, event: QEvent) -> bool:
        """Keys that mean something to the chosen column are no shortcuts of the window meanwhile."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            moves = event.modifiers() & MOVES and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            undoes = self.can_take_back and event.matches(QKeySequence.StandardKey.Undo)
            own = event.key() in OWN_KEYS or event.matches(QKeySequence.StandardKey.Copy)
            if moves or own or undoes:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter or Menu open the column's menu, Delete removes it, F2 renames it, Alt with an arrow moves it.

        Space asks where the cell's figure is from.
        """
        place = self._place(self.currentIndex())
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif self.can_take_back and event.matches(QKeySequence.StandardKey.Undo):
            self.take_back_asked.emit()
        elif place is None:
            super().keyPressEvent(event)
        elif event.key() in KEEPS_CELL:
            self._open_menu(self.currentIndex().column())
        elif event.key() == Qt.Key.Key_Delete:
            self.remove_asked.emit(place[1])
        elif event.key() == Qt.Key.Key_Space:
            self._explain(self.currentIndex())
        elif event.key() == Qt.Key.Key_F2:
            self.rename_asked.emit(place[1])
        elif event.modifiers() & MOVES and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            self.moved.emit(place[1], max(0, self.currentIndex().column() + step))
        else:
            super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the chosen cells with their labels, or all where none is chosen, on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    def text(self) -> str:
        """The chosen rows and columns, or all, as tab-separated text."""
        chosen = self.selectionModel().selectedIndexes()
        rows = sorted({i.row() for i in chosen}) if len(chosen) > 1 else list(range(len(self.grid.lines)))
        columns = sorted({i.column() for i in chosen}) if len(chosen) > 1 else list(range(len(self.grid.titles)))
        lines = [Line(n.key, n.label, tuple(n.cells[c] for c in columns)) for n in (self.grid.lines[r] for r in rows)]
        return as_tsv(lines, [self.grid.titles[c].name for c in columns])

    def full_size(self) -> QSize:
        """The size at which nothing needs to be scrolled."""
        return QSize(
            self.verticalHeader().width() + self.head.length(), self.head.height() + self.verticalHeader().length()
        )

    def _open_menu(self, column: int) -> None:
        left = self.head.sectionViewportPosition(column)
        place = self.head.viewport().mapToGlobal(QRect(left, 0, 1, self.head.height()).bottomLeft())
        self.menu_asked.emit(self.grid.titles[column].id, place)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Of a cell: where its figure is from, and copying; by the keyboard the column's menu."""
        index = self.indexAt(event.pos())
        if event.reason() == QContextMenuEvent.Reason.Keyboard or not index.isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        where = menu.addAction("Where from?", partial(self._explain, index))
        where.setEnabled(bool(self.grid.cell(index.row(), index.column()).explain))
        menu.addSeparator()
        menu.addAction("Copy the figure", partial(self._copy_cell, QPersistentModelIndex(index)))
        menu.addAction("Copy the table" if len(self.selectedIndexes()) < 2 else "Copy the chosen cells", self.copy)
        menu.popup(event.globalPos())
        event.accept()

    def _copy_cell(self, index: QPersistentModelIndex) -> None:
        if index.isValid():
            QGuiApplication.clipboard().setText(self.grid.cell(index.row(), index.column()).text)

    def _explain(self, index: QModelIndex) -> None:
        cell = self.grid.cell(index.row(), index.column())
        if cell.explain:
            self.explain_asked.emit(index.column(), cell.explain)
