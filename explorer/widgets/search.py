"""Searchable lists in popups: the base of them all, and the one for choosing an LLM, a device or a design by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
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
from explorer.widgets.style import height_beside, place_below

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


class ListPopup(QFrame):
    """A line to type into above a list of entries under heads. Enter or a click takes the marked one, Escape closes.

    Subclasses fill the list in `_filter` whenever the line changes, and act in `_take`.
    """

    closed = Signal()

    def __init__(self, placeholder: str, list_name: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(placeholder)
        self.line.setAccessibleName(placeholder)
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self.list = self._make_list(list_name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GRID_PX, theme.GRID_PX, theme.GRID_PX, theme.GRID_PX)
        layout.setSpacing(theme.GRID_PX)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        self.setFocusProxy(self.line)
        self.line.textChanged.connect(self._filter)
        self.line.returnPressed.connect(self._take_current)
        self.list.clicked.connect(self._take_at)

    def _make_list(self, name: str) -> QListView:
        made = QListView(self)
        made.setModel(self._model)
        made.setItemDelegate(EntryDelegate(made))
        made.setFrameShape(QFrame.Shape.NoFrame)
        made.setMouseTracking(True)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        made.setAccessibleName(name)
        return made

    def _filter(self, *_: object) -> None:
        """Lists what fits what was typed."""
        raise NotImplementedError

    def _take(self, entry: Entry) -> None:
        """Acts on an entry that can be chosen."""
        raise NotImplementedError

    @property
    def query(self) -> str:
        """What was typed."""
        return self.line.text().strip()

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

    def _list_groups(self, entries: Iterable[Entry]) -> None:
        """Appends entries under the heads of their groups."""
        group = ""
        for entry in entries:
            if entry.group != group:
                group = entry.group
                self._append_head(group)
            self._append(entry)

    def _append(self, entry: Entry) -> None:
        item = QStandardItem(entry.name)
        item.setData(entry, ENTRY_ROLE)
        usable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(Qt.ItemFlag.NoItemFlags if entry.reason else usable)
        item.setToolTip(" · ".join(filter(None, (entry.name, entry.detail, entry.reason))))
        self._model.appendRow(item)

    def _append_head(self, text: str) -> None:
        item = QStandardItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        self._model.appendRow(item)

    def _mark(self, key: str = "") -> None:
        """Marks the entry with this key, or the first that can be chosen."""
        rows = [self._model.item(row) for row in range(self._model.rowCount())]
        usable = [item for item in rows if item.flags() & Qt.ItemFlag.ItemIsEnabled]
        wanted = [item for item in usable if item.data(ENTRY_ROLE).key == key] or usable
        if wanted:
            self.list.setCurrentIndex(wanted[0].index())
            self.list.scrollTo(wanted[0].index(), QListView.ScrollHint.PositionAtCenter)
        if wanted and wanted[0] is usable[0]:
            # The head of its group stays in sight.
            self.list.scrollToTop()

    def _take_current(self) -> None:
        self._take_at(self.list.currentIndex())

    def _take_at(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE) if index.isValid() else None
        if entry is not None and not entry.reason:
            # First away, then done: what it opens must not lose its focus to a popup that closes.
            self.hide()
            self._take(entry)


class SearchPopup(ListPopup):
    """Entries that match what was typed, under the button that opened it."""

    chosen = Signal(str)
    """The key of the chosen entry."""

    def __init__(self, placeholder: str, parent: QWidget) -> None:
        super().__init__(placeholder, "Matches", parent)
        self._entries: tuple[Entry, ...] = ()

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
        self.resize(WIDTH_PX, height_beside(anchor, QSize(WIDTH_PX, HEIGHT_PX)))
        self.move(place_below(anchor, self.size()))
        self.line.setText(typed)
        self._filter()
        self._mark(current)
        self.show()
        self.line.setFocus()

    def _filter(self, *_: object) -> None:
        self._model.clear()
        self._list_groups(e for e in self._entries if not self.query or matches(e, self.query))
        if not self._model.rowCount():
            self._append_head("Nothing matches")
        self._mark()

    def _take(self, entry: Entry) -> None:
        self.chosen.emit(entry.key)
