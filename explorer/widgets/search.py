"""A searchable list in a popup: for choosing an LLM or a device by typing any part of its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHideEvent, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.widgets.style import place_below

ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1
ROW_PX = 24
HEAD_PX = 28
WIDTH_PX = 440
HEIGHT_PX = 420
LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Entry:
    """One line of the list. With a `reason` it is greyed and can't be chosen."""

    key: str
    name: str
    detail: str = ""
    group: str = ""
    reason: str = ""
    also: tuple[str, ...] = ()
    """Other names that find it."""


def folded(text: str) -> str:
    """Text without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def matches(entry: Entry, query: str) -> bool:
    """Whether every word of the query stands somewhere in the entry's name, other names or group."""
    words = [folded(word) for word in query.split()]
    return any(
        all(word in folded(f"{entry.group} {name}") for word in words) or folded(query) in folded(name)
        for name in (entry.name, *entry.also)
    )


class EntryDelegate(QStyledItemDelegate):
    """Draws name and detail of an entry, a greyed one with its reason below, and the head of a group."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry = index.data(ENTRY_ROLE)
        if entry is None:
            return QSize(0, HEAD_PX)
        return QSize(0, ROW_PX + (ROW_PX - theme.HALF_GRID_PX if entry.reason else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t, entry = theme.current(), index.data(ENTRY_ROLE)
        area = option.rect.adjusted(theme.GRID_PX, 0, -theme.GRID_PX, 0)
        painter.save()
        if entry is None:
            painter.setFont(theme.text_font(bold=True))
            painter.setPen(QColor(t.muted))
            painter.drawText(area.adjusted(0, 0, 0, -2), Qt.AlignmentFlag.AlignBottom, str(index.data()))
        else:
            self._paint_entry(painter, entry, area, option, t)
        painter.restore()

    def _paint_entry(
        self, painter: QPainter, entry: Entry, area: QRect, option: QStyleOptionViewItem, t: theme.Theme
    ) -> None:
        marked = bool(option.state & QStyle.StateFlag.State_Selected)
        if marked:
            painter.fillRect(option.rect, QColor(t.accent))
        name, detail = (t.on_accent, t.on_accent) if marked else (t.muted if entry.reason else t.text, t.muted)
        line = QRect(area.x(), area.y(), area.width(), ROW_PX)
        metrics = option.fontMetrics
        room = area.width() - metrics.horizontalAdvance(entry.detail) - theme.GRID_PX
        painter.setPen(QColor(name))
        shown = metrics.elidedText(entry.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.setPen(QColor(detail))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, entry.detail)
        if entry.reason:
            below = line.translated(theme.GRID_PX, ROW_PX - theme.HALF_GRID_PX - 2)
            room = below.width() - theme.GRID_PX
            reason = metrics.elidedText(entry.reason, Qt.TextElideMode.ElideRight, room)
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, reason)


class SearchPopup(QFrame):
    """A line to type into above the entries that match. Enter or a click chooses, Escape closes."""

    chosen = Signal(str)
    """The key of the chosen entry."""
    closed = Signal()

    def __init__(self, placeholder: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._entries: tuple[Entry, ...] = ()
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(placeholder)
        self.line.setAccessibleName(placeholder)
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(EntryDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName("Matches")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GRID_PX, theme.GRID_PX, theme.GRID_PX, theme.GRID_PX)
        layout.setSpacing(theme.GRID_PX)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        self.setFocusProxy(self.line)
        self.line.textChanged.connect(self._filter)
        self.line.returnPressed.connect(self._choose_current)
        self.list.clicked.connect(self._choose)

    def add_button(self, text: str) -> QPushButton:
        """A button below the list."""
        button = QPushButton(text, self)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(button)
        return button

    def open_below(self, anchor: QWidget, entries: Sequence[Entry], current: str = "", typed: str = "") -> None:
        """Show the entries under `anchor`, `current` marked, and start the search with `typed`."""
        self._entries = tuple(entries)
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.move(place_below(anchor, self.size()))
        self.line.setText(typed)
        self._filter()
        self._mark(current)
        self.show()
        self.line.setFocus()

    def shown(self) -> tuple[str, ...]:
        """Keys of the entries that are listed now, those that can't be chosen included."""
        entries = (self._model.item(row).data(ENTRY_ROLE) for row in range(self._model.rowCount()))
        return tuple(e.key for e in entries if e is not None)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.closed.emit()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """The arrow keys move through the list while the line keeps the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in LIST_KEYS:
            self.list.keyPressEvent(event)
            return True
        return False

    def _filter(self, *_: object) -> None:
        """List what matches the line, under the heads of its groups."""
        query = self.line.text().strip()
        found = [e for e in self._entries if not query or matches(e, query)]
        self._model.clear()
        group = ""
        for entry in found:
            if entry.group != group:
                group = entry.group
                self._append(group, None)
            self._append(entry.name, entry)
        if not found:
            self._append("Nothing matches", None)
        self._mark("")

    def _append(self, text: str, entry: Entry | None) -> None:
        item = QStandardItem(text)
        item.setData(entry, ENTRY_ROLE)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        if entry is not None and not entry.reason:
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        if entry is not None:
            item.setToolTip(" · ".join(filter(None, (entry.name, entry.detail, entry.reason))))
        self._model.appendRow(item)

    def _mark(self, key: str) -> None:
        """Mark the entry with this key, or the first that can be chosen."""
        rows = [self._model.item(row) for row in range(self._model.rowCount())]
        usable = [item for item in rows if item.flags() & Qt.ItemFlag.ItemIsEnabled]
        wanted = [item for item in usable if item.data(ENTRY_ROLE).key == key] or usable
        if wanted:
            self.list.setCurrentIndex(wanted[0].index())
            self.list.scrollTo(wanted[0].index(), QListView.ScrollHint.PositionAtCenter)
        if wanted and wanted[0] is usable[0]:
            # The head of its group stays in sight.
            self.list.scrollToTop()

    def _choose_current(self) -> None:
        self._choose(self.list.currentIndex())

    def _choose(self, index: QModelIndex) -> None:
        model: QAbstractItemModel = self._model
        if index.isValid() and model.flags(index) & Qt.ItemFlag.ItemIsEnabled:
            key = index.data(ENTRY_ROLE).key
            self.hide()
            self.chosen.emit(key)
