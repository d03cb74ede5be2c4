"""The library's lines as Qt's views read them: saved designs, examples and published chips under headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, QUrl, Signal

from explorer.library.entries import ORDERS, Entry, in_order, matches
from explorer.library.library import Library

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
ROW_ROLE = Role.UserRole + 1
SAVED, EXAMPLES, PUBLISHED = "Saved designs", "Examples", "Published chips"
EMPTY = "No saved designs here yet. Save the one you draw, or duplicate an example."
NO_FOLDER = "This folder is not there yet; it is made when you save the first design."
READING = "Reading the folder …"


@dataclass(frozen=True)
class Heading:
    """The head of a section."""

    text: str


@dataclass(frozen=True)
class Note:
    """A sentence in the place of lines."""

    text: str


Row = Heading | Note | Entry


class LibraryModel(QAbstractListModel):
    """What the search lets through, in the order chosen. A change of figures or tags keeps the lines in place."""

    rename_asked = Signal(object, str)
    """(Entry, the name typed in its line)"""
    order_changed = Signal(str)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._rows: tuple[Row, ...] = ()
        self._query, self._order = "", "name"
        library.changed.connect(self.rebuild)
        library.figures_changed.connect(self._repaint)
        self.rebuild()

    # What to show

    @property
    def order(self) -> str:
        """What the saved designs are sorted by: one of ORDERS."""
        return self._order

    def set_query(self, query: str) -> None:
        """Show the designs that match."""
        if query != self._query:
            self._query = query
            self.rebuild()

    def set_order(self, order: str) -> None:
        """Sort by one of ORDERS; another word is left aside."""
        if order != self._order and order in ORDERS:
            self._order = order
            self.rebuild()
            self.order_changed.emit(order)

    def rebuild(self) -> None:
        """Make the lines anew; where only their content is new, they stay where they are."""
        rows = tuple(self._made())
        keys = [_identity(row) for row in rows]
        if keys == [_identity(row) for row in self._rows]:
            self._rows = rows
            self._repaint()
            return
        self.layoutAboutToBeChanged.emit()
        kept = {_identity(row): i for i, row in enumerate(rows)}
        persistent = self.persistentIndexList()
        moved = [kept.get(_identity(self._rows[index.row()]), -1) for index in persistent]
        self._rows = rows
        new = [self.index(row) if row >= 0 else QModelIndex() for row in moved]
        self.changePersistentIndexList(persistent, new)
        self.layoutChanged.emit()

    def _made(self) -> list[Row]:
        saved = in_order([e for e in self._library.saved if matches(e, self._query)], self._order)
        examples = [e for e in self._library.examples if matches(e, self._query)]
        published = [e for e in self._library.published if matches(e, self._query)]
        if self._query.strip() and not saved and not examples and not published:
            return [Note(f"Nothing matches “{self._query.strip()}”.")]
        rows: list[Row] = []
        if saved or not self._query.strip():
            rows.append(Heading(SAVED))
            rows += saved
            if not saved:
                rows.append(Note(self._why_empty()))
        if examples:
            rows += [Heading(EXAMPLES), *examples]
        if published:
            rows += [Heading(PUBLISHED), *published]
        return rows

    def _why_empty(self) -> str:
        if not self._library.loaded:
            return READING
        if self._library.problem:
            return self._library.problem
        return EMPTY if self._library.folder.is_dir() else NO_FOLDER

    def _repaint(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    # What views ask

    def entries(self) -> tuple[Entry, ...]:
        """The designs that are listed, from top to bottom."""
        return tuple(row for row in self._rows if isinstance(row, Entry))

    def texts(self) -> tuple[str, ...]:
        """Every line's text, headings and notes included."""
        return tuple(row.name if isinstance(row, Entry) else row.text for row in self._rows)

    def row_of(self, key: str) -> QModelIndex:
        """The line of an entry; an invalid index where it is not listed."""
        for i, row in enumerate(self._rows):
            if isinstance(row, Entry) and row.key == key:
                return self.index(i)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        row = self._rows[index.row()]
        if role == ROW_ROLE:
            return row
        if not isinstance(row, Entry):
            return row.text if role in (Role.DisplayRole, Role.AccessibleTextRole) else None
        if role in (Role.DisplayRole, Role.EditRole):
            return row.name
        if role == Role.ToolTipRole:
            return self._tip(row)
        return ", ".join(self._said(row)) if role == Role.AccessibleTextRole else None

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:
        row = self._rows[index.row()]
        if role != Role.EditRole or not isinstance(row, Entry):
            return False
        self.rename_asked.emit(row, str(value))
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self._rows[index.row()] if index.isValid() else None
        if not isinstance(row, Entry):
            return Qt.ItemFlag.NoItemFlags
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual if row.is_example else usual | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The files of lines that are dragged: the window and other programs open them."""
        rows = [self._rows[index.row()] for index in indexes]
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(r.path)) for r in rows if isinstance(r, Entry) and r.path is not None])
        return data

    def supportedDragActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction

    def _said(self, entry: Entry) -> list[str]:
        headline = self._library.headline(entry)
        figures = headline.said() if headline is not None else entry.facts[:3]
        return [entry.name, *([entry.problem] if entry.problem else figures), *entry.tags]

    def _tip(self, entry: Entry) -> str:
        lines = [f"<b>{_escaped(entry.name)}</b>"]
        if entry.problem:
            lines.append(_escaped(entry.problem))
        headline = self._library.headline(entry)
        if headline is not None:
            lines += [" · ".join(headline.said())]
        lines += [_escaped(fact) for fact in entry.facts[:3]]
        if entry.design is not None and entry.design.note:
            lines.append(_escaped(entry.design.note[:300]))
        if entry.tags:
            lines.append("Tags: " + _escaped(", ".join(entry.tags)))
        if entry.path is not None:
            lines.append(_escaped(entry.path.name))
        return "<br>".join(lines)


def _identity(row: Row) -> object:
    return row.key if isinstance(row, Entry) else row


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
